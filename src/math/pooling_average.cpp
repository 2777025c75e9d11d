// y = the sum of each window over its size.
#include "math/clones.h"
#include "math/pooling_window.h"

namespace moka {
namespace {

template <int kernel, int stride, int n, int at>
__attribute__((always_inline)) inline void SumStep(const float* x, int64_t row,
                                                   typename Lanes<n>::Floats& sum) {
  if constexpr (at < kernel * kernel) {
    typename Lanes<n>::Floats v;
    LoadStrided<n, stride, at % kernel>(x + at / kernel * row, v);
    sum += v;
    SumStep<kernel, stride, n, at + 1>(x, row, sum);
  }
}

template <int kernel, int stride, int n>
__attribute__((always_inline)) inline void MeanOfWindows(const float* x, int64_t row, float* y) {
  typename Lanes<n>::Floats sum;
  LoadStrided<n, stride, 0>(x, sum);
  SumStep<kernel, stride, n, 1>(x, row, sum);
  sum /= static_cast<float>(kernel * kernel);
  std::memcpy(y, &sum, sizeof sum);
}

// The first windows of a row, as many as make whole vectors; returns how many.
template <int kernel, int stride>
__attribute__((always_inline)) inline int64_t MeanOfRow(const float* x, int64_t row,
                                                        int64_t windows, float* y) {
  int64_t q = 0;
  for (; q + 8 <= windows; q += 8) MeanOfWindows<kernel, stride, 8>(x + q * stride, row, y + q);
  for (; q + 4 <= windows; q += 4) MeanOfWindows<kernel, stride, 4>(x + q * stride, row, y + q);
  return q;
}

MOKA_CLONES int64_t MeanOfRow22(const float* x, int64_t row, int64_t windows, float* y) {
  return MeanOfRow<2, 2>(x, row, windows, y);
}
MOKA_CLONES int64_t MeanOfRow32(const float* x, int64_t row, int64_t windows, float* y) {
  return MeanOfRow<3, 2>(x, row, windows, y);
}

using FastRow = int64_t (*)(const float* x, int64_t row, int64_t windows, float* y);
FastRow FastRowFor(const PoolingGeometry& g) {
  if (g.kernel_h != g.kernel_w || g.stride_w != 2) return nullptr;
  return g.kernel_w == 2 ? MeanOfRow22 : g.kernel_w == 3 ? MeanOfRow32 : nullptr;
}

float MeanOfWindow(const PoolingGeometry& g, const float* plane, const WindowRange& h,
                   const WindowRange& w) {
  double sum = 0;
  for (int64_t i = h.begin; i < h.end; ++i) {
    for (int64_t j = w.begin; j < w.end; ++j) sum += plane[i * g.width + j];
  }
  return static_cast<float>(sum / static_cast<double>(h.length * w.length));
}

void MeanOfPlane(const PoolingGeometry& g, FastRow fast, const float* x, float* y) {
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    int64_t done = inner.first;  // windows [inner.first, done) need no more
    if (fast && h.end - h.begin == g.kernel_h) {
      done += fast(x + h.start * g.width + inner.first * g.stride_w - g.pad_w, g.width,
                   inner.last - inner.first, y + inner.first);
    }
    for (int64_t q = 0; q < g.out_width; ++q) {
      if (q == inner.first) q = done;
      if (q == g.out_width) break;
      y[q] = MeanOfWindow(g, x, h, WindowRange(q, g.stride_w, g.pad_w, g.kernel_w, g.width));
    }
  }
}

}  // namespace

void AveragePoolForward(Context& context, const PoolingGeometry& g, const float* x, float* y) {
  const FastRow fast = FastRowFor(g);
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      MeanOfPlane(g, fast, x + p * g.height * g.width, y + p * g.out_height * g.out_width);
    }
  });
}

void AveragePoolBackward(Context& context, const PoolingGeometry& g, const float* dy, float* dx) {
  const int64_t in = g.height * g.width;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * in, dx + end * in, 0.0f);
    const float* from = dy + begin * g.out_height * g.out_width;
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t r = 0; r < g.out_height; ++r) {
        const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
        for (int64_t q = 0; q < g.out_width; ++q) {
          const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
          const float share = *from++ / static_cast<float>(h.length * w.length);
          for (int64_t i = h.begin; i < h.end; ++i) {
            float* row = dx + p * in + i * g.width;
            for (int64_t j = w.begin; j < w.end; ++j) row[j] += share;
          }
        }
      }
    }
  });
}

}  // namespace moka
