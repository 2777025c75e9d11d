// InfogainLoss: -1/Z sum of sum of H[label, c] log p[c].
#include <filesystem>
#include <fstream>

#include "layers/losses.h"
#include "moka/blob.pb.h"

namespace moka {
namespace {

const std::string kLoss = "type: 'InfogainLoss'";
const Values kUnit = {1, 0, 0, 1}, kH = {1, 0.5F, 0, 2};
const float kLog2 = std::log(2.0F), kLog3 = std::log(3.0F), kLog4 = 2 * kLog2;
const std::vector<Shape> kShapes = {{2, 2}, {2}, {2, 2}};
const Values kX = {0, 0, 0, kLog3};  // p is 1/2, 1/2 and 1/4, 3/4

// A file with a BlobProto, gone with the test.
class BlobFile {
 public:
  BlobFile(const std::vector<int64_t>& shape, const Values& values)
      : path_(std::filesystem::temp_directory_path() /
              ("infogain_" + std::to_string(reinterpret_cast<uintptr_t>(this)) + ".binaryproto")) {
    BlobProto blob;
    for (const int64_t size : shape) blob.mutable_shape()->add_dim(size);
    for (const float value : values) blob.add_data(value);
    std::ofstream(path_, std::ios::binary) << blob.SerializeAsString();
  }
  ~BlobFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }
  std::string loss() const { return kLoss + " infogain_loss_param { source: '" + path() + "' }"; }

 private:
  std::filesystem::path path_;
};

TEST(InfogainLoss, WeighsAllLogarithmsByTheLabelsRow) {
  // 1 log 2 + 0.5 log 2; 2 (log 4 - log 3)
  EXPECT_NEAR(LossOf(kLoss, kShapes, {kX, {0, 1}, kH}), (1.5 * kLog2 + 2 * (kLog4 - kLog3)) / 2,
              1e-6);
}

TEST(InfogainLoss, IsSoftmaxWithLossForTheUnitMatrix) {
  EXPECT_FLOAT_EQ(LossOf(kLoss, kShapes, {kX, {0, 1}, kUnit}),
                  LossOf("type: 'SoftmaxWithLoss'", {{2, 2}, {2}}, {kX, {0, 1}}));
}

TEST(InfogainLoss, GivesScoresAGradient) {
  // (sum of the row) p - row
  ExpectNear(GradientsOf(kLoss, kShapes, {kX, {0, 1}, kH}, 2)[0],
             {0.75F - 1, 0.75F - 0.5F, 0.5F, 1.5F - 2});
}

TEST(InfogainLoss, ReadsHFromAFile) {
  const double expected = (1.5 * kLog2 + 2 * (kLog4 - kLog3)) / 2;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 1, 2, 2}, {2, 2}}) {
    const BlobFile file(shape, kH);
    EXPECT_NEAR(LossOf(file.loss(), {{2, 2}, {2}}, {kX, {0, 1}}), expected, 1e-6);
  }
}

TEST(InfogainLoss, RunsAlongTheGivenAxisAndLeavesOutTheIgnoredLabel) {
  const std::string layer =
      kLoss + " infogain_loss_param { axis: -1 } loss_param { ignore_label: 5 }";
  EXPECT_NEAR(LossOf(layer, {{1, 2, 2}, {2}, {1, 1, 2, 2}}, {kX, {5, 1}, kH}), 2 * (kLog4 - kLog3),
              1e-6);
  EXPECT_EQ(GradientsOf(layer, {{1, 2, 2}, {2}, {1, 1, 2, 2}}, {kX, {5, 1}, kH})[0][0], 0);
}

TEST(InfogainLoss, DividesAsNormalizationSays) {
  const std::vector<Shape> shapes = {{1, 2, 2}, {2}, {2, 2}};
  const std::vector<Values> bottoms = {Values(4, 0.0F), {0, 9}, kUnit};
  const auto loss = [&](const std::string& params) {
    return LossOf(kLoss + " loss_param { ignore_label: 9 " + params + " }", shapes, bottoms);
  };
  EXPECT_NEAR(loss(""), kLog2, 1e-6);
  EXPECT_NEAR(loss("normalization: FULL"), kLog2 / 2, 1e-6);
  EXPECT_NEAR(loss("normalize: false"), kLog2, 1e-6);
}

TEST(InfogainLoss, HasTheProbabilitiesAsASecondTop) {
  const auto result = RunLayer(kLoss + " top: 'loss' top: 'p'", kShapes, {kX, {0, 1}, kH});
  EXPECT_EQ(result.shapes[1], (Shape{2, 2}));
  ExpectNear(result.tops[1], {0.5F, 0.5F, 0.25F, 0.75F});
}

TEST(InfogainLoss, StaysFiniteWhereTheProbabilityUnderflows) {
  EXPECT_NEAR(LossOf(kLoss, {{1, 2}, {1}, {2, 2}}, {{0, -1000}, {1}, kUnit}), 46.0517, 1e-4);
}

TEST(InfogainLoss, IsZeroWithoutItems) {
  EXPECT_EQ(LossOf(kLoss, {{0, 2}, {0}, {2, 2}}, {{}, {}, kH}), 0);
}

TEST(InfogainLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(kLoss, {{1, 2}, {1}, {2, 2}}, {{0, kNan}, {0}, kUnit})));
}

// Caffe has no such check in a release build.
TEST(InfogainLoss, ChecksEachLabelUnlikeCaffe) {
  ExpectRefused(kLoss, kShapes, {kX, {0, 2}, kH},
                "label 2 of sample 1 (position 0) is outside 0..1");
  ExpectRefused(kLoss, kShapes, {kX, {-1, 0}, kH},
                "label -1 of sample 0 (position 0) is outside 0..1");
  ExpectRefused(kLoss, kShapes, {kX, {kNan, 0}, kH},
                "label nan of sample 0 (position 0) is not an integer in 0..1");
}

TEST(InfogainLoss, RefusesAMatrixOfAnotherSize) {
  ExpectRefused(kLoss, {{2, 2}, {2}, {3, 3}}, "H is 3x3; for 2 classes it must be 2x2");
  ExpectRefused(kLoss, {{2, 2}, {2}, {4}}, "H is 4; for 2 classes it must be 2x2");
  ExpectRefused(kLoss, {{2, 2}, {2}, {2, 1, 2, 2}}, "H is 2x1x2x2; for 2 classes it must be 2x2");
  const BlobFile file({1, 1, 3, 2}, Values(6));
  ExpectRefused(file.loss(), {{2, 2}, {2}}, "H is 1x1x3x2; for 2 classes it must be 2x2",
                "infogain_loss_param.source");
}

TEST(InfogainLoss, RefusesAFileThatIsNoMatrix) {
  ExpectRefused(kLoss, {{2, 2}, {2}},
                "source is missing, the file of H; or give H as the third bottom",
                "infogain_loss_param");
  ExpectRefused(kLoss + " infogain_loss_param { source: 'h.binaryproto' }", kShapes,
                "source is given, but so is H as the third bottom", "infogain_loss_param.source");
  ExpectRefused(kLoss + " infogain_loss_param { source: 'there_is_none' }", {{2, 2}, {2}},
                "there_is_none", "infogain_loss_param.source");
  const BlobFile few({1, 1, 2, 2}, Values(3));
  ExpectRefused(few.loss(), {{2, 2}, {2}}, "holds 3 values, but its shape is 1x1x2x2 = 4",
                "infogain_loss_param.source");
  const BlobFile text({}, {});
  std::ofstream(text.path()) << "this is no blob";
  ExpectRefused(text.loss(), {{2, 2}, {2}}, text.path() + ": not a blob: no BlobProto",
                "infogain_loss_param.source");
}

TEST(InfogainLoss, RefusesWrongParameters) {
  ExpectRefused(kLoss + " infogain_loss_param { axis: 2 }", kShapes,
                "axis 2 is out of range for shape 2x2", "infogain_loss_param.axis");
  ExpectRefused(kLoss + " loss_param { class_weighting: 1 }", kShapes,
                "class_weighting is for SoftmaxWithLoss only", "loss_param.class_weighting");
}

const CheckOptions k3 = LabelsIn(1, 3), k1 = LabelsIn(1, 1), k4 = LabelsIn(1, 4);

const ContractCases kCases(
    "InfogainLoss",
    {{"", {{4, 3}, {4}, {3, 3}}, k3},
     {"infogain_loss_param { axis: -1 }", {{2, 2, 3}, {2, 2}, {1, 1, 3, 3}}, k3},
     {"infogain_loss_param { axis: 0 }", {{3, 5}, {5}, {3, 3}}, k3},
     {"", {{1, 1}, {1}, {1, 1}}, k1},
     {"", {{1, 4}, {1}, {4, 4}}, k4},
     {"", {{5, 1}, {5}, {1, 1, 1, 1}}, k1},
     {"", {{2, 3, 2, 2}, {2, 1, 2, 2}, {3, 3}}, k3},
     {"loss_param { ignore_label: 2 }", {{4, 3}, {4}, {3, 3}}, k3},
     {"loss_param { ignore_label: 1 normalization: FULL }", {{2, 3, 2}, {2, 2}, {3, 3}}, k3},
     {"loss_param { normalization: BATCH_SIZE }", {{2, 3, 2}, {2, 2}, {3, 3}}, k3},
     {"loss_param { normalization: NONE }", {{2, 3, 2}, {2, 2}, {3, 3}}, k3},
     {"", {{4, 3}, {4}, {3, 3}}, WithTops(k3, 2)},
     {"loss_param { ignore_label: 0 }", {{2, 3, 2}, {2, 2}, {3, 3}}, WithTops(k3, 2)},
     {"", {{0, 3}, {0}, {3, 3}}, k3},
     {"", {{3, 3, 2000}, {3, 2000}, {3, 3}}, NoGradients(k3)}});

}  // namespace
}  // namespace moka
