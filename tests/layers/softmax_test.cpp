// Softmax: y = exp(x) / sum exp(x).
#include "layers/losses.h"

namespace moka {
namespace {

const float kLog3 = std::log(3.0F);

Values RunSoftmax(const Shape& shape, const Values& x, const std::string& params = "") {
  return RunLayer("type: 'Softmax' softmax_param { " + params + " }", shape, x);
}

// exp would overflow if any place of the row were overlooked.
TEST(Softmax, FindsTheLargestWhereverItStands) {
  for (const size_t classes : {1, 7, 16, 63, 64, 65, 130, 200}) {
    for (size_t at = 0; at < classes; ++at) {
      Values x(classes, -1000);
      x[at] = 1000;
      Values expected(classes, 0);
      expected[at] = 1;
      EXPECT_EQ(RunLayer(R"(type: "Softmax")", {1, static_cast<int64_t>(classes)}, x), expected);
    }
  }
}

TEST(Softmax, TurnsScoresIntoProbabilities) {
  ExpectNear(RunSoftmax({1, 3}, {1, 2, 3}), {0.09003057F, 0.24472847F, 0.66524096F});
  ExpectNear(RunSoftmax({2, 2}, {0, kLog3, 5, 5}), {0.25F, 0.75F, 0.5F, 0.5F});
}

TEST(Softmax, RunsAlongTheGivenAxis) {
  const Values x = {0, 5, kLog3, 5};
  ExpectNear(RunSoftmax({1, 2, 2}, x), {0.25F, 0.5F, 0.75F, 0.5F});
  ExpectNear(RunSoftmax({2, 2}, x, "axis: 0"), {0.25F, 0.5F, 0.75F, 0.5F});
  ExpectNear(RunSoftmax({2, 2}, x, "axis: -2"), {0.25F, 0.5F, 0.75F, 0.5F});
  ExpectNear(RunSoftmax({2, 1, 2}, {0, kLog3, 5, 5}, "axis: -1"), {0.25F, 0.75F, 0.5F, 0.5F});
}

TEST(Softmax, NeitherOverflowsNorDividesByZero) {
  ExpectNear(RunSoftmax({1, 2}, {1000, 1000}), {0.5F, 0.5F});
  ExpectNear(RunSoftmax({1, 2}, {-1000, -2000}), {1, 0});
  ExpectNear(RunSoftmax({1, 3}, {-kInfinity, 2, 2}), {0, 0.5F, 0.5F});
}

TEST(Softmax, LetsNanThroughInItsOwnRow) {
  const Values y = RunSoftmax({3, 2}, {0, kNan, 1, 1, kInfinity, 0});
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
  ExpectNear({y[2], y[3]}, {0.5F, 0.5F});
  EXPECT_TRUE(std::isnan(y[4]));
}

TEST(Softmax, TakesNoItems) {
  EXPECT_EQ(RunSoftmax({0, 3}, {}), Values());
  EXPECT_EQ(RunSoftmax({2, 0}, {}), Values());
  EXPECT_EQ(RunSoftmax({2, 3, 0}, {}), Values());
}

TEST(Softmax, RefusesAnAxisThatIsNotThere) {
  const Error error = Caught([] { RunSoftmax({2, 3}, Values(6), "axis: 2"); });
  EXPECT_NE(error.message().find("axis 2 is out of range for shape 2x3"), std::string::npos)
      << error.message();
  EXPECT_EQ(error.field(), "softmax_param.axis");
}

TEST(Softmax, MovesGradientBetweenTheClassesOfARow) {
  RunOptions options;
  options.top_diffs = {{1, 0, 0, 2}};
  LayerGradients gradients;
  RunLayer("type: 'Softmax'", {{2, 2}}, {{0, 0, 0, 0}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0.25F, -0.25F, -0.5F, 0.5F}));
}

// Rows and maps that fill vectors and more, against exp in double.
TEST(Softmax, IsTheSameForAnyNumberOfClassesAndPlaces) {
  for (const int64_t classes : {1, 2, 15, 16, 17, 33, 100}) {
    for (const int64_t places : {1, 2, 63, 64, 65, 200}) {
      const Shape shape{2, classes, places};
      Values x(static_cast<size_t>(shape.count()));
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) / 5 - 10;
      const Values y = RunSoftmax(shape, x);
      for (int64_t n = 0; n < 2 * places; ++n) {
        const auto at = static_cast<size_t>(n / places * classes * places + n % places);
        const auto stride = static_cast<size_t>(places),
                   end = at + stride * static_cast<size_t>(classes);
        double sum = 0;
        for (size_t i = at; i < end; i += stride) sum += std::exp(double{x[i]});
        for (size_t i = at; i < end; i += stride) {
          const double expected = std::exp(double{x[i]}) / sum;
          ASSERT_NEAR(y[i], expected, 4e-6 * expected) << shape << " at " << i;
        }
      }
    }
  }
}

const ContractCases kCases("Softmax", {{"", {{2, 3, 4, 5}}},
                                       {"softmax_param { axis: 0 }", {{3, 4}}},
                                       {"softmax_param { axis: -1 engine: CUDNN }", {{2, 3, 4}}},
                                       {"softmax_param { axis: -3 }", {{3, 2, 2}}},
                                       {"softmax_param { axis: 0 engine: CAFFE }", {{7}}},
                                       {"", {{1, 1}}},
                                       {"", {{2, 1}}},
                                       {"", {{1, 40}}},
                                       {"", {{2, 1, 3, 3}}},
                                       {"softmax_param { axis: 2 }", {{2, 3, 17, 1}}},
                                       {"", {{2, 3, 70}}},
                                       {"", {{1, 2, 2, 2, 2, 2}}},
                                       {"", {{0, 3}}},
                                       {"", {{2, 0}}},
                                       {"", {{2, 3, 0}}},
                                       {"", {{3, 1400}}, NoGradients({})},
                                       {"", {{2, 5, 50, 50}}, NoGradients({})}});

}  // namespace
}  // namespace moka
