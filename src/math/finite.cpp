// Numbers that are not finite: whether there are any, how many, and which is the first.
#include "math/finite.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "math/clones.h"

namespace moka {
namespace {

// The exponent of an infinity or a NaN is all ones: one more carries into the sign.
MOKA_CLONES uint32_t Exponents(const float* x, int64_t n) {
  uint32_t all = 0;
  for (int64_t i = 0; i < n; ++i) {
    all |= (std::bit_cast<uint32_t>(x[i]) & 0x7f800000u) + 0x00800000u;
  }
  return all;
}

// The sign of a NaN says nothing.
std::string Name(float value) {
  if (std::isnan(value)) return "nan";
  return value < 0 ? "-inf" : "inf";
}

}  // namespace

bool AllFinite(std::span<const float> x) {
  return Exponents(x.data(), static_cast<int64_t>(x.size())) >> 31 == 0;
}

bool AllFinite(Context& context, std::span<const float> x) {
  constexpr int64_t kGrain = 64 << 10;
  std::atomic<bool> finite = true;
  context.ParallelFor(static_cast<int64_t>(x.size()), kGrain, [&](int64_t begin, int64_t end) {
    if (!AllFinite({x.data() + begin, x.data() + end})) finite = false;
  });
  return finite;
}

int64_t CountNonFinite(std::span<const float> x) {
  if (AllFinite(x)) return 0;
  return std::count_if(x.begin(), x.end(), [](float value) { return !std::isfinite(value); });
}

std::string HowManyNonFinite(const Tensor& tensor) {
  return std::to_string(CountNonFinite(tensor.values())) + " of " + std::to_string(tensor.count()) +
         " values are not finite";
}

std::string FirstNonFinite(const Tensor& tensor) {
  int64_t at = 0;
  while (at < tensor.count() && std::isfinite(tensor.data()[at])) ++at;
  if (at == tensor.count()) return "";
  const Shape& shape = tensor.shape();
  if (shape.axes() == 0) return ", it is " + Name(tensor.data()[at]);
  std::string index;
  for (int axis = 0; axis < shape.axes(); ++axis) {
    const int64_t i = at / shape.count_from(axis + 1) % shape[axis];
    index += (axis == 0 ? "" : ", ") + std::to_string(i);
  }
  return ", the first " + Name(tensor.data()[at]) + " at [" + index + "]";
}

}  // namespace moka
