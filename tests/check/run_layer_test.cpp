// RunLayer: one layer outside any net.
#include <gtest/gtest.h>

#include "check/sample_layers.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

const char* const kSample = R"(type: "Sample")";

template <typename F>
std::string Refusal(F run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(RunLayer, GivesTheTopsOfOneForward) {
  const Registry registry = Only<Square>();
  RunOptions options;
  options.registry = &registry;
  EXPECT_EQ(RunLayer(kSample, {-2, 0, 3}, options), (Values{4, 0, 9}));
  EXPECT_EQ(RunLayer(kSample, {2, 1}, {5, 1}, options), (Values{25, 1}));
  const LayerResult result = RunLayer(kSample, {Shape{1, 2}}, {Values{5, 1}}, options, nullptr);
  EXPECT_EQ(result.shapes, (std::vector<Shape>{{1, 2}}));
  EXPECT_EQ(result.tops, (std::vector<Values>{{25, 1}}));
}

TEST(RunLayer, RunsBackwardWithTheGivenTopDiffs) {
  const Registry registry = Only<Linear>();
  RunOptions options;
  options.registry = &registry;
  options.params = {{1, 2, 3, 4}};
  options.top_diffs = {{1, 10}};
  LayerGradients gradients;
  const LayerResult result = RunLayer(kSample, {{1, 2}}, {{5, 6}}, options, &gradients);
  EXPECT_EQ(result.tops, (std::vector<Values>{{17, 39}}));
  EXPECT_EQ(gradients.bottoms, (std::vector<Values>{{31, 42}}));
  EXPECT_EQ(gradients.params, (std::vector<Values>{{5, 6, 50, 60}}));
}

TEST(RunLayer, TakesMissingTopDiffsForZeros) {
  const Registry registry = Only<Twice>();
  RunOptions options;
  options.registry = &registry;
  options.top_diffs = {{}, {3, 4}};
  LayerGradients gradients;
  RunLayer(kSample, {Shape{2}}, {{5, 6}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms, (std::vector<Values>{{3, 4}}));
}

TEST(RunLayer, GivesBottomsWithoutGradientNone) {
  const Registry registry = Only<HalfSquares>();
  RunOptions options;
  options.registry = &registry;
  options.top_diffs = {{2}};
  LayerGradients gradients;
  const LayerResult result =
      RunLayer(kSample, {Shape{2}, Shape{2}}, {{3, 1}, {1, 1}}, options, &gradients);
  EXPECT_EQ(result.shapes, std::vector<Shape>{Shape()});
  EXPECT_EQ(result.tops, (std::vector<Values>{{1}}));
  EXPECT_EQ(gradients.bottoms, (std::vector<Values>{{2, 0}, {}}));
}

TEST(RunLayer, FillsParamsBySeedAndName) {
  const Registry registry = Only<Linear>();
  RunOptions options;
  options.registry = &registry;
  const auto run = [&](const char* layer) { return RunLayer(layer, {1, 2}, {1, 1}, options); };
  const Values first = run(kSample);
  EXPECT_EQ(run(kSample), first);
  EXPECT_NE(run(R"(name: "other" type: "Sample")"), first);
  options.seed = 2;
  EXPECT_NE(run(kSample), first);
}

TEST(RunLayer, RefusesWhatDoesNotFit) {
  const Registry registry = Only<Linear>();
  RunOptions options;
  options.registry = &registry;
  const auto run = [&](const std::vector<Shape>& shapes, const std::vector<Values>& bottoms) {
    return Refusal([&] { RunLayer(kSample, shapes, bottoms, options); });
  };
  const std::vector<Shape> row = {{1, 2}};
  EXPECT_EQ(run(row, {{1}}), "bottom 0 is 1x2 (2 elements), but 1 values are given");
  EXPECT_EQ(run(row, {}), "shapes are given for 1 bottoms, but values for 0");
  EXPECT_EQ(run({Shape{1}, Shape{1}}, {{1}, {1}}), "needs 1 bottom, has 2");
  options.params = {{1, 2, 3}};
  EXPECT_EQ(run(row, {{1, 1}}), "param 0 is 2x2 (4 elements), but 3 values are given");
  options.params = {{}, {1}};
  EXPECT_EQ(run(row, {{1, 1}}), "values are given for 2 params, but there are 1");
  options.params.clear();
  options.top_diffs = {{1, 2, 3}};
  EXPECT_EQ(run(row, {{1, 1}}), "the diff of top 0 is 1x2 (2 elements), but 3 values are given");
  EXPECT_EQ(Refusal([&] { RunLayer(R"(bottom: "x" type: "Sample")", {}, {}, options, nullptr); }),
            "names 1 bottoms, but 0 shapes are given");
  EXPECT_EQ(Refusal([&] { RunLayer(R"(type: "Sampel")", {1}, options); }),
            "unknown type \"Sampel\"; did you mean \"Sample\"?");
  EXPECT_EQ(Refusal([&] { RunLayer("name: 'a'", {1}, options); }), "has no type");
}

TEST(RunLayer, RefusesGradientsWithoutTopDiffsAndOneResultOfTwoTops) {
  const Registry registry = Only<Twice>();
  RunOptions options;
  options.registry = &registry;
  LayerGradients gradients;
  EXPECT_EQ(Refusal([&] { RunLayer(kSample, {Shape{1}}, {{1}}, options, &gradients); }),
            "gradients need top diffs");
  EXPECT_EQ(Refusal([&] { RunLayer(kSample, {1}, options); }), "has 2 tops, not one");
  options.top_diffs = {{1}, {1}, {1}};
  EXPECT_EQ(Refusal([&] { RunLayer(kSample, {Shape{1}}, {{1}}, options, &gradients); }),
            "values are given for 3 top diffs, but there are 2");
}

class WritesBeyondItsTop : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override { pass.top(0).data()[pass.top(0).count()] = 7; }
};

TEST(RunLayer, RefusesALayerThatWritesBeyondItsTop) {
  const Registry registry = Only<WritesBeyondItsTop>();
  RunOptions options;
  options.registry = &registry;
  EXPECT_EQ(Refusal([&] {
              RunLayer(kSample, {1, 2}, options);
            }),
            "Sample: Forward writes beyond top 0");
}

}  // namespace
}  // namespace moka
