// y = r(scale p + shift + add), p the product: the epilogue of a convolution, a tile at a time.
#pragma once

#include <cstdint>

#include "moka/math.h"

namespace moka {

// A shift without a scale stands in y before the product, which is then added to it.
inline const float* EarlyShift(const Epilogue& e) { return e.scale == nullptr ? e.shift : nullptr; }

// Rows of y, one for each of `outputs` channels from `first` on, of one image: `pixels` floats
// each, from `pixel` on, in planes of `plane` floats.
class EpilogueTile {
 public:
  // all_outputs: the channels of a whole image.
  EpilogueTile(const Epilogue& e, float* y, int64_t image, int64_t all_outputs, int64_t first,
               int64_t outputs, int64_t plane, int64_t pixel, int64_t pixels)
      : e_(e),
        outputs_(outputs),
        pixels_(pixels),
        plane_(plane),
        first_(first),
        dense_at_((image * all_outputs + first) * plane + pixel),
        y_(y + (e.y_image_stride == 0 ? dense_at_
                                      : image * e.y_image_stride + first * plane + pixel)) {}

  float* data() const { return y_; }
  // What y must be multiplied by when the product is added to it: 0 or 1.
  float Begin() const;
  // Once the product is there.
  void End() const;

 private:
  const Epilogue& e_;
  const int64_t outputs_, pixels_, plane_, first_, dense_at_;
  float* const y_;
};

}  // namespace moka
