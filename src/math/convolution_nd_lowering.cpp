// columns from an image, and the image's gradient from theirs, over any number of axes of space.
#include "math/convolution_nd_lowering.h"

#include <algorithm>

#include "math/clones.h"

namespace moka {
namespace {

// The outputs q of a row for which q * stride + start lies within [0, size): [first, last).
struct Reached {
  int64_t first, last;
};
Reached ReachedFrom(const ConvolutionNdGeometry::Axis& axis, int64_t start, int64_t width) {
  const int64_t first = start >= 0 ? 0 : (-start + axis.stride - 1) / axis.stride;
  const int64_t last = start >= axis.size ? 0 : (axis.size - 1 - start) / axis.stride + 1;
  return {std::min(first, width), std::min(last, width)};
}

MOKA_CLONES void AddRun(const float* x, float* y, int64_t stride, int64_t n) {
  if (stride == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * stride] += x[i];
  }
}

}  // namespace

int64_t NdRowFloats(const ConvolutionNdGeometry& g, int64_t pixels) {
  const int64_t width = g.space().back().out();
  const int64_t rows = std::min(g.out_plane() / width, pixels / width + 2);
  return (2 * rows + 15) / 16 * 16;
}

ConvolutionNdTile::ConvolutionNdTile(const ConvolutionNdGeometry& g, int64_t channels,
                                     int64_t begin, int64_t end, std::span<float> rows)
    : g_(g),
      last_(g.space().back()),
      channels_(channels),
      begin_(begin),
      end_(end),
      width_(last_.out()),
      first_row_(begin / width_),
      rows_((end - 1) / width_ - first_row_ + 1),
      starts_(reinterpret_cast<int64_t*>(rows.data())) {}

// The rows' beginnings for one place of the kernel along all axes but the last.
void ConvolutionNdTile::FindRows(int64_t kernel) const {
  const int outer = g_.axes - 1;
  std::array<int64_t, ConvolutionNdGeometry::kMaxAxes> place = {}, shift = {}, width = {};
  int64_t row = first_row_;
  for (int a = outer - 1; a >= 0; --a) {
    const auto k = static_cast<size_t>(a);
    const ConvolutionNdGeometry::Axis& axis = g_.axis[k];
    shift[k] = kernel % axis.kernel * axis.dilation - axis.pad;
    kernel /= axis.kernel;
    width[k] = axis.out();
    place[k] = row % width[k];
    row /= width[k];
  }
  for (int64_t r = 0; r < rows_; ++r) {
    int64_t start = 0;
    bool inside = true;
    for (size_t k = 0; k < static_cast<size_t>(outer); ++k) {
      const int64_t i = place[k] * g_.axis[k].stride + shift[k];
      inside = inside && i >= 0 && i < g_.axis[k].size;
      start = start * g_.axis[k].size + i;
    }
    starts_[r] = inside ? start * last_.size : -1;
    for (int a = outer - 1; a >= 0; --a) {
      const auto k = static_cast<size_t>(a);
      if (++place[k] < width[k]) break;
      place[k] = 0;
    }
  }
}

// Calls run(column, first pixel of the tile, where in x, zeros before, elements, zeros after) for
// each row of pixels in each row of columns.
template <typename F>
void ConvolutionNdTile::ForEachRun(const F& run) const {
  const int64_t outer_kernel = g_.kernel() / last_.kernel, plane = g_.in_plane();
  for (int64_t k = 0; k < outer_kernel; ++k) {
    FindRows(k);
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t j = 0; j < last_.kernel; ++j) {
        const int64_t column = (c * outer_kernel + k) * last_.kernel + j;
        const int64_t shift = j * last_.dilation - last_.pad;
        const Reached reached = ReachedFrom(last_, shift, width_);
        for (int64_t r = 0, pixel = 0; r < rows_; ++r) {
          const int64_t row = (first_row_ + r) * width_;
          const int64_t from = std::max(begin_ - row, int64_t{0}),
                        to = std::min(end_ - row, width_);
          const int64_t first = starts_[r] < 0 ? to : std::clamp(reached.first, from, to);
          const int64_t last = std::clamp(reached.last, first, to);
          const int64_t at = c * plane + starts_[r] + first * last_.stride + shift;
          run(column, pixel, at, first - from, last - first, to - last);
          pixel += to - from;
        }
      }
    }
  }
}

void ConvolutionNdTile::Lower(const float* x, float* columns, int64_t stride) const {
  ForEachRun(
      [&](int64_t column, int64_t pixel, int64_t at, int64_t before, int64_t n, int64_t after) {
        float* to = std::fill_n(columns + column * stride + pixel, before, 0.0F);
        if (last_.stride == 1) {
          if (n > 0) to = std::copy_n(x + at, n, to);
        } else {
          for (int64_t i = 0; i < n; ++i) *to++ = x[at + i * last_.stride];
        }
        std::fill_n(to, after, 0.0F);
      });
}

void ConvolutionNdTile::Scatter(const float* columns, int64_t stride, float* dx) const {
  ForEachRun([&](int64_t column, int64_t pixel, int64_t at, int64_t before, int64_t n, int64_t) {
    if (n > 0) AddRun(columns + column * stride + pixel + before, dx + at, last_.stride, n);
  });
}

}  // namespace moka
