// What of HDF5 there is in every build: whether the library is there, what an HDF5 file looks like,
// and how a layer is named in one.
#pragma once

#include <string>
#include <string_view>

namespace moka {

// Whether this build reads and writes HDF5.
bool HasHdf5();
// Throws Error if it does not: "cannot VERB "PATH": ..." with how to get it.
void NeedHdf5(std::string_view verb, const std::string& path);

// Whether the file begins with HDF5's signature. Throws Error with the system's reason if it cannot
// be read.
bool IsHdf5File(const std::string& path);

// A layer's name as the name of one link in a file: '%' is %25, '/' is %2F, a zero byte %00; the
// name "." is %2E, and the empty one is a single '%'.
std::string EscapeHdf5Name(std::string_view name);
// The way back. A '%' before anything else stays as it is: other programs escape nothing.
std::string UnescapeHdf5Name(std::string_view link);

}  // namespace moka
