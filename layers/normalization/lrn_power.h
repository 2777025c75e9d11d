// s^-beta and 1 / s, as LRN needs them.
#pragma once

#include <bit>
#include <cstdint>

#include "moka/functions.h"

namespace moka {

// s^-3/4, as by far the most files want it, within 2 ULP for 0 < s < infinity; of a NaN it is one.
// y is s^-1/4 within 4 % from its bits, then within 5e-5 by a polynomial in the error e = 1 - s y^4
// (both chosen for the least largest error). The power is y^3 (1 - e)^-3/4, of which two terms are
// enough. In an order in which nothing overflows.
[[gnu::always_inline]] inline float PowerOfMinusThreeQuarters(float s) {
  float y = std::bit_cast<float>(0x4f534000 - (std::bit_cast<uint32_t>(s) >> 2));
  float y2 = y * y;
  float e = 1 - (s * y2) * y2;
  y += (y * e) * (0x1.faaf62p-3f + 0x1.911fecp-3f * e);
  y2 = y * y;
  e = 1 - (s * y2) * y2;
  const float y3 = y2 * y;
  return y3 + (y3 * e) * (0.75f + 0.65625f * e);
}

// Where s is at least some k > 0, or a NaN.
struct PositivePower {
  float power(float s) const {
    constexpr float kMost = 0x1p127f;  // instead of infinity
    return PowerOfMinusThreeQuarters(s > kMost ? kMost : s);
  }
  // 1 / s, p = power(s).
  float inverse(float s, float p) const {
    const float h = p * (s * p);
    return h * h;
  }
};

struct SmallPower {
  float beta;  // |beta| <= 4

  float power(float s) const { return SmallPow(s, -beta); }
  float inverse(float s, float) const { return 1 / s; }
};

struct AnyPower {
  float beta;

  float power(float s) const { return Pow(s, -beta); }
  float inverse(float s, float) const { return 1 / s; }
};

}  // namespace moka
