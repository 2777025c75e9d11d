// Depthwise convolution against its definition, over ragged shapes.
#include "math/depthwise.h"

#include <limits>
#include <ostream>

#include "moka/math.h"
#include "naive/compare.h"
#include "naive/convolution.h"

namespace moka {

void PrintTo(const ConvolutionGeometry& g, std::ostream* out);

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Scratch that is full of NaN.
class Memory {
 public:
  Memory(const ConvolutionGeometry& g, int threads, const DepthwiseKernels& kernels)
      : shared(static_cast<size_t>(DepthwiseSharedScratch(g, kernels)), kNan),
        each_(static_cast<size_t>(threads),
              std::vector<float>(static_cast<size_t>(DepthwiseScratch(g, kernels)), kNan)) {}
  std::span<float> operator()(int worker) const { return each_[static_cast<size_t>(worker)]; }

  std::vector<float> shared;

 private:
  mutable std::vector<std::vector<float>> each_;
};

struct Passes {
  std::vector<float> y, dx, dw, db;
  friend bool operator==(const Passes&, const Passes&) = default;
};

struct Inputs {
  explicit Inputs(const ConvolutionGeometry& g)
      : x(naive::Random(naive::InputCount(g), "x")),
        w(naive::Random(naive::WeightCount(g), "w")),
        bias(naive::Random(static_cast<size_t>(g.outputs), "bias")),
        dy(naive::Random(naive::OutputCount(g), "dy")) {}
  std::vector<float> x, w, bias, dy;
};

// All passes, on memory of `planned` (of this batch or a larger one).
Passes RunAll(const ConvolutionGeometry& g, const ConvolutionGeometry& planned, int threads,
              const Inputs& in, const DepthwiseKernels& kernels = BestDepthwiseKernels()) {
  Context context({.threads = threads, .seed = 1});
  Memory memory(planned, threads, kernels);
  Passes out{std::vector<float>(in.dy.size(), kNan), std::vector<float>(in.x.size(), kNan),
             std::vector<float>(in.w.size(), kNan), std::vector<float>(in.bias.size(), kNan)};
  DepthwiseForward(context, g, in.x.data(), in.w.data(), {.shift = in.bias.data()}, out.y.data(),
                   memory, kernels);
  DepthwiseBackwardData(context, g, in.w.data(), in.dy.data(), out.dx.data(), memory, kernels);
  DepthwiseBackwardWeights(context, g, in.x.data(), in.dy.data(), out.dw.data(), false,
                           out.db.data(), false, memory, memory.shared, kernels);
  return out;
}
Passes RunAll(const ConvolutionGeometry& g, int threads, const Inputs& in) {
  return RunAll(g, g, threads, in);
}

ConvolutionGeometry Square(int64_t batch, int64_t channels, int64_t size, int64_t kernel,
                           int64_t stride, int64_t pad, int64_t dilation = 1,
                           int64_t multiplier = 1) {
  return {.batch = batch,
          .channels = channels,
          .height = size,
          .width = size,
          .outputs = channels * multiplier,
          .group = channels,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad,
          .dilation_h = dilation,
          .dilation_w = dilation};
}

bool IsValid(const ConvolutionGeometry& g) {
  return g.dilation_h * (g.kernel_h - 1) + 1 <= g.height + 2 * g.pad_h &&
         g.dilation_w * (g.kernel_w - 1) + 1 <= g.width + 2 * g.pad_w;
}

// y with scale and shift 2 + bias and bias, dy to be added, if asked, and a slope.
void ExpectEpilogue(const ConvolutionGeometry& g, const Inputs& in, std::vector<double> y,
                    const DepthwiseKernels& kernels, bool adds, float slope) {
  std::vector<float> scale = in.bias, got(y.size(), kNan);
  for (float& factor : scale) factor += 2;
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t o = i / (y.size() / static_cast<size_t>(g.batch * g.outputs)) % scale.size();
    y[i] = scale[o] * (y[i] - in.bias[o]) + in.bias[o] + (adds ? in.dy[i] : 0);
    if (y[i] < 0) y[i] *= slope;
  }
  Context context({.threads = 2, .seed = 1});
  const Memory memory(g, 2, kernels);
  const Epilogue epilogue{.scale = scale.data(),
                          .shift = in.bias.data(),
                          .add = adds ? in.dy.data() : nullptr,
                          .slope = slope};
  DepthwiseForward(context, g, in.x.data(), in.w.data(), epilogue, got.data(), memory, kernels);
  EXPECT_TRUE(naive::Near(y, got, 4e-6)) << adds << ", slope " << slope;
}

void ExpectDefinition(const ConvolutionGeometry& g) {
  SCOPED_TRACE(testing::PrintToString(g));
  ASSERT_TRUE(IsDepthwise(g));
  const Inputs in(g);
  const auto y = naive::Forward(g, in.x, in.w, in.bias), dx = naive::BackwardData(g, in.w, in.dy),
             dw = naive::BackwardWeights(g, in.x, in.dy), db = naive::BackwardBias(g, in.dy);
  for (const DepthwiseKernels* kernels : AllDepthwiseKernels()) {
    SCOPED_TRACE(kernels->lanes);
    const Passes out = RunAll(g, g, 2, in, *kernels);
    EXPECT_TRUE(naive::Near(y, out.y));
    ExpectEpilogue(g, in, y, *kernels, true, 0.25F);
    ExpectEpilogue(g, in, y, *kernels, false, 0.25F);
    ExpectEpilogue(g, in, y, *kernels, false, 0);
    ExpectEpilogue(g, in, y, *kernels, false, 1);
    EXPECT_TRUE(naive::Near(dx, out.dx));
    EXPECT_TRUE(naive::Near(dw, out.dw, 4e-6));  // up to 64 floats in each lane
    EXPECT_TRUE(naive::Near(db, out.db));
  }
}

// The functions that layers call come here.
TEST(Depthwise, TakesOverConvolutionsWithOneChannelInAGroup) {
  const ConvolutionGeometry g = Square(2, 3, 20, 3, 2, 1, 1, 2);
  const Inputs in(g);
  const Passes expected = RunAll(g, 1, in);
  Context context({.threads = 1, .seed = 1});
  Memory memory(g, 1, BestDepthwiseKernels());
  EXPECT_EQ(ConvolutionScratch(g), DepthwiseScratch(g));
  EXPECT_EQ(ConvolutionSharedScratch(g), DepthwiseSharedScratch(g));
  Passes out = expected;
  for (auto* values : {&out.y, &out.dx, &out.dw, &out.db})
    std::fill(values->begin(), values->end(), kNan);
  ConvolveForward(context, g, in.x.data(), in.w.data(), in.bias.data(), out.y.data(), memory);
  ConvolveBackwardData(context, g, in.w.data(), in.dy.data(), out.dx.data(), memory);
  ConvolveBackwardWeights(context, g, in.x.data(), in.dy.data(), out.dw.data(), false,
                          out.db.data(), false, memory, memory.shared);
  EXPECT_EQ(out, expected);
  ConvolutionGeometry two = g;
  two.group = 1;
  EXPECT_FALSE(IsDepthwise(two));
}

TEST(Depthwise, SquareKernelsOfAllSizesStridesPadsAndDilations) {
  int shapes = 0;
  for (int64_t kernel = 1; kernel <= 7; ++kernel) {
    for (int64_t stride = 1; stride <= 4; ++stride) {
      for (int64_t dilation = 1; dilation <= 3; ++dilation) {
        for (int64_t pad = 0; pad <= kernel + 1; ++pad) {
          for (const int64_t size : {1, 2, 5, 9, 13, 20}) {
            const ConvolutionGeometry g =
                Square(2, 2, size + shapes % 3, kernel, stride, pad, dilation, 1 + shapes % 2);
            if (!IsValid(g)) continue;
            ExpectDefinition(g);
            if (HasFatalFailure()) return;
            ++shapes;
          }
        }
      }
    }
  }
  EXPECT_GT(shapes, 1500);
}

// Every way in which the last vector of a row, or the last row, can be cut.
TEST(Depthwise, AllWidths) {
  for (int64_t width = 1; width <= 70; ++width) {
    for (const int64_t stride : {1, 2, 3}) {
      for (const int64_t kernel : {3, 5}) {
        ConvolutionGeometry g = Square(1, 2, 0, kernel, stride, kernel / 2);
        g.height = 1 + width % 11, g.width = width;
        ExpectDefinition(g);
        g.height = width, g.width = 1 + width % 11;
        ExpectDefinition(g);
      }
    }
  }
}

TEST(Depthwise, RectanglesWithDifferentAxes) {
  int shapes = 0;
  const RandomStream random(3, "shapes", 0, 0);
  uint64_t at = 0;
  const auto pick = [&](int64_t least, int64_t most) {
    return least +
           static_cast<int64_t>(random.Uniform(at++) * static_cast<float>(most - least + 1));
  };
  while (shapes < 400) {
    const int64_t channels = pick(1, 5);
    const ConvolutionGeometry g{.batch = pick(0, 4),
                                .channels = channels,
                                .height = pick(1, 24),
                                .width = pick(1, 40),
                                .outputs = channels * pick(1, 3),
                                .group = channels,
                                .kernel_h = pick(1, 7),
                                .kernel_w = pick(1, 7),
                                .stride_h = pick(1, 4),
                                .stride_w = pick(1, 4),
                                .pad_h = pick(0, 6),
                                .pad_w = pick(0, 6),
                                .dilation_h = pick(1, 4),
                                .dilation_w = pick(1, 4)};
    if (!IsValid(g)) continue;
    ExpectDefinition(g);
    ++shapes;
  }
}

const ConvolutionGeometry kLarge[] = {
    Square(2, 3, 150, 3, 1, 1),        // several tiles of rows in each pass
    Square(1, 2, 201, 3, 2, 1),        // and with a stride
    Square(1, 2, 150, 5, 2, 2, 1, 3),  // and a multiplier
    Square(1, 1, 130, 7, 3, 9, 4),     // tiles whose rows all lie in the pad
    Square(70, 2, 5, 3, 1, 1),         // chunks of images
    Square(9, 30, 7, 3, 1, 1),         // none
    Square(2, 2, 3, 2, 7, 6),          // stride beyond the kernel and the image
};

TEST(Depthwise, SeveralTilesAndChunks) {
  for (const ConvolutionGeometry& g : kLarge) ExpectDefinition(g);
}

TEST(Depthwise, GivesTheSameBitsForAnyNumberOfThreads) {
  for (const ConvolutionGeometry& g : kLarge) {
    const Inputs in(g);
    const Passes one = RunAll(g, 1, in);
    for (const int threads : {2, 3, 4}) EXPECT_EQ(one, RunAll(g, threads, in)) << threads;
  }
}

TEST(Depthwise, AnImagesValuesDoNotDependOnTheOthers) {
  const ConvolutionGeometry g = Square(5, 3, 14, 3, 2, 1), alone = Square(1, 3, 14, 3, 2, 1);
  const Inputs in(g);
  const Passes all = RunAll(g, 2, in);
  Inputs first = in;
  first.x.resize(naive::InputCount(alone)), first.dy.resize(naive::OutputCount(alone));
  const Passes one = RunAll(alone, 2, first);
  EXPECT_TRUE(std::equal(one.y.begin(), one.y.end(), all.y.begin()));
  EXPECT_TRUE(std::equal(one.dx.begin(), one.dx.end(), all.dx.begin()));
}

TEST(Depthwise, RunsSmallerBatchesInTheMemoryOfALargerOne) {
  for (const int64_t size : {5, 150}) {
    const ConvolutionGeometry planned = Square(50, 1, size, 3, 1, 1);
    for (const int64_t batch : {0, 1, 7, 25, 26, 49}) {
      ConvolutionGeometry g = planned;
      g.batch = batch;
      const Inputs in(g);
      EXPECT_EQ(RunAll(g, planned, 2, in), RunAll(g, g, 2, in)) << batch;
    }
  }
}

TEST(Depthwise, ScratchNeverShrinksAsTheBatchGrows) {
  for (ConvolutionGeometry g : kLarge) {
    int64_t each = 0, shared = 0;
    for (g.batch = 0; g.batch <= 64; ++g.batch) {
      EXPECT_GE(ConvolutionScratch(g), each);
      EXPECT_GE(ConvolutionSharedScratch(g), shared);
      each = ConvolutionScratch(g), shared = ConvolutionSharedScratch(g);
    }
  }
}

TEST(Depthwise, AddsToGradientsOnRequestAndGivesEitherAlone) {
  const ConvolutionGeometry g = Square(3, 4, 9, 3, 2, 1, 1, 2);
  const Inputs in(g);
  const Passes both = RunAll(g, 2, in);
  Context context({.threads = 2, .seed = 1});
  Memory memory(g, 2, BestDepthwiseKernels());
  std::vector<float> dw(in.w.size(), kNan), db(in.bias.size(), kNan);
  const auto backward = [&](float* to_w, bool add_w, float* to_b, bool add_b) {
    ConvolveBackwardWeights(context, g, in.x.data(), in.dy.data(), to_w, add_w, to_b, add_b, memory,
                            memory.shared);
  };
  backward(dw.data(), false, nullptr, false);
  EXPECT_EQ(dw, both.dw);
  backward(nullptr, false, db.data(), false);
  EXPECT_EQ(db, both.db);
  backward(nullptr, true, nullptr, true);
  backward(dw.data(), true, db.data(), false);
  EXPECT_EQ(db, both.db);
  for (size_t i = 0; i < dw.size(); ++i) EXPECT_FLOAT_EQ(dw[i], 2 * both.dw[i]);
  backward(nullptr, false, db.data(), true);
  for (size_t i = 0; i < db.size(); ++i) EXPECT_FLOAT_EQ(db[i], 2 * both.db[i]);
}

TEST(Depthwise, WithoutBiasStartsFromZero) {
  const ConvolutionGeometry g = Square(2, 3, 6, 3, 1, 1);
  const Inputs in(g);
  Context context({.threads = 1, .seed = 1});
  Memory memory(g, 1, BestDepthwiseKernels());
  std::vector<float> y(in.dy.size(), kNan);
  ConvolveForward(context, g, in.x.data(), in.w.data(), nullptr, y.data(), memory);
  EXPECT_TRUE(naive::Near(naive::Forward(g, in.x, in.w, {}), y));
}

TEST(Depthwise, GradientsWithoutImagesAreZero) {
  const ConvolutionGeometry g = Square(0, 3, 6, 3, 1, 1);
  const Passes out = RunAll(g, 2, Inputs(g));
  EXPECT_EQ(out.dw, std::vector<float>(27, 0.0f));
  EXPECT_EQ(out.db, std::vector<float>(3, 0.0f));
}

// Which of `values` are not finite.
std::vector<size_t> NotFinite(const std::vector<float>& values) {
  std::vector<size_t> places;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) places.push_back(i);
  }
  return places;
}

// By the definition, where a bad x[at] and a bad dy[at] must go, and nowhere else.
void ExpectBadValuesOnlyWhereTheyBelong(const ConvolutionGeometry& g, float bad) {
  SCOPED_TRACE(testing::PrintToString(g));
  Inputs in(g);
  const size_t in_at = in.x.size() / 2 + static_cast<size_t>(g.width) / 2;
  const size_t out_at = in.dy.size() / 2 + static_cast<size_t>(g.out_width()) / 2;
  std::vector<float> y(in.dy.size()), dx(in.x.size()), dw(in.w.size());
  naive::ForEachProduct(g, [&](size_t from, size_t weight, size_t to) {
    if (from == in_at) y[to] = kNan, dw[weight] = kNan;
    if (to == out_at) dx[from] = kNan;
  });
  Inputs bad_x = in, bad_dy = in;
  bad_x.x[in_at] = bad;
  bad_dy.dy[out_at] = bad;
  for (const DepthwiseKernels* kernels : AllDepthwiseKernels()) {
    SCOPED_TRACE(kernels->lanes);
    const Passes out = RunAll(g, g, 2, bad_x, *kernels);
    EXPECT_EQ(NotFinite(out.y), NotFinite(y));
    EXPECT_EQ(NotFinite(out.dw), NotFinite(dw));
    EXPECT_EQ(NotFinite(out.db), std::vector<size_t>());
    EXPECT_EQ(NotFinite(RunAll(g, g, 2, bad_dy, *kernels).dx), NotFinite(dx));
  }
}

TEST(Depthwise, NanAndInfinityReachOnlyTheWindowsThatHoldThem) {
  for (const float bad : {kNan, kInf, -kInf}) {
    for (const int64_t size : {3, 7, 14, 17, 33}) {
      for (const int64_t stride : {1, 2, 3}) {
        for (const int64_t pad : {0, 1, 2}) {
          for (const int64_t kernel : {3, 2, 5}) {
            const ConvolutionGeometry g = Square(2, 2, size, kernel, stride, pad);
            if (IsValid(g)) ExpectBadValuesOnlyWhereTheyBelong(g, bad);
          }
        }
      }
    }
  }
}

TEST(Depthwise, ManyOutputsOfOneChannelAreLoweredButRight) {
  const ConvolutionGeometry g = Square(2, 1, 20, 5, 1, 0, 1, 20);
  EXPECT_FALSE(IsDepthwise(g));
  const Inputs in(g);
  for (const DepthwiseKernels* kernels : AllDepthwiseKernels()) {
    const Passes out = RunAll(g, g, 2, in, *kernels);
    EXPECT_TRUE(naive::Near(naive::Forward(g, in.x, in.w, in.bias), out.y));
    EXPECT_TRUE(naive::Near(naive::BackwardData(g, in.w, in.dy), out.dx));
    EXPECT_TRUE(naive::Near(naive::BackwardWeights(g, in.x, in.dy), out.dw, 4e-6));
  }
}

TEST(Depthwise, SizesBeyondAllMemoryAreLargeNumbers) {
  ConvolutionGeometry g = Square(1, 1, 1, 3, 1, 1);
  g.outputs = int64_t{1} << 31, g.height = g.width = int64_t{1} << 20;
  EXPECT_GT(DepthwiseScratch(g), int64_t{1} << 40);
  EXPECT_GT(DepthwiseSharedScratch(g), int64_t{1} << 34);
  g.kernel_h = g.kernel_w = 1 << 20, g.pad_h = g.pad_w = 0;
  EXPECT_GT(DepthwiseScratch(g), int64_t{1} << 60);
}

}  // namespace
}  // namespace moka
