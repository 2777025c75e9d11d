// Whether numbers are finite: every exponent, every place in a vector.
#include "math/finite.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace moka {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Finite, AreAllNumbersUpToTheLargest) {
  std::vector<float> values;
  for (uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (const uint32_t rest : {0x0u, 0x1u, 0x7fffffu, 0x80000000u, 0x807fffffu})
      values.push_back(std::bit_cast<float>(exponent << 23 | rest));
  }
  EXPECT_TRUE(AllFinite(values));
  EXPECT_EQ(CountNonFinite(values), 0);
  EXPECT_TRUE(AllFinite({}));
}

TEST(Finite, AreNotInfinitiesAndNansWhereverTheyStand) {
  const float signalling = std::bit_cast<float>(0xff800001u);
  for (const float bad : {kInf, -kInf, kNan, -kNan, signalling}) {
    for (size_t at = 0; at < 70; ++at) {
      std::vector<float> values(70, -1.5f);
      values[at] = bad;
      EXPECT_FALSE(AllFinite(values)) << bad << " at " << at;
      EXPECT_EQ(CountNonFinite(values), 1);
    }
  }
}

TEST(Finite, NamesTheFirstOneByAnIndexForEachAxis) {
  Tensor tensor(Shape{2, 3, 4});
  tensor.data()[17] = -kInf;
  tensor.data()[20] = kNan;
  EXPECT_EQ(HowManyNonFinite(tensor), "2 of 24 values are not finite");
  EXPECT_EQ(FirstNonFinite(tensor), ", the first -inf at [1, 1, 1]");
  Tensor scalar{Shape{}};
  scalar.data()[0] = -kNan;
  EXPECT_EQ(FirstNonFinite(scalar), ", it is nan");
}

}  // namespace
}  // namespace moka
