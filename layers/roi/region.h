// Regions of interest: rows (image, x1, y1, x2, y2) of a bottom (R, 5), rectangles of an image of
// the batch. They come from files or from other layers, so each number is checked.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "moka/error.h"
#include "moka/shape.h"

namespace moka {

struct Region {
  int64_t image;
  float x1, y1, x2, y2;
};

// Row r. Throws Error: no such image in the batch, or a corner that is not finite.
inline Region ReadRegion(const float* rois, int64_t r, int64_t batch) {
  const float* row = rois + 5 * r;
  if (!(row[0] >= 0 && row[0] < static_cast<float>(batch) && row[0] == std::floor(row[0]))) {
    throw Error("region ", r, " is of image ", row[0], ", but the batch has ", batch,
                batch == 1 ? " image" : " images");
  }
  for (int i = 1; i < 5; ++i) {
    if (!std::isfinite(row[i])) {
      throw Error("region ", r, " has corners (", row[1], ", ", row[2], ") and (", row[3], ", ",
                  row[4], "); they must be finite");
    }
  }
  return {static_cast<int64_t>(row[0]), row[1], row[2], row[3], row[4]};
}

// Throws Error unless x are images and rois are rows of 5.
inline void CheckRegions(const Shape& x, const Shape& rois) {
  if (x.axes() != 4) throw Error("expects images N x C x H x W (4 axes), not ", x);
  if (rois.axes() < 2 || rois.count_from(1) != 5) {
    throw Error("bottom 1 must hold regions R x 5 (image, x1, y1, x2, y2), not ", rois);
  }
}

inline void CheckSpatialScale(float scale, const char* field) {
  if (!(scale > 0) || !std::isfinite(scale)) {
    throw Error("spatial_scale must be positive and finite, but is ", scale).At(field);
  }
}

// A coordinate so near that arithmetic with it cannot overflow; far outside of any image all the
// same.
inline float Near(float x) {
  constexpr float kFar = 1 << 30;
  return std::clamp(x, -kFar, kFar);
}

// Pixels [begin, end); none if end <= begin.
struct Pixels {
  int64_t begin, end;
  bool empty() const { return end <= begin; }
};

// From floor(from) to ceil(to), moved by `shift`, as far as there are pixels.
inline Pixels Covered(float from, float to, int64_t shift, int64_t size) {
  const auto cut = [&](float x) {
    return std::clamp<int64_t>(static_cast<int64_t>(x) + shift, 0, size);
  };
  return {cut(std::floor(from)), cut(std::ceil(to))};
}

}  // namespace moka
