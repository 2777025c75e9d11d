// columns (k, p) from an image, and the image's gradient from theirs.
#include "math/convolution_lowering.h"

#include <algorithm>
#include <cstring>

#include "math/clones.h"

namespace moka {
namespace {

// y = x, in pieces that need no call; the last two may overlap.
inline void CopyRow(const float* x, float* y, int64_t n) {
  if (n >= 8) {
    for (int64_t i = 0; i < n - 8; i += 8) std::memcpy(y + i, x + i, 8 * sizeof(float));
    std::memcpy(y + n - 8, x + n - 8, 8 * sizeof(float));
  } else if (n >= 4) {
    std::memcpy(y, x, 4 * sizeof(float));
    std::memcpy(y + n - 4, x + n - 4, 4 * sizeof(float));
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = x[i];
  }
}

// y += x.
inline void AddRow(const float* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) y[i + lane] += x[i + lane];
  }
  for (; i < n; ++i) y[i] += x[i];
}

// What lies at (row, column) of channel c is data[c * plane + row * stride + column].
struct Planes {
  int64_t plane, stride;
};

struct Window {
  int64_t channels, rows, width;  // of the columns: p = rows * width
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
};

MOKA_CLONES void LowerPlanes(const Window& t, const float* x, Planes planes, float* columns) {
  const int64_t step = t.stride_h * planes.stride;
  for (int64_t c = 0; c < t.channels; ++c) {
    for (int64_t i = 0; i < t.kernel_h; ++i) {
      for (int64_t j = 0; j < t.kernel_w; ++j) {
        const float* from =
            x + c * planes.plane + i * t.dilation_h * planes.stride + j * t.dilation_w;
        if (t.stride_w == 1) {
          for (int64_t r = 0; r < t.rows; ++r, from += step, columns += t.width)
            CopyRow(from, columns, t.width);
        } else {
          for (int64_t r = 0; r < t.rows; ++r, from += step, columns += t.width) {
            for (int64_t q = 0; q < t.width; ++q) columns[q] = from[q * t.stride_w];
          }
        }
      }
    }
  }
}

MOKA_CLONES void ScatterPlanes(const Window& t, const float* columns, float* dx, Planes planes) {
  const int64_t step = t.stride_h * planes.stride;
  for (int64_t c = 0; c < t.channels; ++c) {
    for (int64_t i = 0; i < t.kernel_h; ++i) {
      for (int64_t j = 0; j < t.kernel_w; ++j) {
        float* to = dx + c * planes.plane + i * t.dilation_h * planes.stride + j * t.dilation_w;
        if (t.stride_w == 1) {
          for (int64_t r = 0; r < t.rows; ++r, to += step, columns += t.width)
            AddRow(columns, to, t.width);
        } else {
          for (int64_t r = 0; r < t.rows; ++r, to += step, columns += t.width) {
            for (int64_t q = 0; q < t.width; ++q) to[q * t.stride_w] += columns[q];
          }
        }
      }
    }
  }
}

// Which part of a padded axis, from `start` (in the image's coordinates, may be negative) over
// `length`, lies in the image.
struct Overlap {
  int64_t before, inside;  // lengths; what remains lies after
};
Overlap OverlapWith(int64_t start, int64_t length, int64_t size) {
  const int64_t before = std::clamp<int64_t>(-start, 0, length);
  return {before, std::clamp<int64_t>(size - (start + before), 0, length - before)};
}

bool IsPointwise(const ConvolutionGeometry& g) {
  return g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_h == 0 &&
         g.pad_w == 0;
}

int64_t Span(int64_t outputs, int64_t stride, int64_t kernel, int64_t dilation) {
  return (outputs - 1) * stride + dilation * (kernel - 1) + 1;
}

Window WindowOf(const ConvolutionGeometry& g, int64_t channels, int64_t rows) {
  return {channels,   rows,       g.out_width(), g.kernel_h,  g.kernel_w,
          g.stride_h, g.stride_w, g.dilation_h,  g.dilation_w};
}

}  // namespace

ConvolutionTile::ConvolutionTile(const ConvolutionGeometry& g, int64_t channels, int64_t row,
                                 int64_t rows, std::span<float> scratch)
    : g_(g),
      channels_(channels),
      row_(row),
      rows_(rows),
      out_width_(g.out_width()),
      span_h_(Span(rows, g.stride_h, g.kernel_h, g.dilation_h)),
      span_w_(Span(out_width_, g.stride_w, g.kernel_w, g.dilation_w)),
      pointwise_(IsPointwise(g)),
      has_pad_(g.pad_h > 0 || g.pad_w > 0),
      scratch_(scratch) {}

ConvolutionTile::ConstView ConvolutionTile::Lower(const float* x) {
  if (pointwise_) return {x + row_ * g_.width, g_.height * g_.width};
  const Window window = WindowOf(g_, channels_, rows_);
  const int64_t top = row_ * g_.stride_h - g_.pad_h;
  if (!has_pad_) {
    LowerPlanes(window, x + top * g_.width, {g_.height * g_.width, g_.width}, columns());
    return {columns(), pixels()};
  }
  // A padded copy first: it is small beside the columns, and what makes them then knows no borders.
  const Overlap h = OverlapWith(top, span_h_, g_.height),
                w = OverlapWith(-g_.pad_w, span_w_, g_.width);
  float* to = padded();
  for (int64_t c = 0; c < channels_; ++c) {
    const float* from = x + (c * g_.height + top + h.before) * g_.width + (w.before - g_.pad_w);
    to = std::fill_n(to, h.before * span_w_, 0.0f);
    for (int64_t i = 0; i < h.inside; ++i, from += g_.width) {
      to = std::fill_n(to, w.before, 0.0f);
      to = std::copy_n(from, w.inside, to);
      to = std::fill_n(to, span_w_ - w.before - w.inside, 0.0f);
    }
    to = std::fill_n(to, (span_h_ - h.before - h.inside) * span_w_, 0.0f);
  }
  LowerPlanes(window, padded(), {span_h_ * span_w_, span_w_}, columns());
  return {columns(), pixels()};
}

MatrixView ConvolutionTile::Columns(float* dx) {
  if (pointwise_) return {dx + row_ * g_.width, g_.height * g_.width};
  return {columns(), pixels()};
}

void ConvolutionTile::Scatter(float* dx) {
  if (pointwise_) return;
  const Window window = WindowOf(g_, channels_, rows_);
  const int64_t top = row_ * g_.stride_h - g_.pad_h;
  if (!has_pad_) {
    ScatterPlanes(window, columns(), dx + top * g_.width, {g_.height * g_.width, g_.width});
    return;
  }
  std::fill_n(padded(), channels_ * span_h_ * span_w_, 0.0f);
  ScatterPlanes(window, columns(), padded(), {span_h_ * span_w_, span_w_});
  const Overlap h = OverlapWith(top, span_h_, g_.height),
                w = OverlapWith(-g_.pad_w, span_w_, g_.width);
  for (int64_t c = 0; c < channels_; ++c) {
    const float* from = padded() + (c * span_h_ + h.before) * span_w_ + w.before;
    float* to = dx + (c * g_.height + top + h.before) * g_.width + (w.before - g_.pad_w);
    for (int64_t i = 0; i < h.inside; ++i, from += span_w_, to += g_.width)
      AddRow(from, to, w.inside);
  }
}

int64_t TileFloats(const ConvolutionGeometry& g, const ConvolutionCut& cut) {
  if (IsPointwise(g)) return 0;
  const int64_t columns = cut.channels * g.kernel_h * g.kernel_w * cut.rows * g.out_width();
  if (g.pad_h == 0 && g.pad_w == 0) return columns;
  return columns + cut.channels * Span(cut.rows, g.stride_h, g.kernel_h, g.dilation_h) *
                       Span(g.out_width(), g.stride_w, g.kernel_w, g.dilation_w);
}

}  // namespace moka
