#include <gtest/gtest.h>

#include <set>

#include "io/data_files.h"
#include "moka/batches.h"
#include "moka/blob.pb.h"
#include "moka/error.h"

namespace moka {
namespace {

using Floats = std::vector<float>;

Floats Apply(const TransformOptions& options, const Shape& item, const std::vector<uint8_t>& x,
             uint64_t position = 0) {
  const ImageTransform transform(options, item);
  Floats y(static_cast<size_t>(transform.shape().count()), -1);
  transform.Apply(std::span<const uint8_t>(x), RandomStream(1, "data", 1, 0), position, y);
  return y;
}

std::shared_ptr<const Tensor> Mean(const Shape& shape, const Floats& values) {
  return std::make_shared<const Tensor>(shape, values);
}

std::string Refused(const TransformOptions& options, const Shape& item) {
  return Refusal<Error>(testing::TemporaryFolder(), [&] { ImageTransform(options, item); });
}

TEST(ImageTransform, SubtractsTheMeanAndThenScales) {
  EXPECT_EQ(Apply({}, {1, 1, 3}, {0, 7, 255}), (Floats{0, 7, 255}));
  EXPECT_EQ(Apply({.scale = 0.5f, .mean_values = {2}}, {1, 1, 3}, {0, 7, 255}),
            (Floats{-1, 2.5f, 126.5f}));
}

TEST(ImageTransform, SubtractsAMeanForEachChannel) {
  EXPECT_EQ(Apply({.mean_values = {1, 2}}, {2, 1, 2}, {10, 11, 20, 21}), (Floats{9, 10, 18, 19}));
  EXPECT_EQ(Apply({.mean_values = {1}}, {2, 1, 2}, {10, 11, 20, 21}), (Floats{9, 10, 19, 20}));
}

TEST(ImageTransform, SubtractsAMeanImage) {
  EXPECT_EQ(Apply({.scale = 2, .mean = Mean({2, 1, 2}, {1, 2, 3, 4})}, {2, 1, 2}, {10, 11, 20, 21}),
            (Floats{18, 18, 34, 34}));
}

TEST(ImageTransform, CutsFromTheCentreWithTheMeanAtTheSamePlace) {
  const std::vector<uint8_t> x = {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
  EXPECT_EQ(Apply({.crop_size = 2}, {1, 3, 4}, x), (Floats{1, 2, 11, 12}));
  EXPECT_EQ(Apply({.crop_size = 2, .mean = Mean({1, 3, 4}, {0, 1, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0})},
                  {1, 3, 4}, x),
            (Floats{0, 2, 10, 7}));
}

TEST(ImageTransform, CutsAtEveryPlaceAtRandom) {
  const std::vector<uint8_t> x = {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
  std::set<float> corners;
  for (uint64_t position = 0; position < 200; ++position) {
    const Floats y = Apply({.crop_size = 2, .random_crop = true}, {1, 3, 4}, x, position);
    EXPECT_EQ(y, (Floats{y[0], y[0] + 1, y[0] + 10, y[0] + 11}));
    corners.insert(y[0]);
  }
  EXPECT_EQ(corners, (std::set<float>{0, 1, 2, 10, 11, 12}));
}

TEST(ImageTransform, MirrorsAboutHalfOfTheItems) {
  int mirrored = 0;
  for (uint64_t position = 0; position < 1000; ++position) {
    const Floats y = Apply({.mirror = true, .mean = Mean({2, 2, 2}, {0, 1, 0, 0, 0, 0, 0, 0})},
                           {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}, position);
    if (y == Floats{1, 1, 4, 3, 6, 5, 8, 7}) {
      ++mirrored;
    } else {
      EXPECT_EQ(y, (Floats{1, 1, 3, 4, 5, 6, 7, 8}));
    }
  }
  EXPECT_NEAR(mirrored, 500, 80);
}

TEST(ImageTransform, RefusesACropLargerThanTheImage) {
  EXPECT_EQ(Refused({.crop_size = 4}, {1, 3, 4}),
            "crop_size 4 is larger than the image, 3x4 [transform_param.crop_size]");
}

TEST(ImageTransform, RefusesMeansThatDoNotFit) {
  EXPECT_EQ(Refused({.mean_values = {1, 2}}, {3, 4, 4}),
            "mean_value is given 2 times, but the images are 3x4x4; give it once, or once for each "
            "channel "
            "[transform_param.mean_value]");
  EXPECT_EQ(Refused({.mean = Mean({3, 4, 5}, Floats(60))}, {3, 4, 4}),
            "the mean image is 3x4x5, but the images are 3x4x4 [transform_param.mean_file]");
  EXPECT_EQ(Refused({.mean_values = {1}, .mean = Mean({3, 4, 4}, Floats(48))}, {3, 4, 4}),
            "mean_file and mean_value are both given; one of them says what to subtract "
            "[transform_param.mean_value]");
}

class MeanFile : public ::testing::Test {
 protected:
  std::string Refused(const std::string& bytes) {
    return Refusal<Error>(folder_, [&] { ReadMean(folder_.Write("mean.binaryproto", bytes)); });
  }
  testing::TemporaryFolder folder_;
};

TEST_F(MeanFile, IsReadInItsOldAndNewForm) {
  BlobProto old;
  old.set_num(1);
  old.set_channels(2);
  old.set_height(1);
  old.set_width(2);
  BlobProto now;
  for (int i = 0; i < 4; ++i) {
    old.add_data(static_cast<float>(i) + 0.5f);
    now.add_double_data(i + 0.5);
  }
  for (int64_t size : {2, 1, 2}) now.mutable_shape()->add_dim(size);
  for (const BlobProto& blob : {old, now}) {
    const Tensor mean = ReadMean(folder_.Write("mean.binaryproto", blob.SerializeAsString()));
    EXPECT_EQ(mean.shape(), (Shape{2, 1, 2}));
    EXPECT_EQ(Floats(mean.values().begin(), mean.values().end()), (Floats{0.5f, 1.5f, 2.5f, 3.5f}));
  }
}

TEST_F(MeanFile, IsRefusedIfItIsNone) {
  EXPECT_EQ(Refused("no protobuf at all"), "mean.binaryproto: not a mean image: no BlobProto");
  BlobProto blob;
  for (int64_t size : {3, 2, 2}) blob.mutable_shape()->add_dim(size);
  blob.add_data(1);
  EXPECT_EQ(Refused(blob.SerializeAsString()),
            "mean.binaryproto: holds 1 values, but its shape is 3x2x2 = 12");
  blob.mutable_shape()->add_dim(2);
  EXPECT_EQ(Refused(blob.SerializeAsString()),
            "mean.binaryproto: a mean image is channels x height x width, not 3x2x2x2");
  blob.mutable_shape()->set_dim(1, -2);
  EXPECT_EQ(Refused(blob.SerializeAsString()),
            "mean.binaryproto: shape 3x-2x2x2 has a negative size, -2");
}

}  // namespace
}  // namespace moka
