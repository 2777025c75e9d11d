#include "naive/convolution.h"

#include <limits>
#include <ostream>

#include "math/column_data.h"
#include "math/convolve.h"
#include "math/sliding.h"
#include "math/targets.h"
#include "moka/math.h"

namespace moka {

void PrintTo(const ConvolutionGeometry& g, std::ostream* out) {
  *out << g.batch << "x" << g.channels << "x" << g.height << "x" << g.width << " -> " << g.outputs
       << ", group " << g.group << ", kernel " << g.kernel_h << "x" << g.kernel_w << ", stride "
       << g.stride_h << "x" << g.stride_w << ", pad " << g.pad_h << "x" << g.pad_w << ", dilation "
       << g.dilation_h << "x" << g.dilation_w;
}

namespace {

using Convolutions = ConvolutionTest<ConvolutionGeometry>;

TEST_P(Convolutions, AgreeWithTheDefinition) {
  EXPECT_TRUE(naive::Near(naive::Forward(g, x, w, bias), Forward(g, 2, x, w, bias)));
  EXPECT_TRUE(naive::Near(naive::Forward(g, x, w, {}), Forward(g, 2, x, w, {})));
  const Gradients d = Backward(g, 2, x, w, dy);
  EXPECT_TRUE(naive::Near(naive::BackwardData(g, w, dy), d.x));
  EXPECT_TRUE(naive::Near(naive::BackwardWeights(g, x, dy), d.w));
  EXPECT_TRUE(naive::Near(naive::BackwardBias(g, dy), d.bias));
}

TEST_P(Convolutions, AgreeWithTheDefinitionOnEveryKindOfProcessor) {
  ConvolutionGeometry plain = g;
  plain.exact = true;
  const auto y = naive::Forward(g, x, w, bias), dx = naive::BackwardData(g, w, dy),
             dw = naive::BackwardWeights(g, x, dy), db = naive::BackwardBias(g, dy);
  for (const int64_t target : RunnableTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    const OnTarget on(target);
    for (const ConvolutionGeometry& how : {g, plain}) {
      EXPECT_TRUE(naive::Near(y, Forward(how, 1, x, w, bias)));
      const Gradients d = Backward(how, 2, x, w, dy);
      EXPECT_TRUE(naive::Near(dx, d.x));
      EXPECT_TRUE(naive::Near(dw, d.w));
      EXPECT_TRUE(naive::Near(db, d.bias));
    }
  }
}

TEST_P(Convolutions, DoWhatTheEpilogueSays) { ExpectEpilogues(); }

TEST_P(Convolutions, GiveTheSameBitsForAnyNumberOfThreads) {
  const auto y = Forward(g, 1, x, w, bias);
  const Gradients d = Backward(g, 1, x, w, dy);
  for (const int threads : {2, 3, 8}) {
    EXPECT_EQ(y, Forward(g, threads, x, w, bias));
    const Gradients other = Backward(g, threads, x, w, dy);
    EXPECT_EQ(d.x, other.x);
    EXPECT_EQ(d.w, other.w);
    EXPECT_EQ(d.bias, other.bias);
  }
}

TEST_P(Convolutions, AddToGradientsOnRequest) {
  Context context({.threads = 2, .seed = 1});
  Memory memory(g, 2);
  std::vector<float> dw(w.size(), 1.0f), db(bias.size(), 2.0f);
  ConvolveBackwardWeights(context, g, x.data(), dy.data(), dw.data(), true, db.data(), true, memory,
                          memory.shared);
  auto expected_w = naive::BackwardWeights(g, x, dy), expected_bias = naive::BackwardBias(g, dy);
  for (double& value : expected_w) value += 1;
  for (double& value : expected_bias) value += 2;
  EXPECT_TRUE(naive::Near(expected_w, dw));
  EXPECT_TRUE(naive::Near(expected_bias, db));
}

TEST_P(Convolutions, GiveEitherGradientAlone) {
  Context context({.threads = 2, .seed = 1});
  Memory memory(g, 2);
  const Gradients both = Backward(g, 2, x, w, dy);
  std::vector<float> dw(w.size(), kNan), db(bias.size(), kNan);
  ConvolveBackwardWeights(context, g, x.data(), dy.data(), dw.data(), false, nullptr, false, memory,
                          memory.shared);
  ConvolveBackwardWeights(context, g, x.data(), dy.data(), nullptr, false, db.data(), false, memory,
                          memory.shared);
  EXPECT_EQ(dw, both.w);
  EXPECT_TRUE(naive::Near(naive::BackwardBias(g, dy), db));
}

ConvolutionGeometry Make(int64_t batch, int64_t channels, int64_t height, int64_t width,
                         int64_t outputs, int64_t kernel, int64_t stride = 1, int64_t pad = 0,
                         int64_t dilation = 1, int64_t group = 1) {
  return {.batch = batch,
          .channels = channels,
          .height = height,
          .width = width,
          .outputs = outputs,
          .group = group,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad,
          .dilation_h = dilation,
          .dilation_w = dilation};
}

const ConvolutionGeometry kTable[] = {
    Make(1, 1, 1, 1, 1, 1),
    Make(0, 2, 4, 4, 3, 3),              // no images
    Make(2, 3, 5, 7, 4, 3),              // narrow rows
    Make(2, 3, 9, 17, 5, 3, 1, 1),       // rows of 8 and a rest, pad
    Make(3, 2, 8, 8, 4, 5, 1, 2),        // rows of 8
    Make(1, 4, 6, 5, 6, 1),              // pointwise: not lowered
    Make(2, 4, 6, 5, 6, 1, 2),           // 1x1 with stride
    Make(2, 4, 6, 5, 6, 1, 1, 1),        // 1x1 with pad
    Make(2, 3, 11, 13, 4, 3, 2, 1),      // stride and pad
    Make(2, 3, 12, 12, 4, 2, 3),         // stride beyond the kernel: pixels that are never read
    Make(2, 2, 14, 15, 3, 3, 1, 2, 2),   // dilation
    Make(2, 2, 14, 15, 3, 3, 2, 3, 3),   // dilation, stride, pad
    Make(2, 6, 7, 7, 4, 3, 1, 1, 1, 2),  // groups
    Make(3, 6, 7, 7, 6, 3, 1, 1, 1, 6),  // depthwise
    Make(1, 2, 3, 3, 2, 3, 1, 5),        // windows wholly in the pad
    Make(1, 1, 1, 1, 1, 1, 10, 3),       // the only window lies in the pad
    Make(2, 1, 28, 28, 20, 5),           // LeNet's first
    Make(3, 20, 12, 12, 50, 5),          // and second
    Make(2, 32, 16, 16, 32, 5, 1, 2),    // CIFAR-10 quick's second: several blocks and tiles
    Make(1, 40, 60, 60, 24, 3, 1, 1),    // several tiles of rows in each pass
    Make(7, 3, 9, 9, 17, 3),             // chunks of images of unequal size
    Make(50, 2, 5, 5, 3, 3),             // many chunks
    Make(3, 37, 24, 30, 29, 1),          // 1x1: pixels are multiplied where they are
    Make(3, 5, 25, 41, 21, 1),           // the same, but for the last of an image
    Make(2, 100, 32, 36, 15, 1),         // one panel at a time
    Make(40, 34, 8, 8, 30, 1, 1, 0, 1, 2),
    Make(3, 76, 9, 8, 40, 3, 1, 1),         // weights: runs along rows, parts of the channels
    Make(5, 6, 23, 17, 70, 3, 2, 1, 1, 2),  // rows that a stride parts, groups
    Make(3, 10, 15, 13, 40, 1, 2),          // of every other pixel
    Make(2, 2, 37, 40, 11, 5, 1, 2),        // data by columns: rows of several vectors
    Make(3, 3, 14, 15, 9, 3, 1, 3, 2),      // dilation
    Make(2, 6, 20, 19, 24, 3, 1, 1, 1, 2),  // groups
    Make(2, 1, 4, 5, 9, 3, 1, 6),           // taps wholly in the pad
    Make(2, 9, 9, 9, 10, 5),                // x far larger than y
    Make(3, 330, 7, 7, 95, 1),              // several parts of the sums, panels of two images
    {.batch = 2,
     .channels = 3,
     .height = 9,
     .width = 14,
     .outputs = 4,
     .kernel_h = 1,
     .kernel_w = 4,
     .stride_h = 2,
     .stride_w = 1,
     .pad_h = 0,
     .pad_w = 2,
     .dilation_h = 1,
     .dilation_w = 3},
    {.batch = 2,
     .channels = 3,
     .height = 14,
     .width = 9,
     .outputs = 4,
     .kernel_h = 4,
     .kernel_w = 2,
     .stride_h = 1,
     .stride_w = 3,
     .pad_h = 3,
     .pad_w = 0,
     .dilation_h = 2,
     .dilation_w = 1},
};
INSTANTIATE_TEST_SUITE_P(Table, Convolutions, testing::ValuesIn(kTable));

TEST(ConvolutionEpilogue, LetsNaNThroughTheRectifierAndTurnsMinusInfinityIntoZero) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const int64_t channels : {1, 2}) {  // with 2, depthwise
    ConvolutionGeometry g = Make(1, channels, 1, 3, channels, 1, 1, 0, 1, channels);
    std::vector<float> x = {kNan, -kInf, kInf, -1, -0.0F, 2};
    x.resize(naive::InputCount(g));
    const std::vector<float> w(naive::WeightCount(g), 1.0F);
    const auto y = Forward(g, 1, x, w, Epilogue{.slope = 0});
    EXPECT_TRUE(y[0] != y[0]);
    EXPECT_EQ(y[1], 0);
    EXPECT_EQ(y[2], kInf);
  }
}

// A net that is planned for a batch runs smaller ones in the same memory.
TEST(ConvolutionScratch, NeverShrinksAsTheBatchGrows) {
  for (ConvolutionGeometry g :
       {Make(0, 3, 5, 5, 4, 3), Make(0, 64, 28, 28, 8, 3, 1, 1), Make(0, 256, 7, 7, 16, 3, 1, 1),
        Make(0, 6, 100, 300, 6, 5, 1, 2, 1, 2), Make(0, 512, 56, 56, 512, 3, 1, 1),
        Make(0, 64, 28, 28, 64, 1), Make(0, 1024, 7, 7, 512, 1), Make(0, 3, 64, 64, 32, 3, 1, 1)}) {
    int64_t shared = 0, each = 0;
    for (g.batch = 0; g.batch <= 64; ++g.batch) {
      EXPECT_GE(ConvolutionSharedScratch(g), shared) << testing::PrintToString(g);
      EXPECT_GE(ConvolutionScratch(g), each) << testing::PrintToString(g);
      shared = ConvolutionSharedScratch(g);
      each = ConvolutionScratch(g);
    }
  }
}

TEST(ConvolutionScratch, HoldsTheChunksOfEachBatch) {
  for (ConvolutionGeometry g : {Make(0, 3, 5, 5, 4, 3), Make(0, 64, 6, 6, 8, 3, 1, 1, 1, 2)}) {
    for (g.batch = 0; g.batch <= 64; ++g.batch) {
      const SlidingCut cut = CutSlidingWeights(SlidingForward(g), g.group);
      EXPECT_LE(cut.chunks, cut.most_chunks) << testing::PrintToString(g);
      EXPECT_LE(cut.pixels, cut.most_pixels) << testing::PrintToString(g);
    }
  }
}

TEST(SlidingCuts, LeavePixelsOf1x1KernelsInPlaceWhereFewOutputsWouldPayForACopy) {
  for (const int64_t target : RunnableTargets()) {
    const OnTarget on(target);
    const auto in_place = [](const ConvolutionGeometry& g) {
      return CutSliding(SlidingForward(g), g.group).in_place;
    };
    EXPECT_TRUE(in_place(Make(3, 37, 24, 30, 29, 1)));
    EXPECT_TRUE(in_place(Make(3, 5, 25, 41, 21, 1)));
    EXPECT_TRUE(in_place(Make(2, 100, 32, 36, 15, 1)));
    EXPECT_FALSE(in_place(Make(2, 200, 32, 36, 400, 1))) << "many outputs";
    EXPECT_FALSE(in_place(Make(3, 37, 7, 7, 29, 1))) << "few pixels";
    EXPECT_FALSE(in_place(Make(3, 37, 24, 30, 29, 1, 2))) << "a stride";
    EXPECT_FALSE(in_place(Make(300, 37, 5, 5, 29, 1))) << "vectors that fit badly";
  }
}

TEST(SlidingCuts, MultiplyWindowsOfWholeRowsWhereTheseFillVectors) {
  for (const int64_t target : RunnableTargets()) {
    const OnTarget on(target);
    const auto by_rows = [](const ConvolutionGeometry& g) {
      return CutSliding(SlidingForward(g), g.group).by_rows;
    };
    EXPECT_TRUE(by_rows(Make(3, 3, 20, 32, 22, 5, 1, 2)));
    EXPECT_TRUE(by_rows(Make(9, 2, 37, 62, 13, 3, 2, 1)));
    EXPECT_FALSE(by_rows(Make(3, 3, 20, 32, 222, 5, 1, 2))) << "many outputs";
    EXPECT_FALSE(by_rows(Make(64, 1, 9, 9, 20, 5))) << "rows of 5";
    EXPECT_FALSE(by_rows(Make(3, 400, 20, 32, 22, 5, 1, 2))) << "windows of many floats";
  }
}

TEST(ColumnsPay, WhereXHasFewChannelsOrFarMorePixelsThanY) {
  EXPECT_TRUE(ColumnsPay(Make(4, 1, 28, 28, 20, 5)));
  EXPECT_TRUE(ColumnsPay(Make(4, 20, 12, 12, 50, 5)));
  EXPECT_TRUE(ColumnsPay(Make(4, 3, 32, 32, 32, 5, 1, 2)));
  EXPECT_FALSE(ColumnsPay(Make(4, 32, 16, 16, 32, 5, 1, 2))) << "as many pixels";
  EXPECT_FALSE(ColumnsPay(Make(4, 3, 33, 33, 32, 5, 2, 2))) << "a stride";
  EXPECT_FALSE(ColumnsPay(Make(4, 3, 32, 32, 4, 5, 1, 2))) << "few outputs";
  EXPECT_FALSE(ColumnsPay(Make(4, 3, 224, 224, 64, 3, 1, 1))) << "columns of many floats";
}

TEST(SlidingCuts, RunAlongRowsOfWindowsForTheGradientOfWeightsUnlessTheyAreShort) {
  for (const int64_t target : RunnableTargets()) {
    const OnTarget on(target);
    const auto by_rows = [](const ConvolutionGeometry& g) {
      return CutSlidingWeights(SlidingForward(g), g.group).by_rows;
    };
    EXPECT_TRUE(by_rows(Make(3, 3, 20, 32, 22, 5, 1, 2)));
    EXPECT_TRUE(by_rows(Make(3, 30, 13, 13, 40, 1, 2)));
    EXPECT_FALSE(by_rows(Make(3, 3, 7, 7, 22, 3))) << "rows of 5";
    EXPECT_FALSE(by_rows(Make(1, 3, 3, 600, 22, 3))) << "rows longer than a tile";
    EXPECT_FALSE(by_rows(Make(3, 3, 20, 32, 3, 5, 1, 2))) << "one vector of outputs";
    EXPECT_FALSE(by_rows(Make(3, 30, 13, 13, 40, 1))) << "windows that are rows of x";
  }
}

}  // namespace
}  // namespace moka
