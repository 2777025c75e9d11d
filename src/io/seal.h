// A checksum at the end of a file that Moka wrote, as a protobuf field that other readers skip.
// The file says at its beginning that it must be there, in another such field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/wire_reader.h"

namespace moka {

// The first bytes of a file that will be sealed: `sealed` 5098 of SolverState.
std::string SealMark();
// The last bytes of a file: `checksum` 5099, with the CRC-32 of all before it.
std::string Seal(uint32_t checksum);

// The checksum of a sealed file, after all its bytes have been read and compared; nothing if it has
// none and `marked`, which is what its beginning says, is false. Throws Error if they differ, or
// if the end of a marked file is missing.
std::optional<uint32_t> CheckSeal(WireReader& reader, bool marked);

}  // namespace moka
