// The checksum at the end of a file.
#include "io/seal.h"

#include <gtest/gtest.h>

#include "io/output_file.h"
#include "io/temporary_folder.h"
#include "moka/error.h"

namespace moka {
namespace {

using testing::TemporaryFolder;

std::string Checked(const std::string& file, bool marked) {
  WireReader reader(file);
  try {
    const auto checksum = CheckSeal(reader, marked);
    return checksum ? std::to_string(*checksum) : "none";
  } catch (const Error& error) {
    return std::string(error.what()).substr(file.size() + 2);
  }
}

// CRC-32 of "123456789" is cbf43926: every description of it says so.
TEST(Seal, IsTheCrc32OfAllBeforeIt) {
  TemporaryFolder folder;
  OutputFile file(folder / "f");
  file.Write("123456789");
  EXPECT_EQ(file.checksum(), 0xcbf43926u);
  file.Write(Seal(file.checksum()));
  file.Commit();
  EXPECT_EQ(folder.Read("f"), std::string("123456789\xd9\xbe\x02\x26\x39\xf4\xcbMOKA"));
  EXPECT_EQ(Checked(folder / "f", true), std::to_string(0xcbf43926u));
  EXPECT_EQ(Checked(folder / "f", false), std::to_string(0xcbf43926u));
}

TEST(Seal, IsMissedOnlyWhereTheFileSaysThatItIsThere) {
  TemporaryFolder folder;
  folder.Write("f", "123456789 and more");
  EXPECT_EQ(Checked(folder / "f", false), "none");
  EXPECT_EQ(Checked(folder / "f", true),
            "damaged: it ends without its checksum; it was cut off after 18 bytes, or its end was "
            "changed");
  folder.Write("short", "1");
  EXPECT_EQ(Checked(folder / "short", false), "none");
}

TEST(Seal, FindsEveryChangeOfAByte) {
  TemporaryFolder folder;
  const std::string whole = "123456789" + Seal(0xcbf43926u);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    folder.Write("f", changed);
    EXPECT_EQ(Checked(folder / "f", true).substr(0, 9), "damaged: ") << at;
  }
  folder.Write("f", "023456789" + Seal(0xcbf43926u));
  EXPECT_EQ(Checked(folder / "f", true),
            "damaged: its contents have the checksum 3700370789, it says 3421780262; was it "
            "changed, or the disk at fault?");
}

}  // namespace
}  // namespace moka
