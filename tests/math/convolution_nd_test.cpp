#include "moka/convolution_nd.h"

#include <limits>
#include <ostream>

#include "math/convolution_nd_cut.h"
#include "math/convolve.h"

namespace moka {

void PrintTo(const ConvolutionNdGeometry& g, std::ostream* out) {
  *out << g.batch << "x" << g.channels << " -> " << g.outputs << ", group " << g.group;
  for (const auto& a : g.space()) {
    *out << ", " << a.size << ": kernel " << a.kernel << " stride " << a.stride << " pad " << a.pad
         << " dilation " << a.dilation;
  }
}

namespace {

using ConvolutionsNd = ConvolutionTest<ConvolutionNdGeometry>;

TEST_P(ConvolutionsNd, AgreeWithTheDefinition) {
  EXPECT_TRUE(naive::Near(naive::Forward(g, x, w, bias), Forward(g, 2, x, w, bias)));
  EXPECT_TRUE(naive::Near(naive::Forward(g, x, w, {}), Forward(g, 2, x, w, {})));
  const Gradients d = Backward(g, 2, x, w, dy);
  const auto expected = naive::Backward(g, x, w, dy);
  EXPECT_TRUE(naive::Near(expected.x, d.x));
  EXPECT_TRUE(naive::Near(expected.w, d.w));
  EXPECT_TRUE(naive::Near(expected.bias, d.bias));
}

TEST_P(ConvolutionsNd, DoWhatTheEpilogueSays) { ExpectEpilogues(); }

TEST_P(ConvolutionsNd, GiveTheSameBitsForAnyNumberOfThreads) {
  const auto y = Forward(g, 1, x, w, bias);
  const Gradients d = Backward(g, 1, x, w, dy);
  for (const int threads : {2, 3, 4}) {
    EXPECT_EQ(y, Forward(g, threads, x, w, bias)) << threads;
    EXPECT_TRUE(d == Backward(g, threads, x, w, dy)) << threads;
  }
}

TEST_P(ConvolutionsNd, AddToGradientsOnRequestAndGiveEitherAlone) {
  Context context({.threads = 2, .seed = 1});
  Memory memory(g, 2);
  std::vector<float> dw(w.size(), 1.0F), db(bias.size(), 2.0F);
  ConvolveBackwardWeights(context, g, x.data(), dy.data(), dw.data(), true, nullptr, false, memory,
                          memory.shared);
  ConvolveBackwardWeights(context, g, x.data(), dy.data(), nullptr, false, db.data(), true, memory,
                          memory.shared);
  auto expected = naive::Backward(g, x, w, dy);
  for (double& value : expected.w) value += 1;
  for (double& value : expected.bias) value += 2;
  EXPECT_TRUE(naive::Near(expected.w, dw));
  EXPECT_TRUE(naive::Near(expected.bias, db));
}

TEST_P(ConvolutionsNd, LowerAndScatterByTheDefinition) {
  const size_t in = static_cast<size_t>(g.in_plane()), out = static_cast<size_t>(g.out_plane());
  const size_t planes = static_cast<size_t>(g.batch * g.channels),
               kernel = w.empty() ? 0 : static_cast<size_t>(g.kernel());
  const std::vector<float> d = naive::Random(planes * kernel * out, "columns");
  std::vector<float> expected(d.size());
  std::vector<double> expected_dx(x.size());
  for (size_t n = 0; n < planes; ++n) {
    naive::ForEachPair(g, [&](int64_t i, int64_t k, int64_t o) {
      const size_t column = (n * kernel + static_cast<size_t>(k)) * out + static_cast<size_t>(o);
      expected[column] = x[n * in + static_cast<size_t>(i)];
      expected_dx[n * in + static_cast<size_t>(i)] += d[column];
    });
  }
  for (const int threads : {1, 3}) {
    Context context({.threads = threads, .seed = 1});
    std::vector<float> columns(d.size(), kNan), dx(x.size(), kNan);
    LowerImages(context, g, x.data(), columns.data(), Memory(g, threads));
    ScatterColumns(context, g, d.data(), dx.data(), Memory(g, threads));
    EXPECT_EQ(columns, expected);
    EXPECT_TRUE(naive::Near(expected_dx, dx));
  }
}

using Axis = ConvolutionNdGeometry::Axis;

ConvolutionNdGeometry Make(int64_t batch, int64_t channels, int64_t outputs, int64_t group,
                           const std::vector<Axis>& space) {
  ConvolutionNdGeometry g{.batch = batch,
                          .channels = channels,
                          .outputs = outputs,
                          .group = group,
                          .axes = static_cast<int>(space.size())};
  std::copy(space.begin(), space.end(), g.axis.begin());
  return g;
}

Axis Along(int64_t size, int64_t kernel, int64_t stride = 1, int64_t pad = 0,
           int64_t dilation = 1) {
  return {.size = size, .kernel = kernel, .stride = stride, .pad = pad, .dilation = dilation};
}

const ConvolutionNdGeometry kTable[] = {
    Make(2, 3, 4, 1, {Along(9, 3)}),            // 1-D: as planes
    Make(2, 3, 4, 1, {Along(17, 3, 2, 2, 2)}),  //
    Make(1, 40, 3, 1, {Along(2500, 3, 1, 1)}),  // 1-D in cut rows
    Make(3, 20, 4, 2, {Along(9001, 5, 2, 6, 3)}),
    Make(1, 1, 9, 1, {Along(70001, 8, 2, 3)}),
    Make(1, 2, 2, 2, {Along(70001, 4, 1, 1)}),                              //
    Make(2, 3, 4, 1, {Along(5, 2), Along(6, 3, 2, 1)}),                     // 2-D
    Make(2, 3, 4, 1, {Along(4, 3), Along(5, 3), Along(6, 3)}),              // 3-D
    Make(0, 3, 4, 1, {Along(4, 3), Along(5, 3), Along(6, 3)}),              // no images
    Make(1, 1, 1, 1, {Along(1, 1), Along(1, 1), Along(1, 1)}),              // one pixel
    Make(2, 2, 3, 1, {Along(1, 1, 1, 2), Along(1, 2, 1, 1), Along(3, 1)}),  // mostly pad
    Make(2, 2, 2, 1,
         {Along(2, 2, 3, 5), Along(3, 3, 2, 4), Along(2, 2, 5, 7)}),  // windows in the pad
    Make(2, 4, 6, 2, {Along(5, 3, 2, 1), Along(4, 2, 1, 1), Along(7, 3, 2, 2, 2)}),  // all at once
    Make(2, 4, 4, 4, {Along(5, 3, 1, 1), Along(6, 3, 1, 1), Along(5, 3, 1, 1)}),     // depthwise
    Make(2, 4, 8, 4, {Along(5, 3, 2, 1), Along(6, 3, 2, 1), Along(5, 3, 2, 1)}),     // times two
    Make(2, 6, 5, 1, {Along(3, 1), Along(4, 1), Along(5, 1)}),                       // pointwise
    Make(2, 3, 4, 1, {Along(3, 1, 2), Along(4, 1), Along(5, 1)}),  // with a stride
    Make(2, 3, 4, 1, {Along(6, 3), Along(4, 1), Along(5, 1)}),     // along one axis only
    Make(2, 3, 4, 1, {Along(6, 1), Along(5, 3), Along(5, 3)}),     // along two
    Make(2, 3, 4, 1, {Along(1, 1, 4), Along(5, 3), Along(1, 1), Along(6, 2)}),     // axes of one
    Make(1, 2, 3, 1, {Along(3, 2), Along(3, 2), Along(4, 2), Along(3, 2, 1, 1)}),  // 4-D
    Make(1, 2, 2, 2, {Along(3, 2), Along(2, 2), Along(3, 2), Along(2, 1), Along(3, 2)}),
    Make(1, 1, 2, 1,
         {Along(2, 2), Along(2, 2), Along(3, 2), Along(2, 1), Along(3, 2), Along(2, 2)}),
    Make(7, 3, 17, 1, {Along(4, 3), Along(5, 3), Along(4, 2)}),                     // uneven chunks
    Make(30, 2, 3, 1, {Along(3, 2), Along(4, 2), Along(3, 2)}),                     // many chunks
    Make(1, 70, 5, 1, {Along(7, 3, 1, 1), Along(9, 3, 1, 1), Along(8, 3, 1, 1)}),   // blocks, tiles
    Make(2, 3, 8, 1, {Along(6, 3, 1, 1), Along(20, 3, 1, 1), Along(20, 3, 1, 1)}),  // C3D's first
    Make(1, 3, 2, 1, {Along(2, 2), Along(3, 2), Along(700, 5, 1, 2)}),  // rows longer than tiles
};
INSTANTIATE_TEST_SUITE_P(Table, ConvolutionsNd, testing::ValuesIn(kTable));

TEST(ConvolutionNd, ComesDownToTwoAxesWhereItCan) {
  const auto planes = [](const std::vector<Axis>& space, int64_t group = 1) {
    const auto g = AsPlanes(Make(1, 2, 2, group, space));
    return g ? std::vector<int64_t>{g->height, g->kernel_h, g->width, g->kernel_w}
             : std::vector<int64_t>{};
  };
  using Is = std::vector<int64_t>;
  EXPECT_EQ(planes({Along(9, 3)}), (Is{1, 1, 9, 3}));
  EXPECT_EQ(planes({Along(5, 1), Along(9, 1)}), (Is{5, 1, 9, 1}));
  EXPECT_EQ(planes({Along(1, 1), Along(5, 2), Along(9, 3)}), (Is{5, 2, 9, 3}));
  EXPECT_EQ(planes({Along(4, 1), Along(5, 1), Along(9, 3)}), (Is{20, 1, 9, 3}));
  EXPECT_EQ(planes({Along(4, 3), Along(5, 1), Along(9, 1)}), (Is{4, 3, 45, 1}));
  EXPECT_EQ(planes({Along(4, 1), Along(5, 3), Along(9, 1)}), Is());
  EXPECT_EQ(planes({Along(1, 1, 1, 1), Along(5, 2), Along(9, 3)}), Is());
  EXPECT_EQ(planes({Along(1000000, 3)}), Is());
  EXPECT_EQ(planes({Along(1000000, 3)}, 2), (Is{1, 1, 1000000, 3}));
}

// A net that is planned for a batch runs smaller ones in the same memory; and long or deep images
// take no more of it.
TEST(ConvolutionNd, TakesMemoryForTilesNotForImages) {
  const std::vector<Axis> cube = {Along(16, 3, 1, 1), Along(56, 3, 1, 1), Along(56, 3, 1, 1)};
  for (ConvolutionNdGeometry g :
       {Make(0, 64, 64, 1, cube), Make(0, 6, 4, 2, cube), Make(0, 512, 8, 1, cube),
        Make(0, 64, 8, 1, {Along(1000000, 9)})}) {
    int64_t shared = 0;
    for (g.batch = 0; g.batch <= 64; ++g.batch) {
      EXPECT_GE(ConvolutionSharedScratch(g), shared) << testing::PrintToString(g);
      shared = ConvolutionSharedScratch(g);
      EXPECT_LE(ConvolutionScratch(g), 150000) << testing::PrintToString(g);
      EXPECT_LE(CutNdBackwardWeights(g).chunks, MostNdChunks(g)) << testing::PrintToString(g);
      for (const auto& cut : {CutNdForward(g), CutNdBackwardData(g), CutNdBackwardWeights(g)}) {
        EXPECT_LE(cut.pixels, MostNdPixels(g));
        EXPECT_LE(cut.channels * g.kernel() * cut.pixels, MostNdColumns(g));
      }
    }
  }
}

}  // namespace
}  // namespace moka
