// How fillers draw many numbers at once.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "moka/filler.h"

namespace moka {

// y_i = f(bits of element i), by whole blocks.
template <typename ToFloats>
void FillByBlocks(const RandomStream& random, Tensor& tensor, const ToFloats& to_floats) {
  float* y = tensor.data();
  for (int64_t i = 0; i < tensor.count(); i += 4) {
    const std::array<float, 4> values = to_floats(random.Block(static_cast<uint64_t>(i / 4)));
    std::copy_n(values.begin(), std::min<int64_t>(4, tensor.count() - i), y + i);
  }
}

// y_i from [min, max), also where rounding would give max.
inline void FillUniform(double min, double max, const RandomStream& random, Tensor& tensor) {
  const float most = min < max ? std::nextafter(static_cast<float>(max), static_cast<float>(min))
                               : static_cast<float>(max);
  FillByBlocks(random, tensor, [&](const std::array<uint32_t, 4>& bits) {
    std::array<float, 4> y;
    for (size_t k = 0; k < 4; ++k) {
      const double u = RandomStream::ToUniform(bits[k]);
      y[k] = std::min(static_cast<float>(min + (max - min) * u), most);
    }
    return y;
  });
}

inline void FillGaussian(float mean, float std, const RandomStream& random, Tensor& tensor) {
  FillByBlocks(random, tensor, [&](const std::array<uint32_t, 4>& bits) {
    std::array<float, 4> y = RandomStream::ToGaussian(bits);
    for (float& value : y) value = mean + std * value;
    return y;
  });
}

inline void CheckFinite(const char* field, float value) {
  if (!std::isfinite(value))
    throw Error("the filler's ", field, " is ", value, "; it must be finite").At(field);
}

}  // namespace moka
