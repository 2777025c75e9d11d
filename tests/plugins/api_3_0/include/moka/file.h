// Finding and reading files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "moka/export.h"

namespace moka {

// Where `path` lies: as given (from the working directory), then beside `beside` (a file; may be
// empty), then under $MOKA_DATA. Absolute paths are taken as they are. Throws Error with all that
// was tried.
MOKA_EXPORT std::string FindFile(const std::string& path, const std::string& beside);

// The whole file. Throws Error with the system's reason: missing, a directory, not readable, longer
// than `most` bytes.
MOKA_EXPORT std::string ReadFile(const std::string& path, int64_t most = int64_t{1} << 31);
// The whole file, unpacked if it is gzip. Throws Error also if it is truncated or corrupt.
MOKA_EXPORT std::string ReadMaybeGzip(const std::string& path);

// Writes to a temporary file beside `path`, then renames it over `path`. Throws Error with the
// system's reason; then `path` is as it was and no temporary file stays.
MOKA_EXPORT void WriteFile(const std::string& path, std::string_view contents);

}  // namespace moka
