#include <gtest/gtest.h>
#include <sys/stat.h>

#include <regex>

#include "io/data_files.h"
#include "moka/data_source.h"
#include "moka/error.h"

namespace moka {
namespace {

class Idx : public ::testing::Test {
 protected:
  std::string Refused(const std::string& images, const std::string& labels = "") {
    return Refusal<Error>(folder_, [&] { OpenIdx(images, labels); });
  }
  testing::TemporaryFolder folder_;
};

std::vector<float> Values(const DataSource& source, int64_t index) {
  std::vector<float> values(static_cast<size_t>(source.item_shape().count()));
  source.Read(index, values);
  return values;
}

TEST_F(Idx, ReadsImagesAndLabels) {
  const auto source =
      OpenIdx(folder_.Write("images", IdxImages(12, 1, 3)), folder_.Write("labels", IdxLabels(12)));
  EXPECT_EQ(source->size(), 12);
  EXPECT_EQ(source->item_shape(), (Shape{1, 1, 3}));
  EXPECT_EQ(Values(*source, 0), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(Values(*source, 11), (std::vector<float>{110, 111, 112}));
  EXPECT_EQ(source->Bytes(11)[2], 112);
  EXPECT_TRUE(source->has_labels());
  EXPECT_EQ(source->label(0), 0);
  EXPECT_EQ(source->label(11), 1);
  EXPECT_EQ(source->Name(11), folder_ / "images item 11");
}

TEST_F(Idx, ReadsGzipWhateverItsName) {
  const auto source = OpenIdx(folder_.Write("images", Gzip(IdxImages(3, 2, 2))),
                              folder_.Write("labels.gz", Gzip(IdxLabels(3))));
  EXPECT_EQ(source->size(), 3);
  EXPECT_EQ(Values(*source, 2), (std::vector<float>{20, 21, 22, 23}));
  EXPECT_EQ(source->label(2), 2);
}

TEST_F(Idx, NeedsNoLabels) {
  const auto source = OpenIdx(folder_.Write("images", IdxImages(3, 2, 2)), "");
  EXPECT_FALSE(source->has_labels());
}

TEST_F(Idx, ReadsTheShippedDigits) {
  const std::string folder = std::string(MOKA_SOURCE_DIR) + "/models/data/mnist_sample/";
  const auto train =
      OpenIdx(folder + "train-images-idx3-ubyte.gz", folder + "train-labels-idx1-ubyte.gz");
  const auto test =
      OpenIdx(folder + "t10k-images-idx3-ubyte.gz", folder + "t10k-labels-idx1-ubyte.gz");
  EXPECT_EQ(train->size(), 8000);
  EXPECT_EQ(test->size(), 2000);
  EXPECT_EQ(train->item_shape(), (Shape{1, 28, 28}));
  EXPECT_EQ(train->label(0), 5);
  EXPECT_EQ(test->label(0), 7);
}

TEST_F(Idx, RefusesSwappedFiles) {
  const std::string images = folder_.Write("images", IdxImages(3, 2, 2));
  const std::string labels = folder_.Write("labels", IdxLabels(3));
  EXPECT_EQ(Refused(labels, images),
            "labels: its magic number says labels (2049), not images (2051); are images and labels "
            "swapped? [source]");
  EXPECT_EQ(Refused(images, images),
            "images: its magic number says images (2051), not labels (2049); are images and labels "
            "swapped? [labels]");
}

TEST_F(Idx, RefusesAnotherMagicNumber) {
  EXPECT_EQ(Refused(folder_.Write("images",
                                  "\x7f"
                                  "ELF and so on, and on")),
            "images: its magic number says 2135247942, not images (2051); is this an IDX file? "
            "[source]");
}

TEST_F(Idx, RefusesTruncatedFiles) {
  EXPECT_EQ(Refused(folder_.Write("images", "")),
            "images: truncated: 0 bytes are too few for an IDX header of 16 [source]");
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(3, 2, 2).substr(0, 10))),
            "images: truncated: 10 bytes are too few for an IDX header of 16 [source]");
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(3, 2, 2).substr(0, 27))),
            "images: truncated: its header says 3 x 2 x 2 = 12 bytes, but only 11 follow [source]");
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(3, 2, 2)),
                    folder_.Write("labels", Gzip(IdxLabels(3).substr(0, 10)))),
            "labels: truncated: its header says 3 = 3 bytes, but only 2 follow [labels]");
}

TEST_F(Idx, RefusesTrailingBytes) {
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(3, 2, 2) + "xy")),
            "images: 2 trailing bytes: its header says 3 x 2 x 2 = 12 bytes, but 14 follow "
            "[source]");
}

TEST_F(Idx, RefusesCountsThatDiffer) {
  EXPECT_EQ(
      Refused(folder_.Write("images", IdxImages(3, 2, 2)), folder_.Write("labels", IdxLabels(4))),
      "images holds 3 images, but labels holds 4 labels [labels]");
}

TEST_F(Idx, RefusesEmptySets) {
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(0, 28, 28))),
            "images: holds no items: its header says 0 x 28 x 28 [source]");
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(7, 28, 0))),
            "images: holds no items: its header says 7 x 28 x 0 [source]");
}

TEST_F(Idx, RefusesSizesBeyondReason) {
  const std::string most = BigEndian(0xffffffff);
  EXPECT_EQ(Refused(folder_.Write("images", BigEndian(2051) + most + most + most)),
            "images: its header says 4294967295 x 4294967295 x 4294967295 bytes, more than can be "
            "[source]");
}

TEST_F(Idx, RefusesBrokenGzip) {
  std::string bytes = Gzip(IdxImages(50, 28, 28));
  const auto without_numbers = [](const std::string& text) {
    return std::regex_replace(text, std::regex("[0-9]+"), "N");
  };
  EXPECT_EQ(without_numbers(Refused(folder_.Write("cut.gz", bytes.substr(0, bytes.size() / 2)))),
            "\"cut.gz\" is truncated: its gzip data end after N unpacked bytes [source]");
  bytes[bytes.size() - 6] ^= 0x55;
  EXPECT_EQ(without_numbers(Refused(folder_.Write("bad.gz", bytes))),
            "\"bad.gz\" is corrupt gzip after N unpacked bytes: incorrect data check [source]");
}

TEST_F(Idx, RefusesMissingFilesAndSaysWhich) {
  EXPECT_EQ(Refused(folder_ / "nowhere"),
            "cannot read \"nowhere\": No such file or directory [source]");
  EXPECT_EQ(Refused(folder_.Write("images", IdxImages(3, 2, 2)), folder_ / "nowhere"),
            "cannot read \"nowhere\": No such file or directory [labels]");
}

TEST_F(Idx, IsKnownByHowItBegins) {
  EXPECT_TRUE(LooksLikeIdx(folder_.Write("images", IdxImages(3, 2, 2))));
  EXPECT_TRUE(LooksLikeIdx(folder_.Write("labels", Gzip(IdxLabels(3)))));
  EXPECT_FALSE(LooksLikeIdx(folder_.Write("cifar", CifarRecords(0, 1))));
  EXPECT_FALSE(LooksLikeIdx(folder_.Write("empty", "")));
  EXPECT_FALSE(LooksLikeIdx(folder_ / "nowhere"));
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(LooksLikeIdx(folder_ / "pipe"));  // and does not wait for somebody who writes
}

}  // namespace
}  // namespace moka
