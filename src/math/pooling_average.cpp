// y = the sum of each window over its size.
#include <cstring>
#include <utility>

#include "math/pooling_window.h"

#define MOKA_KERNELS "math/pooling_average_lanes.h"
#include "math/for_each_processor.h"

namespace moka {
namespace {

float MeanOfWindow(const PoolingGeometry& g, SumOfKernel* sum_of, const float* plane,
                   const WindowRange& h, const WindowRange& w) {
  // Rows that touch are one.
  const bool whole = w.begin == 0 && w.end == g.width;
  const int64_t rows = whole ? 1 : h.end - h.begin;
  const int64_t columns = whole ? (h.end - h.begin) * g.width : w.end - w.begin;
  const float* row = plane + h.begin * g.width + w.begin;
  double sum = 0;
  for (int64_t i = 0; i < rows; ++i, row += g.width) {
    if (columns >= 16) {
      sum += sum_of(row, columns);
    } else {
      for (int64_t j = 0; j < columns; ++j) sum += row[j];
    }
  }
  return static_cast<float>(sum / static_cast<double>(h.length * w.length));
}

// Of any windows.
void MeansOfAny(const PoolingGeometry& g, int64_t planes, const float* x, float* y) {
  SumOfKernel* const sum = MOKA_BEST(SumOf);
  for (int64_t p = 0; p < planes; ++p, x += g.height * g.width) {
    for (int64_t r = 0; r < g.out_height; ++r) {
      const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
      ReadAhead(x + r * g.stride_h * g.width + kAhead, g.stride_h * g.width);
      for (int64_t q = 0; q < g.out_width; ++q)
        *y++ = MeanOfWindow(g, sum, x, h, WindowRange(q, g.stride_w, g.pad_w, g.kernel_w, g.width));
    }
  }
}

}  // namespace

void AveragePoolForward(Context& context, const PoolingGeometry& g, const float* x, float* y) {
  MeansKernel* const fast = MOKA_BEST(MeansFor)(g);
  MeansKernel* const means = fast ? fast : MeansOfAny;
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    means(g, end - begin, x + begin * in, y + begin * out);
  });
}

namespace {

// Of any windows: rows of dx that the same windows see are the same.
void SpreadPlane(const PoolingGeometry& g, const float* dy, float* dx) {
  SeenBy before;
  for (int64_t i = 0; i < g.height; ++i, dx += g.width) {
    const SeenBy rows(i, g.out_height, g.stride_h, g.pad_h, g.kernel_h);
    if (rows == before) {
      std::memcpy(dx, dx - g.width, static_cast<size_t>(g.width) * sizeof *dx);
      continue;
    }
    before = rows;
    std::fill_n(dx, g.width, 0.0f);
    for (int64_t q = 0; q < g.out_width; ++q) {
      const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
      double sum = 0;
      for (int64_t r = rows.first; r < rows.last; ++r) {
        const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
        sum += dy[r * g.out_width + q] / static_cast<double>(h.length * w.length);
      }
      const auto share = static_cast<float>(sum);
      for (int64_t j = w.begin; j < w.end; ++j) dx[j] += share;
    }
  }
}

void SpreadPlanes(const PoolingGeometry& g, int64_t planes, const float* dy, float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  for (int64_t p = 0; p < planes; ++p) SpreadPlane(g, dy + p * out, dx + p * in);
}

// The only window covers the plane.
void FillPlanes(const PoolingGeometry& g, int64_t planes, const float* dy, float* dx) {
  const WindowRange h(0, g.stride_h, g.pad_h, g.kernel_h, g.height);
  const WindowRange w(0, g.stride_w, g.pad_w, g.kernel_w, g.width);
  const auto size = static_cast<float>(h.length * w.length);
  const int64_t n = g.height * g.width;
  FillKernel* const fill = MOKA_BEST(Fill);
  for (int64_t p = 0; p < planes; ++p, dx += n) {
    const float share = dy[p] / size;
    BeyondCache(g) ? StreamFill(share, n, dx) : fill(share, n, dx);
  }
}

MeanGradientKernel* GradientFor(const PoolingGeometry& g) {
  if (g.out_height * g.out_width == 1 && g.kernel_h - g.pad_h >= g.height &&
      g.kernel_w - g.pad_w >= g.width) {
    return FillPlanes;
  }
  MeanGradientKernel* const fast = MOKA_BEST(MeanGradientFor)(g);
  return fast ? fast : SpreadPlanes;
}

}  // namespace

void AveragePoolBackward(Context& context, const PoolingGeometry& g, const float* dy, float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  MeanGradientKernel* const gradient = GradientFor(g);
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    gradient(g, end - begin, dy + begin * out, dx + begin * in);
    if (BeyondCache(g)) EndStream();
  });
}

}  // namespace moka
