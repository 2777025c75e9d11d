#include <gtest/gtest.h>

#include "io/data_files.h"
#include "moka/data_source.h"
#include "moka/error.h"

namespace moka {
namespace {

class Cifar10 : public ::testing::Test {
 protected:
  std::string Refused(const std::vector<std::string>& paths) {
    return Refusal<Error>(folder_, [&] { OpenCifar10(paths); });
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Cifar10, ReadsFilesOneAfterTheOther) {
  const std::vector<std::string> paths = {folder_.Write("a.bin", CifarRecords(0, 3)),
                                          folder_.Write("b.bin.gz", Gzip(CifarRecords(3, 9)))};
  const auto source = OpenCifar10(paths);
  EXPECT_EQ(source->size(), 12);
  EXPECT_EQ(source->item_shape(), (Shape{3, 32, 32}));
  EXPECT_TRUE(source->has_labels());
  for (int64_t i = 0; i < 12; ++i) {
    std::vector<float> x(3072);
    source->Read(i, x);
    const float red = static_cast<float>(i + 1);
    EXPECT_EQ(source->label(i), i % 10);
    EXPECT_EQ((std::vector<float>{x[0], x[1023], x[1024], x[2047], x[2048], x[3071]}),
              (std::vector<float>{red, red, red + 1, red + 1, red + 2, red + 2}));
    EXPECT_EQ(source->Bytes(i)[3071], i + 3);
  }
  EXPECT_EQ(source->Name(2), paths[0] + " item 2");
  EXPECT_EQ(source->Name(3), paths[1] + " item 0");
}

TEST_F(Cifar10, RefusesATruncatedFile) {
  EXPECT_EQ(
      Refused({folder_.Write("a.bin", CifarRecords(0, 2).substr(0, 6000))}),
      "a.bin: 6000 bytes are 1 CIFAR-10 records of 3073 bytes and 2927 more; truncated, or not "
      "CIFAR-10's binary format? [source]");
}

TEST_F(Cifar10, RefusesALabelBeyondNine) {
  std::string records = CifarRecords(0, 3);
  records[3073] = static_cast<char>(200);
  EXPECT_EQ(Refused({folder_.Write("ok.bin", CifarRecords(0, 3)), folder_.Write("a.bin", records)}),
            "a.bin: record 1 has label 200, but CIFAR-10's are 0 to 9; is this its binary format? "
            "[source]");
}

TEST_F(Cifar10, RefusesAnEmptyFile) {
  EXPECT_EQ(Refused({folder_.Write("a.bin", "")}), "a.bin: holds no items [source]");
  EXPECT_EQ(Refused({}), "no file is named [source]");
}

}  // namespace
}  // namespace moka
