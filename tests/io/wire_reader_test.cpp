// What the wire reader says of bytes that are no protobuf message, and of files that are none.
#include "io/wire_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "io/data_files.h"
#include "moka/error.h"

namespace moka {
namespace {

using namespace std::string_literals;

class WireReaderRefusal : public ::testing::Test {
 protected:
  // What it says of a file with these contents while it reads all fields.
  std::string Reading(const std::string& contents) {
    return Refusal<Error>(folder_, [&] {
      WireReader reader(folder_.Write("m", contents));
      for (WireReader::Field field; reader.Next(reader.size(), field);) reader.Seek(field.end);
    });
  }
  // The same for `read` after the file was cut to nothing.
  template <typename F>
  std::string ReadingWhatWasCut(const F& read) {
    return Refusal<Error>(folder_, [&] {
      WireReader reader(folder_.Write("m", std::string(200000, '\1')));
      std::filesystem::resize_file(folder_ / "m", 0);
      read(reader);
    });
  }
  testing::TemporaryFolder folder_;
};

TEST_F(WireReaderRefusal, NamesTheFieldThatIsNone) {
  EXPECT_EQ(Reading("\x08\x01\x02\x00"s),
            "m: damaged at byte 2: not a field of a protobuf message");  // number 0
  EXPECT_EQ(Reading("\x08\x01\x0b"s),
            "m: damaged at byte 2: not a field of a protobuf message");  // type 3, a group
  EXPECT_EQ(Reading("\xff\xff\xff\xff\xff\x01\x00"s),
            "m: damaged at byte 0: not a field of a protobuf message");  // number 2^37 and more
}

TEST_F(WireReaderRefusal, NamesTheNumberThatIsTooLongOrCutShort) {
  EXPECT_EQ(Reading("\x08"s + std::string(10, '\xff') + "\x01"),
            "m: damaged at byte 1: a number of more than 10 bytes");
  EXPECT_EQ(Reading("\x08\xff\xff"s), "m: damaged at byte 1: a number is cut short");
  EXPECT_EQ(Reading("\x0d\x01\x02"s), "m: damaged at byte 0: field 1 has 4 bytes, 2 are left");
}

TEST_F(WireReaderRefusal, NoticesAFileThatShrinksWhileItIsRead) {
  EXPECT_EQ(ReadingWhatWasCut([](WireReader& reader) {
              WireReader::Field field;
              reader.Next(reader.size(), field);
            }),
            "m: damaged at byte 0: a number is cut short");
  EXPECT_EQ(ReadingWhatWasCut([](WireReader& reader) {
              int32_t value = 0;
              reader.Seek(7);
              reader.Read(&value, sizeof value);
            }),
            "m: damaged at byte 7: the file ends here");
  EXPECT_EQ(ReadingWhatWasCut([](WireReader& reader) {
              std::string large(100000, '\0');
              reader.Read(large.data(), 100000);
            }),
            "m: damaged at byte 0: the file ends here");
}

TEST_F(WireReaderRefusal, TakesRegularFilesOnlyAndDoesNotWaitForAWriter) {
  const auto opening = [&](const std::string& path) {
    return Refusal<Error>(folder_, [&] { WireReader reader(path); });
  };
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(opening(folder_ / "pipe"), "cannot read \"pipe\": it is not a regular file");
  EXPECT_EQ(opening("/dev/null"), "cannot read \"/dev/null\": it is not a regular file");
}

}  // namespace
}  // namespace moka
