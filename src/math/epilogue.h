// y = r(scale p + shift + add), p the product: the epilogue of a convolution, a tile at a time.
#pragma once

#include <cstdint>

#include "moka/math.h"

namespace moka {

// A shift without a scale stands in y before the product, which is then added to it.
inline const float* EarlyShift(const Epilogue& e) { return e.scale == nullptr ? e.shift : nullptr; }

// Rows of y, one for each of `outputs` channels from `first` on: `pixels` floats each, `stride`
// apart, the first of them y[at].
class EpilogueTile {
 public:
  EpilogueTile(const Epilogue& e, float* y, int64_t outputs, int64_t pixels, int64_t stride,
               int64_t at, int64_t first)
      : e_(e),
        y_(y + at),
        at_(at),
        outputs_(outputs),
        pixels_(pixels),
        stride_(stride),
        first_(first) {}

  float* data() const { return y_; }
  // What y must be multiplied by when the product is added to it: 0 or 1.
  float Begin() const;
  // Once the product is there.
  void End() const;

 private:
  const Epilogue& e_;
  float* const y_;
  const int64_t at_, outputs_, pixels_, stride_, first_;
};

// The same for all of y, in which the product and, if there is one, the early shift are.
void ApplyEpilogue(Context& context, const ConvolutionGeometry& g, const Epilogue& e, float* y);

}  // namespace moka
