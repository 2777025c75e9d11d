// Boxes in an image: area, overlap, and how they are written relative to priors. Coordinates are
// fractions of the image's width and height.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "moka/error.h"
#include "moka/shape.h"
#include "prior_box.pb.h"

namespace moka::ssd {

struct Box {
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  float width() const { return x1 - x0; }
  float height() const { return y1 - y0; }
};

// 0 for a box whose corners are in the wrong order, or that has a NaN.
inline float Area(const Box& b) {
  return b.x1 >= b.x0 && b.y1 >= b.y0 ? b.width() * b.height() : 0;
}

// Area of the intersection / area of the union (Jaccard's index). 0 if either has a NaN.
inline float Overlap(const Box& a, float a_area, const Box& b, float b_area) {
  const float w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const float h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (!(w > 0 && h > 0 && a_area > 0 && b_area > 0)) return 0;
  const float both = w * h;
  return both / (a_area + b_area - both);
}
inline float Overlap(const Box& a, const Box& b) { return Overlap(a, Area(a), b, Area(b)); }

// Whether a side lies outside of the image.
inline bool IsOutside(float side) { return side < 0 || side > 1; }
inline bool CrossesBoundary(const Box& b) {
  return IsOutside(b.x0) || IsOutside(b.y0) || IsOutside(b.x1) || IsOutside(b.y1);
}

inline Box BoxAt(const float* four) { return {four[0], four[1], four[2], four[3]}; }

// Four numbers that say where a box lies, seen from a prior.
struct Code {
  float v[4];
};

// With p the prior, c its centre, s its size, and v the variances (or 1, if they are part of the
// predictions' scale already):
//   CORNER       corner = p + v code
//   CORNER_SIZE  corner = p + v code s
//   CENTER_SIZE  centre = c + v code s,  size = s exp(v code)
struct Coding {
  PriorBoxParameter::CodeType type = PriorBoxParameter::CORNER;
  bool uses_variance = true;

  Box Decode(const Box& prior, const float* variance, const float* code) const {
    float t[4];
    for (int k = 0; k < 4; ++k) t[k] = uses_variance ? variance[k] * code[k] : code[k];
    const float w = prior.width(), h = prior.height();
    switch (type) {
      case PriorBoxParameter::CORNER:
        return {prior.x0 + t[0], prior.y0 + t[1], prior.x1 + t[2], prior.y1 + t[3]};
      case PriorBoxParameter::CORNER_SIZE:
        return {prior.x0 + t[0] * w, prior.y0 + t[1] * h, prior.x1 + t[2] * w, prior.y1 + t[3] * h};
      case PriorBoxParameter::CENTER_SIZE:
        break;
    }
    const float x = (prior.x0 + prior.x1) / 2 + t[0] * w, y = (prior.y0 + prior.y1) / 2 + t[1] * h;
    const float half_w = std::exp(t[2]) * w / 2, half_h = std::exp(t[3]) * h / 2;
    return {x - half_w, y - half_h, x + half_w, y + half_h};
  }

  // The code that Decode turns into `box`.
  Code Encode(const Box& prior, const float* variance, const Box& box) const {
    const float w = prior.width(), h = prior.height();
    Code code{{box.x0 - prior.x0, box.y0 - prior.y0, box.x1 - prior.x1, box.y1 - prior.y1}};
    if (type == PriorBoxParameter::CENTER_SIZE) {
      code = {{((box.x0 + box.x1) - (prior.x0 + prior.x1)) / 2 / w,
               ((box.y0 + box.y1) - (prior.y0 + prior.y1)) / 2 / h, std::log(box.width() / w),
               std::log(box.height() / h)}};
    } else if (type == PriorBoxParameter::CORNER_SIZE) {
      for (int k = 0; k < 4; ++k) code.v[k] /= k % 2 == 0 ? w : h;
    }
    for (int k = 0; k < 4 && uses_variance; ++k) code.v[k] /= variance[k];
    return code;
  }
};

// Priors (1, 2, 4 count): first the boxes, then their variances.
struct Priors {
  const float* values = nullptr;
  int64_t count = 0;

  Box box(int64_t i) const { return BoxAt(values + 4 * i); }
  const float* variance(int64_t i) const { return values + 4 * (count + i); }
};

// How many values there are for each of `samples`; 0 if there are no samples.
inline int64_t PerSample(const Shape& shape, int64_t samples) {
  return samples == 0 ? 0 : shape.count() / samples;
}

// The number of priors of bottom 2. Throws Error unless bottom 0 and 1 have `locations` boxes and
// `classes` scores for each of them.
inline int64_t CountPriors(Shapes bottom, int64_t locations, int64_t classes) {
  const Shape &loc = bottom[0], &conf = bottom[1], &prior = bottom[2];
  if (prior.size_or_1(0) != 1 || prior.size_or_1(1) != 2 || prior.count() % 8 != 0) {
    throw Error("bottom 2 must be priors, of shape 1 x 2 x 4 times their number, but is ", prior);
  }
  const int64_t count = prior.count() / 8, samples = loc.size_or_1(0);
  if (count > std::numeric_limits<int32_t>::max()) {
    throw Error("there are ", count, " priors, more than ", std::numeric_limits<int32_t>::max());
  }
  if (conf.size_or_1(0) != samples) {
    throw Error("bottom 0 is ", loc, ", of ", samples, " samples, and bottom 1 is ", conf, ", of ",
                conf.size_or_1(0));
  }
  const auto check = [&](int bottom_index, const Shape& shape, int64_t each, const char* what) {
    // each is at most 4 * 2^32, and count is a part of a shape's count.
    int64_t expected = 0;
    const bool fits = !__builtin_mul_overflow(count, each, &expected) &&
                      (samples == 0 || shape.count() / samples == expected);
    if (fits) return;
    throw Error("bottom ", bottom_index, " is ", shape, ": ", PerSample(shape, samples),
                " values for each sample, but ", count, " priors with ", each, " ", what, " each");
  };
  check(0, loc, 4 * locations, "values of locations");
  check(1, conf, classes, "scores");
  return count;
}

}  // namespace moka::ssd
