// Winograd convolution beside the definition, for every kind of processor that this one can be.
#include "math/winograd.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cstring>
#include <ostream>

#include "naive/compare.h"
#include "naive/convolution.h"

namespace moka {

static void PrintTo(const ConvolutionGeometry& g, std::ostream* out) {
  *out << g.batch << "x" << g.channels << "x" << g.height << "x" << g.width << " to " << g.outputs
       << ", kernel " << g.kernel_h << ", pad " << g.pad_h << " " << g.pad_w << ", group "
       << g.group;
}

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
using Pass = ConvolutionPass;

struct Case {
  WinogradTile tile;
  ConvolutionGeometry g;
};

WinogradTile TileOfCase(int64_t kernel, bool small) {
  if (kernel == 5) return WinogradTile::kF2x5;
  return small ? WinogradTile::kF2x3 : WinogradTile::kF4x3;
}

// Memory of just the size that is asked for, full of NaN.
class Memory {
 public:
  Memory(int64_t floats, int threads)
      : each_(static_cast<size_t>(threads), std::vector<float>(static_cast<size_t>(floats), kNan)) {
  }
  std::span<float> operator()(int worker) const { return each_[static_cast<size_t>(worker)]; }

 private:
  mutable std::vector<std::vector<float>> each_;
};

struct Convolution {
  ConvolutionGeometry g;
  WinogradTile tile;
  int threads = 1;

  std::vector<float> Pack(Pass pass, const std::vector<float>& w) const {
    Context context({.threads = threads, .seed = 1});
    std::vector<float> packed(static_cast<size_t>(WinogradFilterFloats(g, tile)), kNan);
    WinogradPackFilter(context, g, pass, tile, w.data(), packed.data());
    return packed;
  }
  std::vector<float> Forward(const std::vector<float>& x, const std::vector<float>& w,
                             const TileEnd* end = nullptr) const {
    Context context({.threads = threads, .seed = 1});
    const Memory memory(WinogradScratch(g, Pass::kForward, tile), threads);
    std::vector<float> y(naive::OutputCount(g), kNan);
    WinogradForward(context, g, tile, x.data(), Pack(Pass::kForward, w).data(), end, y.data(),
                    memory);
    return y;
  }
  std::vector<float> Data(const std::vector<float>& w, const std::vector<float>& dy) const {
    Context context({.threads = threads, .seed = 1});
    const Memory memory(WinogradScratch(g, Pass::kBackwardData, tile), threads);
    std::vector<float> dx(naive::InputCount(g), kNan);
    WinogradBackwardData(context, g, tile, Pack(Pass::kBackwardData, w).data(), dy.data(),
                         dx.data(), memory);
    return dx;
  }
  // Added to `before`, if there is something; db, if not null, is added to, too.
  std::vector<float> Weights(const std::vector<float>& x, const std::vector<float>& dy,
                             const std::vector<float>& before = {}, float* db = nullptr) const {
    Context context({.threads = threads, .seed = 1});
    const Memory memory(WinogradScratch(g, Pass::kBackwardWeights, tile), threads);
    std::vector<float> shared(static_cast<size_t>(WinogradSharedScratch(g, tile)), kNan),
        dw = before.empty() ? std::vector<float>(naive::WeightCount(g), kNan) : before;
    WinogradBackwardWeights(context, g, tile, x.data(), dy.data(), dw.data(), !before.empty(), db,
                            true, memory, shared);
    return dw;
  }
};

ConvolutionGeometry Images(int64_t batch, int64_t channels, int64_t height, int64_t width,
                           int64_t outputs, int64_t kernel, int64_t pad_h, int64_t pad_w,
                           int64_t group = 1) {
  return {.batch = batch,
          .channels = channels,
          .height = height,
          .width = width,
          .outputs = outputs,
          .group = group,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .pad_h = pad_h,
          .pad_w = pad_w};
}

// Each of Highway's targets here, one at a time.
class WinogradOn : public testing::TestWithParam<int64_t> {
 protected:
  WinogradOn() {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ~WinogradOn() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

std::vector<int64_t> Targets() {
  std::vector<int64_t> targets;
  for (const int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4, HWY_NEON, HWY_EMU128}) {
    if ((hwy::SupportedTargets() | HWY_EMU128) & HWY_TARGETS & target) targets.push_back(target);
  }
  return targets;
}
INSTANTIATE_TEST_SUITE_P(Targets, WinogradOn, testing::ValuesIn(Targets()),
                         [](const auto& info) { return hwy::TargetName(info.param); });

const ConvolutionGeometry kRagged[] = {
    Images(1, 1, 4, 4, 1, 3, 1, 1),       Images(3, 2, 7, 7, 5, 3, 1, 1),
    Images(1, 3, 13, 13, 17, 3, 1, 1),    Images(3, 20, 14, 14, 30, 3, 1, 1),
    Images(1, 3, 6, 5, 2, 3, 0, 0),       Images(3, 1, 9, 23, 3, 3, 2, 0),
    Images(1, 2, 3, 70, 14, 3, 0, 2),     Images(3, 4, 5, 3, 3, 3, 1, 2),
    Images(1, 8, 31, 37, 12, 3, 1, 1, 2), Images(3, 6, 17, 10, 9, 3, 1, 0, 3),
    Images(37, 2, 3, 3, 2, 3, 1, 1),      Images(2, 40, 8, 9, 200, 3, 1, 1),
    Images(1, 1, 6, 6, 1, 5, 0, 1),       Images(3, 2, 7, 7, 5, 5, 2, 2),
    Images(1, 3, 13, 13, 17, 5, 2, 2),    Images(3, 4, 12, 12, 8, 5, 0, 0),
    Images(1, 2, 5, 70, 15, 5, 1, 4),     Images(3, 6, 17, 10, 9, 5, 3, 2, 3),
    Images(10, 3, 5, 8, 4, 5, 0, 0),      Images(2, 8, 29, 31, 12, 5, 2, 2, 2),
};

TEST_P(WinogradOn, GivesWhatTheDefinitionGives) {
  for (const ConvolutionGeometry& g : kRagged) {
    for (const bool small : {false, true}) {
      if (small && g.kernel_h == 5) continue;
      SCOPED_TRACE(testing::PrintToString(g) + (small ? ", small" : ""));
      const Convolution c{g, TileOfCase(g.kernel_h, small)};
      const auto x = naive::Random(naive::InputCount(g), "x"),
                 w = naive::Random(naive::WeightCount(g), "w"),
                 dy = naive::Random(naive::OutputCount(g), "dy");
      if (WinogradSuits(g, Pass::kForward, c.tile)) {
        EXPECT_TRUE(naive::Near(naive::Forward(g, x, w, {}), c.Forward(x, w), 1e-5));
      }
      if (WinogradSuits(g, Pass::kBackwardData, c.tile)) {
        EXPECT_TRUE(naive::Near(naive::BackwardData(g, w, dy), c.Data(w, dy), 1e-5));
      }
      if (WinogradSuits(g, Pass::kBackwardWeights, c.tile)) {
        EXPECT_TRUE(naive::Near(naive::BackwardWeights(g, x, dy), c.Weights(x, dy), 1e-5));
      }
    }
  }
}

// Larger sums, as in a net: the error is that of the transforms. Of direct convolution it is 1e-6.
TEST_P(WinogradOn, KeepsErrorsBelowAHundredThousandthOfTheLargestOutput) {
  for (const auto& [tile, g] : {Case{WinogradTile::kF4x3, Images(1, 256, 14, 14, 12, 3, 1, 1)},
                                Case{WinogradTile::kF2x3, Images(1, 256, 14, 14, 12, 3, 1, 1)},
                                Case{WinogradTile::kF2x5, Images(1, 96, 14, 14, 12, 5, 2, 2)}}) {
    SCOPED_TRACE(testing::PrintToString(g));
    const Convolution c{g, tile};
    const auto x = naive::Random(naive::InputCount(g), "x"),
               w = naive::Random(naive::WeightCount(g), "w"),
               dy = naive::Random(naive::OutputCount(g), "dy");
    EXPECT_TRUE(naive::Near(naive::Forward(g, x, w, {}), c.Forward(x, w), 1e-5));
    EXPECT_TRUE(naive::Near(naive::BackwardData(g, w, dy), c.Data(w, dy), 1e-5));
    EXPECT_TRUE(naive::Near(naive::BackwardWeights(g, x, dy), c.Weights(x, dy), 1e-5));
  }
}

TEST_P(WinogradOn, ScalesShiftsAddsAndRectifiesWhatItWrites) {
  for (const auto& [tile, g] : {Case{WinogradTile::kF4x3, Images(2, 4, 9, 19, 6, 3, 1, 1, 2)},
                                Case{WinogradTile::kF2x5, Images(2, 4, 9, 19, 6, 5, 2, 2, 2)}}) {
    SCOPED_TRACE(testing::PrintToString(g));
    const Convolution c{g, tile};
    const auto x = naive::Random(naive::InputCount(g), "x"),
               w = naive::Random(naive::WeightCount(g), "w"),
               add = naive::Random(naive::OutputCount(g), "add"), scale = naive::Random(6, "scale"),
               shift = naive::Random(6, "shift");
    const std::vector<double> product = naive::Forward(g, x, w, {});
    const auto expected = [&](bool scales, bool shifts, bool adds, double slope) {
      std::vector<double> y = product;
      for (size_t i = 0; i < y.size(); ++i) {
        const size_t output = i / (9 * 19) % 6;
        y[i] = y[i] * (scales ? scale[output] : 1) + (shifts ? shift[output] : 0) +
               (adds ? add[i] : 0);
        if (y[i] < 0) y[i] *= slope;
      }
      return y;
    };
    const TileEnd all{scale.data(), shift.data(), add.data(), 0};
    EXPECT_TRUE(naive::Near(expected(true, true, true, 0), c.Forward(x, w, &all), 1e-5));
    const TileEnd leaky{nullptr, shift.data(), nullptr, 0.25F};
    EXPECT_TRUE(naive::Near(expected(false, true, false, 0.25), c.Forward(x, w, &leaky), 1e-5));
    const TileEnd scaled{scale.data(), nullptr, nullptr, 1};
    EXPECT_TRUE(naive::Near(expected(true, false, false, 1), c.Forward(x, w, &scaled), 1e-5));
  }
}

TEST_P(WinogradOn, AddsToTheGradientsIfAsked) {
  // One chunk, and several; parts of the channels and outputs.
  for (const ConvolutionGeometry& g :
       {Images(2, 3, 9, 9, 5, 3, 1, 1), Images(24, 2, 15, 15, 3, 3, 1, 1),
        Images(1, 260, 9, 9, 270, 3, 1, 1, 2)}) {
    SCOPED_TRACE(testing::PrintToString(g));
    const Convolution c{g, WinogradTile::kF4x3};
    const auto x = naive::Random(naive::InputCount(g), "x"),
               dy = naive::Random(naive::OutputCount(g), "dy"),
               before = naive::Random(naive::WeightCount(g), "before");
    std::vector<double> expected = naive::BackwardWeights(g, x, dy);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += before[i];
    std::vector<double> expected_bias = naive::BackwardBias(g, dy);
    for (double& value : expected_bias) value += 2;
    std::vector<float> db(expected_bias.size(), 2);
    EXPECT_TRUE(naive::Near(expected, c.Weights(x, dy, before, db.data()), 1e-5));
    EXPECT_TRUE(naive::Near(expected_bias, db));
  }
}

TEST_P(WinogradOn, GivesTheSameBitsOnAnyNumberOfThreads) {
  for (const auto& [tile, g] :
       {Case{WinogradTile::kF4x3, Images(9, 3, 30, 30, 5, 3, 1, 1)},
        Case{WinogradTile::kF4x3, Images(2, 4, 14, 14, 512, 3, 1, 1, 2)},  // parts of the outputs
        Case{WinogradTile::kF2x5, Images(20, 6, 12, 12, 10, 5, 0, 0, 2)}}) {
    SCOPED_TRACE(testing::PrintToString(g));
    const auto x = naive::Random(naive::InputCount(g), "x"),
               w = naive::Random(naive::WeightCount(g), "w"),
               dy = naive::Random(naive::OutputCount(g), "dy");
    const Convolution one{g, tile, 1};
    const auto y = one.Forward(x, w), dx = one.Data(w, dy), dw = one.Weights(x, dy);
    for (const int threads : {2, 3, 8}) {
      const Convolution many{g, tile, threads};
      EXPECT_EQ(many.Forward(x, w), y) << threads;
      EXPECT_EQ(many.Data(w, dy), dx) << threads;
      EXPECT_EQ(many.Weights(x, dy), dw) << threads;
    }
  }
}

// It spreads over the outputs of its tiles, but no further.
TEST_P(WinogradOn, KeepsANanWithinTheTilesThatSeeIt) {
  const ConvolutionGeometry g = Images(2, 2, 12, 12, 3, 3, 1, 1);
  const Convolution c{g, WinogradTile::kF4x3};
  auto x = naive::Random(naive::InputCount(g), "x");
  const auto w = naive::Random(naive::WeightCount(g), "w");
  x[5 * 12 + 5] = kNan;  // in the tile of rows and columns 4 to 7, and in no other's 3 to 8
  const auto y = c.Forward(x, w);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t image = i / (3 * 144), row = i % 144 / 12, column = i % 12;
    const bool sees = image == 0 && row / 4 == 1 && column / 4 == 1;
    EXPECT_EQ(std::isnan(y[i]), sees) << i;
  }
}

ConvolutionGeometry Layer(int64_t batch, int64_t channels, int64_t size, int64_t outputs,
                          int64_t kernel, int64_t pad) {
  return Images(batch, channels, size, size, outputs, kernel, pad, pad);
}

TEST(Winograd, IsChosenByTheShapeWhereItIsFaster) {
  using enum WinogradTile;
  const struct {
    ConvolutionGeometry g;
    WinogradTile forward, data, weights;
  } cases[] = {
      {Layer(8, 64, 56, 64, 3, 1), kF4x3, kF4x3, kF4x3},
      {Layer(8, 512, 7, 512, 3, 1), kF4x3, kF4x3, kF4x3},
      {Layer(1, 512, 7, 512, 3, 1), kF2x3, kNone, kNone},
      {Layer(1, 256, 14, 256, 3, 1), kF4x3, kF4x3, kF4x3},
      {Layer(16, 16, 55, 64, 3, 1), kF4x3, kF4x3, kF4x3},
      {Layer(4, 3, 224, 64, 3, 1), kNone, kNone, kNone},
      {Layer(32, 48, 27, 128, 5, 2), kF2x5, kF2x5, kF2x5},
      {Layer(64, 20, 12, 50, 5, 0), kF2x5, kF2x5, kF2x5},
      {Layer(64, 1, 28, 20, 5, 0), kNone, kNone, kNone},
      {Layer(8, 64, 56, 64, 1, 0), kNone, kNone, kNone},
      {Layer(8, 64, 56, 64, 7, 3), kNone, kNone, kNone},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.g));
    EXPECT_EQ(ChooseWinograd(c.g, Pass::kForward), c.forward);
    EXPECT_EQ(ChooseWinograd(c.g, Pass::kBackwardData), c.data);
    EXPECT_EQ(ChooseWinograd(c.g, Pass::kBackwardWeights), c.weights);
  }
}

TEST(Winograd, IsNotChosenForStridesDilationsOrPadsBeyondTheKernel) {
  ConvolutionGeometry g = Layer(8, 64, 56, 64, 3, 1);
  g.stride_w = 2;
  EXPECT_EQ(ChooseWinograd(g, Pass::kForward), WinogradTile::kNone);
  g.stride_w = 1;
  g.dilation_h = 2;
  EXPECT_EQ(ChooseWinograd(g, Pass::kForward), WinogradTile::kNone);
  g.dilation_h = 1;
  g.pad_h = 3;
  EXPECT_EQ(ChooseWinograd(g, Pass::kForward), WinogradTile::kF4x3);
  EXPECT_EQ(ChooseWinograd(g, Pass::kBackwardData), WinogradTile::kNone);
}

// A net is planned for its largest batch and runs smaller ones in the same memory.
TEST(Winograd, NeedsNoMoreMemoryForASmallerBatch) {
  for (const ConvolutionGeometry& layer :
       {Layer(0, 512, 7, 512, 3, 1), Layer(0, 256, 14, 256, 3, 1), Layer(0, 32, 8, 64, 5, 2),
        Layer(0, 24, 13, 300, 3, 1), Layer(0, 21, 31, 10, 3, 0), Layer(0, 106, 5, 295, 3, 1)}) {
    SCOPED_TRACE(testing::PrintToString(layer));
    for (const Pass pass : {Pass::kForward, Pass::kBackwardData, Pass::kBackwardWeights}) {
      int64_t filter = 0, scratch = 0, shared = 0;
      for (int64_t batch = 1; batch <= 70; ++batch) {
        ConvolutionGeometry g = layer;
        g.batch = batch;
        const WinogradTile tile = ChooseWinograd(g, pass);
        const bool none = tile == WinogradTile::kNone, sums = pass == Pass::kBackwardWeights;
        const int64_t more_filter = none ? 0 : WinogradFilterFloats(g, tile),
                      more_scratch = none ? 0 : WinogradScratch(g, pass, tile),
                      more_shared = none || !sums ? 0 : WinogradSharedScratch(g, tile);
        EXPECT_GE(more_filter, filter) << batch;
        EXPECT_GE(more_scratch, scratch) << batch;
        EXPECT_GE(more_shared, shared) << batch;
        filter = more_filter;
        scratch = more_scratch;
        shared = more_shared;
      }
    }
  }
}

}  // namespace
}  // namespace moka
