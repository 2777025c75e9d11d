#include "naive/pooling.h"

#include <limits>

#include "moka/math.h"
#include "naive/compare.h"

namespace moka {

void PrintTo(const PoolingGeometry& g, std::ostream* out) {
  *out << g.planes << " planes " << g.height << "x" << g.width << " -> " << g.out_height << "x"
       << g.out_width << ", kernel " << g.kernel_h << "x" << g.kernel_w << ", stride " << g.stride_h
       << "x" << g.stride_w << ", pad " << g.pad_h << "x" << g.pad_w;
}

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Windows as many as begin within the plane.
PoolingGeometry Make(int64_t planes, int64_t height, int64_t width, int64_t kernel, int64_t stride,
                     int64_t pad = 0) {
  const auto windows = [&](int64_t size) {
    return std::max<int64_t>(1, std::min((size + 2 * pad - kernel + stride - 1) / stride + 1,
                                         (size + pad - 1) / stride + 1));
  };
  return {.planes = planes,
          .height = height,
          .width = width,
          .out_height = windows(height),
          .out_width = windows(width),
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad};
}

class Poolings : public testing::TestWithParam<PoolingGeometry> {
 protected:
  // Few different values, so that there are ties; and some that are special.
  std::vector<float> Input(bool special) const {
    auto values = naive::Random(static_cast<size_t>(g.planes * g.height * g.width), "x");
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = std::round(values[i] * 4);
      if (special && i % 13 == 5)
        values[i] = i % 3 == 0 ? kNan : i % 3 == 1 ? kInfinity : -kInfinity;
    }
    return values;
  }

  const PoolingGeometry g = GetParam();
};

template <typename Index>
void CheckMax(const PoolingGeometry& g, const std::vector<float>& x) {
  const naive::MaxPooled expected = naive::MaxPool(g, x);
  const auto dy = naive::Random(expected.y.size(), "dy");
  std::vector<float> first_dx;
  for (const int threads : {1, 2, 3, 8}) {
    Context context({.threads = threads, .seed = 1});
    std::vector<float> y(expected.y.size(), kNan), y_alone = y, dx(x.size(), kNan);
    std::vector<Index> mask(y.size());
    MaxPoolForward(context, g, x.data(), y.data(), mask.data());
    MaxPoolForward(context, g, x.data(), y_alone.data(), static_cast<Index*>(nullptr));
    for (size_t i = 0; i < y.size(); ++i) {
      ASSERT_TRUE(y[i] == expected.y[i] || (std::isnan(y[i]) && std::isnan(expected.y[i]))) << i;
      ASSERT_TRUE(y[i] == y_alone[i] || (std::isnan(y[i]) && std::isnan(y_alone[i]))) << i;
      ASSERT_EQ(mask[i], expected.place[i]) << "window " << i << ", value " << y[i];
    }
    MaskPoolBackward(context, g, mask.data(), dy.data(), dx.data());
    std::vector<double> expected_dx(x.size());
    for (size_t i = 0; i < y.size(); ++i) expected_dx[static_cast<size_t>(expected.at[i])] += dy[i];
    EXPECT_TRUE(naive::Near(expected_dx, dx));
    if (threads == 1) first_dx = dx;
    EXPECT_EQ(dx, first_dx);
  }
}

TEST_P(Poolings, TakeTheLargestAndKnowItsPlace) {
  if (g.fits_byte()) CheckMax<uint8_t>(g, Input(false));
  CheckMax<int32_t>(g, Input(false));
}

TEST_P(Poolings, GiveValidPlacesForNanAndInfinity) {
  if (g.fits_byte()) CheckMax<uint8_t>(g, Input(true));
  CheckMax<int32_t>(g, Input(true));
}

TEST_P(Poolings, TakeTheMean) {
  const auto x = naive::Random(static_cast<size_t>(g.planes * g.height * g.width), "x");
  const auto dy = naive::Random(naive::WindowCount(g), "dy");
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3, 8}) {
    Context context({.threads = threads, .seed = 1});
    std::vector<float> y(dy.size(), kNan), dx(x.size(), kNan);
    AveragePoolForward(context, g, x.data(), y.data());
    AveragePoolBackward(context, g, dy.data(), dx.data());
    EXPECT_TRUE(naive::Near(naive::AveragePool(g, x), y));
    EXPECT_TRUE(naive::Near(naive::AveragePoolBackward(g, dy), dx));
    results.push_back(y), results.push_back(dx);
  }
  for (size_t i = 2; i < results.size(); ++i) EXPECT_EQ(results[i], results[i % 2]);
}

std::vector<PoolingGeometry> Table() {
  std::vector<PoolingGeometry> table;
  // The fast shapes, with every number of windows around the lengths of vectors; then with pad.
  for (int64_t size = 3; size <= 27; ++size) {
    table.push_back(Make(2, 5, size, 2, 2));
    table.push_back(Make(2, 7, size, 3, 2));
    table.push_back(Make(2, 4, size, 3, 1));
    table.push_back(Make(2, size, 12, 3, 2, 1));
    table.push_back(Make(2, 6, size, 3, 1, 2));
  }
  // Wide enough for the gradient to go by rows; with more rows at hand than one; in parts.
  for (int64_t kernel = 1; kernel <= 8; ++kernel) {
    table.push_back(Make(2, 11, 45, kernel, 1));
    table.push_back(Make(1, 9, 50, kernel, 1, kernel / 2));
    table.push_back(Make(2, 13, 70, kernel, 3, kernel / 3));
  }
  // Narrow planes, which share vectors: with fewer than a vector's, and with some left over.
  for (int64_t width = 1; width <= 16; ++width) {
    table.push_back(Make(8 + 3 * width, 17 - width, width, 3, 2));
    table.push_back(Make(35, width, 16, 3, 1, 1));
    table.push_back(Make(16, width, 5, 2, 2, 1));
  }
  for (int64_t kernel = 1; kernel <= 8; ++kernel) {
    table.push_back(Make(37, 9, 13, kernel, 1));
    table.push_back(Make(19, 14, 11, kernel, 2, kernel / 2));
    table.push_back(Make(16, 8, 8, kernel, 3));
  }
  table.push_back(Make(50, 16, 16, 16, 1));
  table.push_back(Make(33, 1, 1, 1, 1));
  table.push_back(Make(18, 14, 14, 5, 3));
  table.push_back(Make(40, 7, 7, 7, 1));
  // Rows that are cut.
  table.push_back(Make(1, 4, 1100, 3, 2));
  table.push_back(Make(1, 5, 1026, 2, 2));
  table.push_back(Make(1, 3, 1500, 3, 1, 1));
  table.push_back(Make(1, 1, 2000, 1, 1));
  table.push_back(Make(3, 7, 7, 7, 1));     // one window, rows that touch
  table.push_back(Make(2, 30, 40, 20, 4));  // long windows
  table.push_back(Make(1, 1, 1, 1, 1));
  table.push_back(Make(0, 4, 4, 2, 2));
  table.push_back(Make(3, 1, 9, 3, 2, 1));  // no whole window
  table.push_back(Make(2, 2, 2, 3, 2));     // the only window hangs over
  table.push_back(Make(2, 9, 9, 2, 3));     // pixels that no window sees
  table.push_back(Make(2, 10, 11, 5, 3, 4));
  table.push_back(Make(2, 17, 16, 16, 1));  // 256 places: the most that fit a byte
  table.push_back(Make(70, 24, 24, 2, 2));  // several pieces
  table.push_back(
      Make(1, 2, 5000, 3, 2));  // rows longer than the line that gradients are spread in
  table.push_back({.planes = 1,
                   .height = 2,
                   .width = 3000,
                   .out_height = 1,
                   .out_width = 2,
                   .kernel_h = 2,
                   .kernel_w = 2500,
                   .stride_h = 1,
                   .stride_w = 500});
  table.push_back({.planes = 2,
                   .height = 20,
                   .width = 30,
                   .out_height = 1,
                   .out_width = 1,
                   .kernel_h = 20,
                   .kernel_w = 30});
  table.push_back({.planes = 2,
                   .height = 9,
                   .width = 21,
                   .out_height = 7,
                   .out_width = 10,
                   .kernel_h = 3,
                   .kernel_w = 2,
                   .stride_h = 1,
                   .stride_w = 2});
  table.push_back({.planes = 2,
                   .height = 9,
                   .width = 21,
                   .out_height = 5,
                   .out_width = 11,
                   .kernel_h = 2,
                   .kernel_w = 2,
                   .stride_h = 2,
                   .stride_w = 2,
                   .pad_h = 1,
                   .pad_w = 1});
  table.push_back({.planes = 2,
                   .height = 9,
                   .width = 21,
                   .out_height = 7,
                   .out_width = 10,
                   .kernel_h = 3,
                   .kernel_w = 3,
                   .stride_h = 1,
                   .stride_w = 2});
  return table;
}
INSTANTIATE_TEST_SUITE_P(Table, Poolings, testing::ValuesIn(Table()));

TEST(MaxPool, TakesTheFirstOfEqualsInReadingOrder) {
  Context context({.threads = 1, .seed = 1});
  const PoolingGeometry g = Make(1, 2, 8, 2, 2);
  const std::vector<float> x = {0, 5, 1, 1, 2, 2, 3, 4,  //
                                5, 5, 1, 1, 3, 2, 3, 4};
  std::vector<float> y(4);
  std::vector<uint8_t> mask(4);
  MaxPoolForward(context, g, x.data(), y.data(), mask.data());
  EXPECT_EQ(y, (std::vector<float>{5, 1, 3, 4}));
  EXPECT_EQ(mask, (std::vector<uint8_t>{1, 0, 2, 1}));
}

// Gradients that are written around the cache, and those of the same planes few at a time.
TEST(PoolingGradients, OfTensorsBeyondTheCacheAreTheSame) {
  for (const int64_t stride : {1, 2, 3}) {
    PoolingGeometry g = Make(2 * 8, 1027, 1027, 3, stride, 1);
    ASSERT_GE(g.planes * g.height * g.width, 1 << 24);
    const size_t in = static_cast<size_t>(g.planes * g.height * g.width);
    const size_t out = static_cast<size_t>(g.planes * g.out_height * g.out_width);
    std::vector<float> dy(out), max(in), mean(in), some_max(in), some_mean(in);
    std::vector<uint8_t> mask(out);
    for (size_t i = 0; i < out; ++i) {
      dy[i] = static_cast<float>(i % 1013) - 500;
      mask[i] = 4;  // the middle: within the plane in every window
    }
    Context context({.threads = 2, .seed = 1});
    MaskPoolBackward(context, g, mask.data(), dy.data(), max.data());
    AveragePoolBackward(context, g, dy.data(), mean.data());
    const size_t parts = 2;
    g.planes /= static_cast<int64_t>(parts);
    for (size_t k = 0; k < parts; ++k) {
      const size_t x = k * in / parts, y = k * out / parts;
      MaskPoolBackward(context, g, &mask[y], &dy[y], &some_max[x]);
      AveragePoolBackward(context, g, &dy[y], &some_mean[x]);
    }
    EXPECT_TRUE(max == some_max) << stride;
    EXPECT_TRUE(mean == some_mean) << stride;
  }
}

TEST(PoolingGradients, OfOneWindowBeyondTheCacheAreTheSame) {
  const PoolingGeometry g = Make(17, 1024, 1024, 1024, 1);
  std::vector<float> dy(17), dx(static_cast<size_t>(g.planes) << 20);
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<float>(i + 1) * 1024 * 1024;
  Context context({.threads = 2, .seed = 1});
  AveragePoolBackward(context, g, dy.data(), dx.data());
  size_t wrong = 0;
  for (size_t i = 0; i < dx.size(); ++i)
    wrong += dx[i] == static_cast<float>((i >> 20) + 1) ? 0 : 1;
  EXPECT_EQ(wrong, 0u);
}

TEST(AveragePool, CountsThePadButNotWhatHangsOverIt) {
  Context context({.threads = 1, .seed = 1});
  // Windows of 3 with stride 2 and pad 1 over 4 pixels: [-1, 2), [1, 4), [3, 6) of which only [3,
  // 5) counts.
  const PoolingGeometry g = {.planes = 1,
                             .height = 1,
                             .width = 4,
                             .out_height = 1,
                             .out_width = 3,
                             .kernel_h = 1,
                             .kernel_w = 3,
                             .stride_h = 1,
                             .stride_w = 2,
                             .pad_h = 0,
                             .pad_w = 1};
  const std::vector<float> x = {6, 12, 18, 24};
  std::vector<float> y(3);
  AveragePoolForward(context, g, x.data(), y.data());
  EXPECT_EQ(y, (std::vector<float>{6, 18, 12}));
}

}  // namespace
}  // namespace moka
