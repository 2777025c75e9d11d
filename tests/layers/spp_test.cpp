// SPP: each channel pooled into 1 x 1, 2 x 2, 4 x 4, ... bins.
#include "layers/activation.h"
#include "layers/contract.h"
#include "layers/pooling.h"

namespace moka {
namespace {

std::string Spp(const std::string& params) { return R"(type: "SPP" spp_param { )" + params + " }"; }

Values Count(int64_t n) {
  Values x;
  for (int64_t i = 1; i <= n; ++i) x.push_back(static_cast<float>(i));
  return x;
}

TEST(SPP, PoolsTheWholeAndTheQuarters) {
  // 1 2 / 3 4 and 5 6 / 7 8: for each level all channels.
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 2"), {1, 2, 2, 2}, Count(8)),
            (Values{4, 8, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 2 pool: AVE"), {1, 2, 2, 2}, Count(8)),
            (Values{2.5, 6.5, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(SPP, HasOneRowForEachImage) {
  const LayerResult result =
      RunLayer(Spp("pyramid_height: 3"), std::vector<Shape>{{2, 3, 7, 4}}, {Values(2 * 3 * 7 * 4)});
  EXPECT_EQ(result.shapes[0], (Shape{2, 3 * 21}));
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 2"), {2, 1, 2, 2}, Count(8)),
            (Values{4, 1, 2, 3, 4, 8, 5, 6, 7, 8}));
}

// Caffe runs one pooling layer then, and does not flatten.
TEST(SPP, OfOneLevelKeepsFourAxes) {
  const LayerResult result =
      RunLayer(Spp("pyramid_height: 1"), std::vector<Shape>{{2, 3, 2, 1}}, {Count(12)});
  EXPECT_EQ(result.shapes[0], (Shape{2, 3, 1, 1}));
  EXPECT_EQ(result.tops[0], (Values{2, 4, 6, 8, 10, 12}));
}

// 3 pixels in 2 bins: bins of 2, one too much, so that pad is (1 + 1) / 2 = 1 at both ends: [-1, 1)
// and [1, 3); a third window would begin at 3.
TEST(SPP, DividesAsCaffeDoes) {
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 2"), {1, 1, 3, 3}, Count(9)), (Values{9, 1, 3, 7, 9}));
  // The pad counts: (1 + 0 + 0 + 0) / 4, (2 + 3) / 4, (4 + 7) / 4, (5 + 6 + 8 + 9) / 4.
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 2 pool: AVE"), {1, 1, 3, 3}, Count(9)),
            (Values{5, 0.25, 1.25, 2.75, 7}));
  // 6 pixels in 4 bins: bins of 2, 2 too many, so that pad is 1: [-1, 1), [1, 3), [3, 5), [5, 7).
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 3"), {1, 1, 6, 6}, Count(36)),
            (Values{36,              //
                    15, 18, 33, 36,  //
                    1,  3,  5,  6,  13, 15, 17, 18, 25, 27, 29, 30, 31, 33, 35, 36}));
}

TEST(SPP, AddsTheGradientsOfTheLevels) {
  RunOptions options;
  options.top_diffs = {{100, 1, 2, 3, 4}};
  LayerGradients gradients;
  RunLayer(Spp("pyramid_height: 2"), {{1, 1, 2, 2}}, {{1, 5, 2, 3}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 102, 3, 4}));
  RunLayer(Spp("pyramid_height: 2 pool: AVE"), {{1, 1, 2, 2}}, {{1, 5, 2, 3}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{26, 27, 28, 29}));
}

TEST(SPP, DrawsAtRandomAndTakesTheWeightedMeanInTesting) {
  const Values x = {0, 5, 0, 0};
  EXPECT_EQ(RunLayer(Spp("pyramid_height: 2 pool: STOCHASTIC"), {1, 1, 2, 2}, x),
            (Values{5, 0, 5, 0, 0}));
  RunOptions options;
  options.training = false;
  EXPECT_EQ(
      RunLayer(Spp("pyramid_height: 2 pool: STOCHASTIC"), {1, 1, 2, 2}, {1, 3, 0, -1}, options),
      (Values{2.5, 1, 3, 0, 0}));
}

TEST(SPP, DrawsEachBinByItself) {
  const Values y = RunLayer(Spp("pyramid_height: 1 pool: STOCHASTIC"), {400, 10, 1, 2}, [] {
    Values x(8000);
    for (size_t i = 0; i < x.size(); ++i) x[i] = i % 2 == 0 ? 1 : 3;
    return x;
  }());
  EXPECT_NEAR(static_cast<double>(std::count(y.begin(), y.end(), 3.0f)) / 4000, 0.75, 0.03);
}

// Caffe, trap 2.
TEST(SPP, HasAnIndexWhereNothingIsAboveTheLowestFloat) {
  for (const float value : {-kInfinity, kNan}) {
    RunOptions options;
    options.top_diffs = {{10, 1, 2, 3, 4}};
    LayerGradients gradients;
    RunLayer(Spp("pyramid_height: 2"), {{1, 1, 2, 2}}, {Values(4, value)}, options, &gradients);
    EXPECT_EQ(gradients.bottoms[0],
              (std::isnan(value) ? Values{1, 2, 3, 14} : Values{11, 2, 3, 4}));
  }
}

TEST(SPP, RefusesMoreBinsThanTheImagesCanFill) {
  ExpectRefused(Spp("pyramid_height: 2"), {1, 1, 1, 4},
                "pyramid_height 2 is too much for 1 rows: 2 bins of 1 need a pad of 1, which must "
                "be less than a bin; it can be at most 1",
                "spp_param.pyramid_height");
  // There are enough pixels, but 5 of them in 4 bins of 2 leave 3.
  ExpectRefused(Spp("pyramid_height: 3"), {1, 1, 6, 5},
                "pyramid_height 3 is too much for 5 columns: 4 bins of 2 need a pad of 2, which "
                "must be less than a bin; it can be at most 2",
                "spp_param.pyramid_height");
  ExpectRefused(Spp("pyramid_height: 4294967295"), {1, 1, 4, 4},
                "pyramid_height 4294967295 is too much for 4 rows: 8 bins of 1 need a pad of 2, "
                "which must be less than a bin; it can be at most 3",
                "spp_param.pyramid_height");
}

TEST(SPP, RefusesWhatItCannotPool) {
  ExpectRefused(Spp(""), {1, 1, 2, 2}, "pyramid_height is missing", "spp_param");
  ExpectRefused(Spp("pyramid_height: 0"), {1, 1, 2, 2},
                "pyramid_height is 0; it must be at least 1", "spp_param.pyramid_height");
  ExpectRefused(Spp("pyramid_height: 1"), {1, 1, 4},
                "expects images N x C x H x W (4 axes), not 1x1x4", "");
  ExpectRefused(Spp("pyramid_height: 1"), {1, 1, 0, 4},
                "cannot pool images without pixels: the bottom is 1x1x0x4", "");
}

const ContractCases kCases(
    "SPP", {{"spp_param { pyramid_height: 2 }", {{2, 2, 4, 5}}, Spread()},
            {"spp_param { pyramid_height: 1 }", {{1, 1, 1, 1}}, Spread()},
            {"spp_param { pyramid_height: 3 }", {{1, 2, 6, 4}}, Spread()},
            {"spp_param { pyramid_height: 2 }", {{0, 2, 4, 4}}, Spread()},
            {"spp_param { pyramid_height: 2 }", {{2, 0, 4, 4}}, Spread()},
            {"spp_param { pyramid_height: 1 }", {{2, 3, 3, 2}}, Spread()},
            {"spp_param { pyramid_height: 2 pool: AVE }", {{2, 2, 3, 3}}},
            {"spp_param { pyramid_height: 1 pool: AVE }", {{2, 2, 3, 4}}},
            {"spp_param { pyramid_height: 3 pool: AVE }", {{1, 1, 4, 7}}},
            {"spp_param { pyramid_height: 2 pool: AVE }", {{0, 1, 2, 2}}},
            {"spp_param { pyramid_height: 2 pool: STOCHASTIC }", {{2, 2, 4, 5}}, Positive(true)},
            {"spp_param { pyramid_height: 2 pool: STOCHASTIC }", {{2, 2, 4, 5}}, Positive(false)},
            {"spp_param { pyramid_height: 4 }", {{3, 4, 97, 64}}, WithoutDifferences()},
            {"spp_param { pyramid_height: 4 pool: AVE }", {{3, 4, 97, 64}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
