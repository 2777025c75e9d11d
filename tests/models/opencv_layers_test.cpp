// Nets of one layer, with what Caffe computed for them: OpenCV's test data for its dnn module.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "moka/net.h"
#include "moka/schema.h"
#include "npy.h"

namespace moka {
namespace {

const std::filesystem::path kData = MOKA_SOURCE_DIR "/../shared/data/opencv_dnn_layers";

class OpenCvLayers : public testing::TestWithParam<std::string> {};

TEST_P(OpenCvLayers, GiveWhatCaffeGave) {
  if (!std::filesystem::exists(kData))
    GTEST_SKIP() << "skipped: needs shared/data/opencv_dnn_layers";
  const std::string stem = (kData / ("layer_" + GetParam())).string();
  const Registry registry = BuiltinLayers();
  Context context({.seed = 1});
  Net net(NetSchema(registry).ReadNet(stem + ".prototxt"), registry, context);
  if (std::filesystem::exists(stem + ".caffemodel")) {
    EXPECT_EQ(LoadWeights(stem + ".caffemodel", net.weights()).initial, std::vector<std::string>());
  }
  const NpyArray input = ReadNpy((kData / "blob.npy").string());
  net.ReshapeInput("input", input.shape);
  std::copy(input.values.begin(), input.values.end(), net.input("input").data());
  net.Forward();
  const NpyArray expected = ReadNpy(stem + ".npy");
  const Tensor& output = net.blob("output");
  ASSERT_EQ(output.shape(), expected.shape);
  double largest = 0;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    const double error = std::abs(static_cast<double>(output.data()[i]) - expected.values[i]);
    largest = std::max(largest, error / std::max(1.0, std::abs(1.0 * expected.values[i])));
  }
  EXPECT_LE(largest, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(All, OpenCvLayers,
                         testing::Values("batch_norm", "convolution", "dropout", "lrn_channels",
                                         "pooling_ave", "pooling_max", "relu", "softmax"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace moka
