#include "moka/fusion.h"

#include <gtest/gtest.h>

#include <vector>

#include "layer/pass_impl.h"

namespace moka {
namespace {

// y = 2 x + 1 over some channels, a rectifier or a sum.
class Step final : public ElementStep {
 public:
  explicit Step(Kind kind, int64_t channels = 3, int64_t inner = 4)
      : kind_(kind), channels_(channels), inner_(inner) {}
  Kind kind() const override { return kind_; }
  float slope() const override { return 0.5F; }
  int64_t channels() const override { return channels_; }
  int64_t inner() const override { return inner_; }
  void Append(const Pass&, double* a, double* b) const override {
    for (int64_t c = 0; c < channels_; ++c) {
      a[c] *= 2;
      b[c] = 2 * b[c] + 1;
    }
  }

 private:
  const Kind kind_;
  const int64_t channels_, inner_;
};

const Step kLine(ElementStep::kLine), kOther(ElementStep::kLine, 4, 3),
    kShort(ElementStep::kLine, 3, 1), kRectifier(ElementStep::kRectifier), kSum(ElementStep::kSum);

int Taken(std::vector<const ElementStep*> steps, bool sums = true) {
  return EpilogueSteps(steps, 3, 4, sums);
}

TEST(Fusion, HoldsLinesThenASumThenARectifier) {
  EXPECT_EQ(Taken({}), 0);
  EXPECT_EQ(Taken({&kLine, &kLine, &kSum, &kRectifier}), 4);
  EXPECT_EQ(Taken({&kSum}), 1);
  EXPECT_EQ(Taken({&kRectifier}), 1);
  EXPECT_EQ(Taken({&kRectifier, &kLine}), 1);
  EXPECT_EQ(Taken({&kRectifier, &kRectifier}), 1);
  EXPECT_EQ(Taken({&kSum, &kSum}), 1);
  EXPECT_EQ(Taken({&kSum, &kLine}), 1);
  EXPECT_EQ(Taken({&kLine, &kSum, &kRectifier}, false), 1);
}

TEST(Fusion, HoldsLinesOverTheSameChannelsOnly) {
  EXPECT_EQ(Taken({&kOther}), 0);
  EXPECT_EQ(Taken({&kShort}), 0);
  EXPECT_EQ(Taken({&kLine, &kOther}), 1);
  const Step one(ElementStep::kLine, 1, 12);
  const std::vector<const ElementStep*> steps = {&one};
  EXPECT_EQ(EpilogueSteps(steps, 1, 4, true), 1);  // one channel is all there is
}

TEST(Fusion, MakesOneLineOfTheBiasAndAllLines) {
  Tensor operand(Shape{12});
  Pass::Impl impl, behind;
  impl.fused = {{&kLine, nullptr, &behind},
                {&kLine, nullptr, &behind},
                {&kSum, &operand, &behind},
                {&kRectifier, nullptr, &behind}};
  const ForwardPass pass(impl);
  std::vector<double> memory(static_cast<size_t>(EpilogueDoubles(3)));
  const float bias[] = {1, 2, -3};
  const Epilogue e = MakeEpilogue(pass, bias, 3, 4, memory);
  EXPECT_EQ(std::vector<float>(e.scale, e.scale + 3), std::vector<float>(3, 4));
  EXPECT_EQ(std::vector<float>(e.shift, e.shift + 3), (std::vector<float>{7, 11, -9}));
  EXPECT_EQ(e.add, operand.data());
  EXPECT_EQ(e.slope, 0.5F);

  impl.fused = {{&kRectifier, nullptr, &behind}};
  const Epilogue plain = MakeEpilogue(pass, bias, 3, 4, memory);
  EXPECT_EQ(plain.scale, nullptr);
  EXPECT_EQ(plain.shift, bias);
}

TEST(Fusion, RefusesALineWhoseChannelsChanged) {
  Pass::Impl impl;
  const ForwardPass pass(impl);
  double a[4], b[4];
  try {
    AppendLine(kOther, pass, 3, 4, a, b);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(),
              "was fused with a layer over 3 channels, 4 elements each, where now there are 4, 3 "
              "each; NetOptions::fuse = false keeps them apart");
  }
}

}  // namespace
}  // namespace moka
