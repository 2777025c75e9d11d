// Shapes: products, refusals, changes.
#include "moka/shape.h"

#include <gtest/gtest.h>

#include <vector>

#include "caught.h"

namespace moka {
namespace {

constexpr int64_t kBig = int64_t{1} << 32;

TEST(Shape, MultipliesItsSizes) {
  const Shape shape{2, 3, 4, 5};
  EXPECT_EQ(4, shape.axes());
  EXPECT_EQ(120, shape.count());
  EXPECT_EQ(12, shape.count(1, 3));
  EXPECT_EQ(1, shape.count(2, 2));
  EXPECT_EQ(20, shape.count_from(2));
  EXPECT_EQ(1, shape.count_from(4));
}

TEST(Shape, WithoutAxesIsAScalar) {
  EXPECT_EQ(0, Shape().axes());
  EXPECT_EQ(1, Shape().count());
  EXPECT_EQ("()", ToString(Shape()));
}

TEST(Shape, PrintsItsSizes) { EXPECT_EQ("64x1x28x28", ToString(Shape{64, 1, 28, 28})); }

TEST(Shape, MayBeEmptyAlongAnAxis) {
  EXPECT_EQ(0, (Shape{0, 3}).count());
  EXPECT_EQ(3, (Shape{0, 3}).count_from(1));
}

TEST(Shape, RefusesProductsBeyond63Bits) {
  EXPECT_EQ(INT64_MAX, (Shape{INT64_MAX}).count());
  EXPECT_STREQ(
      "shape 4294967296x4294967296 is too large: the product of its sizes exceeds 2^63 - 1",
      Caught([] {
        Shape{kBig, kBig};
      }).what());
  EXPECT_STREQ(
      "shape 2147483648x4294967296 is too large: the product of its sizes exceeds 2^63 - 1",
      Caught([] {
        Shape{kBig / 2, kBig};
      }).what());
}

TEST(Shape, RefusesPartsThatOverflowBehindAZero) {
  EXPECT_STREQ(
      "shape 0x4294967296x4294967296 is too large: the product of its sizes exceeds 2^63 - 1",
      Caught([] {
        Shape{0, kBig, kBig};
      }).what());
}

TEST(Shape, RefusesNegativeSizesAndNineAxes) {
  EXPECT_STREQ("shape 2x-3 has a negative size, -3", Caught([] { Shape{2, -3}; }).what());
  EXPECT_STREQ("shape 1x1x1x1x1x1x1x1x1 has 9 axes; at most 8 are possible",
               Caught([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }).what());
  EXPECT_EQ(8, (Shape{1, 1, 1, 1, 1, 1, 1, 1}).axes());
}

TEST(Shape, CountsNegativeAxesFromTheEnd) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(0, shape.Axis(0));
  EXPECT_EQ(2, shape.Axis(-1));
  EXPECT_EQ(0, shape.Axis(-3));
  EXPECT_STREQ("axis 3 is out of range for shape 2x3x4, which has 3 axes",
               Caught([&] { shape.Axis(3); }).what());
  EXPECT_STREQ("axis -2 is out of range for shape 7, which has 1 axis",
               Caught([] { Shape{7}.Axis(-2); }).what());
}

TEST(Shape, HasSize1WhereThereIsNoAxis) {
  EXPECT_EQ(3, (Shape{2, 3}).size_or_1(1));
  EXPECT_EQ(1, (Shape{2, 3}).size_or_1(2));
}

TEST(Shape, ChangesOneSizeOrARangeOfAxes) {
  const Shape shape{2, 3, 4, 5};
  EXPECT_EQ((Shape{2, 9, 4, 5}), shape.With(1, 9));
  const std::vector<int64_t> product = {60};
  EXPECT_EQ((Shape{2, 60}), shape.Replace(1, 4, product));
  EXPECT_EQ((Shape{2, 60, 3, 4, 5}), shape.Replace(1, 1, product));
  EXPECT_EQ((Shape{5}), shape.Replace(0, 3, {}));
  EXPECT_STREQ("shape 2x-1x4x5 has a negative size, -1", Caught([&] { shape.With(1, -1); }).what());
}

TEST(Shape, ComparesSizesAndAxes) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 0}));
}

}  // namespace
}  // namespace moka
