// Shapes that a stored blob cannot have, by text and byte.
#include "io/stored_blob.h"

#include <gtest/gtest.h>

#include "io/data_files.h"
#include "moka/error.h"

namespace moka {
namespace {

std::string Field(int number, const std::string& contents) {
  std::string out;
  AppendHead(out, number, static_cast<int64_t>(contents.size()));
  return out + contents;
}

// A blob's shape { dim: ... }, packed or one by one.
std::string Packed(const std::vector<int64_t>& dims) {
  std::string bytes;
  for (const int64_t dim : dims) AppendVarint(bytes, static_cast<uint64_t>(dim));
  return Field(7, Field(1, bytes));
}
std::string OneByOne(const std::vector<int64_t>& dims) {
  std::string bytes;
  for (const int64_t dim : dims) {
    AppendVarint(bytes, 1 << 3);
    AppendVarint(bytes, static_cast<uint64_t>(dim));
  }
  return Field(7, bytes);
}

std::string Scanning(const std::string& blob) {
  const testing::TemporaryFolder folder;
  return Refusal<Error>(folder, [&] {
    WireReader reader(folder.Write("m", blob));
    ScanBlob(reader, 0, reader.size());
  });
}

TEST(StoredBlob, RefusesSizesThatNoShapeHas) {
  for (const auto& write : {Packed, OneByOne}) {
    EXPECT_EQ(Scanning(write({2, -1})), "m: damaged at byte 0: shape 2x-1 has a negative size, -1");
    EXPECT_EQ(Scanning(write({int64_t{1} << 32, int64_t{1} << 32})),
              "m: damaged at byte 0: shape 4294967296x4294967296 is too large: the product of its "
              "sizes exceeds 2^63 - 1");
  }
}

TEST(StoredBlob, RefusesTooManyAxesWithoutListingThemAll) {
  const std::vector<int64_t> axes(1001, 1);
  EXPECT_EQ(Scanning(Packed(axes)), "m: damaged at byte 3: a shape of more than 1000 axes");
  EXPECT_EQ(Scanning(OneByOne(axes)), "m: damaged at byte 2003: a shape of more than 1000 axes");
}

}  // namespace
}  // namespace moka
