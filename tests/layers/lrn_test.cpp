// LRN: y = x s^-beta, s = k + alpha / n sum x^2, the sum over a window around the element.
#include "layers/activation.h"
#include "layers/contract.h"
#include "naive/compare.h"

namespace moka {
namespace {

std::string Lrn(const std::string& params) { return R"(type: "LRN" lrn_param { )" + params + " }"; }

TEST(LRN, DividesByTheNeighbourChannels) {
  // s = 1 + the sum of the squares of up to 3 channels, over 3; beta 1.
  ExpectNear(RunLayer(Lrn("local_size: 3 alpha: 3 beta: 1"), {1, 4, 1, 1}, {1, 2, 3, 4}),
             {1.0 / 6, 2.0 / 15, 3.0 / 30, 4.0 / 26}, 1e-7);
}

TEST(LRN, HasCaffesDefaults) {
  // local_size 5, alpha 1, beta 0.75, k 1: s = 1 + 10 / 5.
  ExpectNear(RunLayer(R"(type: "LRN")", Shape{1, 3, 1, 1}, Values{0, 1, 3}),
             {0, std::pow(3.0, -0.75), 3 * std::pow(3.0, -0.75)}, 5e-7);
}

TEST(LRN, TakesEveryPower) {
  for (const double beta : {0.75, 0.5, 1.0, 0.6, 2.0, 0.0, -1.0}) {
    const std::string text = "local_size: 1 alpha: 2 beta: " + std::to_string(beta);
    ExpectNear(RunLayer(Lrn(text), {1, 1, 1, 2}, {3, -0.5f}),
               {3 * std::pow(19, -beta), -0.5 * std::pow(1.5, -beta)}, 1e-5);
  }
}

// Over the whole range of s: 4 units of the last place, and x = 1 here, so that y is the power.
TEST(LRN, IsExact) {
  for (const float beta : {0.75f, 0.6f}) {
    for (double s = 1e-30; s < 1e30; s *= 7.3) {
      const auto k = static_cast<float>(s);
      std::ostringstream text;
      text.precision(9);
      text << "local_size: 1 alpha: 0 beta: " << beta << " k: " << k;
      const double expected = std::pow(static_cast<double>(k), -static_cast<double>(beta));
      EXPECT_NEAR(RunLayer(Lrn(text.str()), {1, 1}, {1})[0], expected, 4 * 0x1p-23 * expected) << k;
    }
  }
}

// The 3 x 3 window at a corner has 4 places within, and still counts as 9.
TEST(LRN, DividesByTheNeighbourPlacesWithinTheChannel) {
  const Values y = RunLayer(Lrn("norm_region: WITHIN_CHANNEL local_size: 3 alpha: 9 beta: 1"),
                            {1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1});
  ExpectNear(y, {1.0 / 5, 1.0 / 7, 1.0 / 5, 1.0 / 7, 1.0 / 10, 1.0 / 7, 1.0 / 5, 1.0 / 7, 1.0 / 5},
             1e-7);
}

// Caffe takes 1 whatever the file says.
TEST(LRN, HonoursKWithinTheChannel) {
  EXPECT_EQ(RunLayer(Lrn("norm_region: WITHIN_CHANNEL local_size: 1 alpha: 1 beta: 1 k: 3"),
                     {1, 1, 1, 1}, {1}),
            Values{0.25f});
}

TEST(LRN, HonoursKAcrossChannels) {
  EXPECT_EQ(RunLayer(Lrn("local_size: 1 alpha: 1 beta: 1 k: 3"), {1, 1, 1, 1}, {1}), Values{0.25f});
}

TEST(LRN, TakesAWindowLargerThanTheImage) {
  const std::string large = "local_size: 4294967295 alpha: 4294967295 beta: 1 ";
  ExpectNear(RunLayer(Lrn(large), {1, 2, 1, 1}, {1, 2}), {1.0 / 6, 2.0 / 6}, 1e-7);
  ExpectNear(RunLayer(Lrn("norm_region: WITHIN_CHANNEL local_size: 101 alpha: 10201 beta: 1"),
                      {1, 1, 2, 1}, {1, 2}),
             {1.0 / 6, 2.0 / 6}, 1e-7);
}

// A running sum in floats would keep what the large value left behind.
TEST(LRN, ForgetsWhatLeavesTheWindow) {
  const Values y =
      RunLayer(Lrn("local_size: 1 alpha: 1 beta: 1 k: 0"), {1, 3, 1, 1}, {1e18f, 1, kNan});
  EXPECT_EQ(y[1], 1);
  EXPECT_TRUE(std::isnan(y[2]));
}

struct LrnCase {
  Shape shape;
  int n;
  bool within;
  double beta;
};

// By the definition, in double: y, and dx for a top diff dy.
struct NaiveLrn {
  static constexpr double kAlpha = 2, kK = 1.5;
  std::vector<double> y, dx;

  NaiveLrn(const LrnCase& c, const Values& x, const Values& dy) : y(x.size()), dx(x.size()) {
    const double scale = kAlpha / (c.within ? c.n * c.n : c.n);
    for (int64_t i = 0; i < c.shape.count(); ++i) {
      const auto at = static_cast<size_t>(i);
      double s = kK;
      ForEachNear(c, i, [&](size_t j) { s += scale * x[j] * x[j]; });
      const double power = std::pow(s, -c.beta);
      y[at] = x[at] * power;
      dx[at] += dy[at] * power;
      ForEachNear(
          c, i, [&](size_t j) { dx[j] -= 2 * c.beta * scale * x[j] * dy[at] * x[at] * power / s; });
    }
  }
  // Calls f(j) for the elements in the window around i.
  template <typename F>
  static void ForEachNear(const LrnCase& c, int64_t i, F f) {
    const int64_t height = c.shape[2], width = c.shape[3], area = height * width;
    const int64_t half = c.n / 2, up = c.within ? half : 0;
    const int64_t w = i % width, h = i / width % height, channel = i / area % c.shape[1];
    for (int64_t d = c.within ? 0 : -half; d <= (c.within ? 0 : half); ++d)
      for (int64_t a = -up; a <= up; ++a)
        for (int64_t b = -up; b <= up; ++b) {
          if (channel + d < 0 || channel + d >= c.shape[1]) continue;
          if (h + a < 0 || h + a >= height || w + b < 0 || w + b >= width) continue;
          f(static_cast<size_t>(i + d * area + a * width + b));
        }
  }
};

TEST(LRN, IsItsDefinitionOverAnyShape) {
  std::vector<LrnCase> cases = {
      {{2, 20, 70, 61}, 5, false, 0.75},  // strips of places
      {{1, 3, 90, 100}, 5, false, 0.75}, {{3, 40, 13, 13}, 5, false, 0.75},
      {{2, 6, 5, 7}, 11, false, 0.75},   {{2, 9, 9, 11}, 7, false, 0.6},
      {{1, 4, 40, 50}, 3, true, 0.75},  // larger than a group of planes
      {{2, 5, 17, 6}, 9, true, 0.6}};
  for (int64_t width = 1; width <= 18; ++width) {
    cases.push_back({{2, 1 + width % 7, 3, width}, width % 2 ? 5 : 3, false, 0.75});
    cases.push_back({{5, 11, 19 - width, width}, width % 3 ? 3 : 5, true, 0.75});
  }
  cases.push_back({{30, 7, 8, 8}, 3, true, 0.75});
  cases.push_back({{9, 5, 16, 16}, 3, true, 0.75});
  for (const LrnCase& c : cases) {
    SCOPED_TRACE(testing::Message() << c.shape << ", n " << c.n << (c.within ? " within" : ""));
    std::ostringstream text;
    text << "local_size: " << c.n << " alpha: 2 k: 1.5 beta: " << c.beta
         << (c.within ? " norm_region: WITHIN_CHANNEL" : "");
    const Values x = naive::Random(static_cast<size_t>(c.shape.count()), "x");
    RunOptions options;
    options.top_diffs = {naive::Random(x.size(), "dy")};
    const NaiveLrn expected(c, x, options.top_diffs[0]);
    Values first_y, first_dx;
    for (const int threads : {1, 2, 3, 8}) {
      options.threads = threads;
      LayerGradients gradients;
      const Values y = RunLayer(Lrn(text.str()), {c.shape}, {x}, options, &gradients).tops[0];
      const Values& dx = gradients.bottoms[0];
      EXPECT_TRUE(naive::Near(expected.y, y));
      EXPECT_TRUE(naive::Near(expected.dx, dx));
      if (threads == 1) first_y = y, first_dx = dx;
      EXPECT_TRUE(y == first_y && dx == first_dx) << threads << " threads";
    }
  }
}

TEST(LRN, RefusesAnEvenLocalSize) {
  for (const std::string size : {"0", "4"}) {
    ExpectRefused(Lrn("local_size: " + size), {1, 3, 2, 2},
                  "local_size is " + size + "; it must be odd", "lrn_param.local_size");
  }
}

TEST(LRN, RefusesNumbersThatAreNotFinite) {
  for (const std::string name : {"alpha", "beta", "k"}) {
    for (const std::string value : {"nan", "inf"}) {
      ExpectRefused(Lrn(name + ": " + value), {1, 3, 2, 2},
                    name + " must be finite, but is " + value, "lrn_param." + name);
    }
  }
}

TEST(LRN, RefusesBottomsWithoutChannelsOrPlaces) {
  ExpectRefused(R"(type: "LRN")", {3},
                "LRN needs a bottom of at least 2 axes (items, channels), but its shape is 3", "");
  ExpectRefused(
      Lrn("norm_region: WITHIN_CHANNEL"), {3, 2},
      "LRN needs a bottom of 4 axes (items, channels, height, width), but its shape is 3x2", "");
}

TEST(LRN, NeedsItsBottomForTheGradient) {
  ExpectGradientFromBottom(R"(type: "LRN")");
  EXPECT_FALSE(TraitsOf(R"(type: "LRN")").may_share(0, 0));
}

const std::string kWithin = "norm_region: WITHIN_CHANNEL ";
std::string Params(const std::string& text) { return "lrn_param { " + text + " }"; }

const ContractCases kCases("LRN",
                           {{Params("local_size: 3 alpha: 2"), {{2, 5, 2, 3}}},
                            {"", {{2, 7, 3}}},
                            {Params("local_size: 1 alpha: 3 beta: 0.5 k: 2"), {{2, 3}}},
                            {Params("local_size: 9 alpha: 3"), {{1, 4, 2, 2}}},
                            {Params("local_size: 5 beta: 1.3"), {{1, 1}}},
                            {Params("local_size: 5"), {{1, 1, 3, 3}}},
                            {Params(kWithin + "local_size: 3 alpha: 2"), {{2, 2, 4, 5}}},
                            {Params(kWithin + "local_size: 5 alpha: 3 k: 2"), {{1, 2, 3, 7}}},
                            {Params(kWithin + "local_size: 1"), {{1, 1, 1, 1}}},
                            {Params(kWithin + "local_size: 11 alpha: 50 beta: 0.6"),
                             {{1, 1, 3, 2}}},
                            {Params(kWithin + "local_size: 3"), {{3, 1, 1, 6}}},
                            {"", {{0, 3, 2, 2}}},
                            {Params(kWithin), {{2, 3, 0, 2}}},
                            {"", {{2, 3, 97, 101}}, WithoutDifferences()},
                            {Params("beta: 0.6"), {{2, 70, 30, 31}}, WithoutDifferences()},
                            {Params(kWithin), {kSeveralPieces}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
