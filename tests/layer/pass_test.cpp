// What the views that a layer works through refuse to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caught.h"
#include "check/sample_layers.h"

namespace moka {
namespace {

template <typename L>
std::string Running(const RunOptions& given = {}) {
  const Registry registry = Only<L>();
  RunOptions options = given;
  options.registry = &registry;
  return Caught([&] { RunLayer("type: 'Sample'", {2, 2}, {1, 2, 3, 4}, options); }).what();
}

class AsksForTheImpossible : public Square {
 public:
  using Square::Square;
  void Reshape(Shapes bottom, Plan& plan) override {
    Square::Reshape(bottom, plan);
    plan.Scratch<float>(int64_t{1} << 62);
  }
};
TEST(Plan, RefusesABufferWhoseBytesCannotBeCounted) {
  EXPECT_EQ(Running<AsksForTheImpossible>(),
            "a buffer of 4611686018427387904 elements of 4 bytes is too large");
}

class AlwaysTheParamGradient : public Linear {
 public:
  using Linear::Linear;
  void Backward(BackwardPass& pass) override {
    if (pass.wants_bottom(0)) BottomGradient(pass);
    ParamGradient(pass);
  }
};
TEST(BackwardPass, RefusesTheGradientOfAParamThatIsNotWanted) {
  EXPECT_THAT(
      Check<AlwaysTheParamGradient>({{3, 2}}).broken(),
      testing::Contains("each gradient is the same, whichever others are wanted: throws: asks for "
                        "param_diff(0), which is not wanted: ask wants_param(0) first"));
}

class TakesAParamForState : public Square {
 public:
  using Square::Square;
  void SetUp(Shapes, Setup& setup) override { setup.AddParam("w", {2}, FillerParameter()); }
  void Forward(ForwardPass& pass) override { pass.state(0).Fill(1); }
};
TEST(ForwardPass, RefusesALearnedParamForState) {
  EXPECT_EQ(Running<TakesAParamForState>(),
            "param 0, layer.w, is learned: state(k) takes what Setup::AddState returned");
}

class WithoutBackward : public Layer {
 public:
  using Layer::Layer;
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass& pass) override { pass.top(0).Fill(0); }
};
TEST(Layer, HasNoGradientUnlessItSaysHowToGetIt) {
  EXPECT_EQ(Running<WithoutBackward>({.top_diffs = {{1, 1, 1, 1}}}), "Sample has no gradient");
}

}  // namespace
}  // namespace moka
