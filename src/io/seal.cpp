// A checksum at the end of a file that Moka wrote.
#include "io/seal.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "io/stored_blob.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr uint64_t kMark = 5098, kChecksum = 5099;
// The upper half of the checksum's field, so that no other file ends like this by chance.
constexpr uint64_t kMagic = uint64_t{0x414b4f4d} << 32;  // "MOKA"

std::string SealTag() {
  std::string tag;
  AppendVarint(tag, kChecksum << 3 | WireReader::kFixed64);
  return tag;
}

}  // namespace

std::string SealMark() {
  std::string mark;
  AppendVarint(mark, kMark << 3 | WireReader::kVarint);
  AppendVarint(mark, 1);
  return mark;
}

std::string Seal(uint32_t checksum) {
  std::string seal = SealTag();
  for (int i = 0; i < 8; ++i) seal += static_cast<char>((kMagic | checksum) >> (8 * i) & 0xff);
  return seal;
}

std::optional<uint32_t> CheckSeal(WireReader& reader, bool marked) {
  std::string found(Seal(0).size(), '\0');
  const int64_t contents = reader.size() - static_cast<int64_t>(found.size());
  if (contents >= 0) {
    reader.Seek(contents);
    reader.Read(found.data(), static_cast<int64_t>(found.size()));
  }
  reader.Seek(0);
  uint64_t value = 0;
  std::memcpy(&value, found.data() + SealTag().size(), sizeof value);
  const auto said = static_cast<uint32_t>(value);
  if (contents < 0 || found != Seal(said)) {
    if (!marked) return std::nullopt;
    throw Error(reader.path(), ": damaged: it ends without its checksum; it was cut off after ",
                reader.size(), " bytes, or its end was changed");
  }
  uint32_t counted = 0;
  std::vector<char> piece(1 << 20);
  for (int64_t at = 0; at < contents;) {
    const int64_t bytes = std::min(contents - at, static_cast<int64_t>(piece.size()));
    reader.Read(piece.data(), bytes);
    counted = static_cast<uint32_t>(
        crc32_z(counted, reinterpret_cast<const Bytef*>(piece.data()), static_cast<size_t>(bytes)));
    at += bytes;
  }
  reader.Seek(0);
  if (counted == said) return said;
  throw Error(reader.path(), ": damaged: its contents have the checksum ", counted, ", it says ",
              said, "; was it changed, or the disk at fault?");
}

}  // namespace moka
