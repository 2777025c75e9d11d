// A tile's windows in panels. Panel s holds pixels [s * kTileColumns, (s + 1) * kTileColumns) of
// the tile, as rows of kTileColumns floats, one for each channel and tap. Included once for each
// target of Highway.
#include "math/sliding.h"

#if defined(MOKA_MATH_SLIDING_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_SLIDING_WINDOWS_INL_H_
#undef MOKA_MATH_SLIDING_WINDOWS_INL_H_
#else
#define MOKA_MATH_SLIDING_WINDOWS_INL_H_
#endif

#include "math/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

HWY_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }
HWY_INLINE int64_t Most(int64_t a, int64_t b) { return a > b ? a : b; }

// How the taps of an axis lie in a window. Of x every `sample`-th element is taken (a 1x1 kernel
// with stride 2 needs no others); of these, `stride` neighbours are sorted by phase, so that each
// tap finds those of neighbouring outputs side by side.
struct WindowAxis {
  int64_t sample, stride, step, low, reach;  // low: x's element under output 0; reach: of the taps
};
HWY_INLINE WindowAxis WindowOf(const SlidingAxis& a) {
  const auto gcd = [](int64_t m, int64_t n) {
    while (n != 0) {
      const int64_t rest = m % n;
      m = n, n = rest;
    }
    return m < 0 ? -m : m;
  };
  WindowAxis window;
  window.sample = a.taps <= 1 ? a.stride : gcd(a.stride, a.step);
  window.stride = a.stride / window.sample;
  window.step = a.taps <= 1 ? 1 : a.step / window.sample;
  const int64_t last = a.first + (a.taps - 1) * a.step;
  window.low = Least(a.first, last);
  window.reach = a.taps <= 1 ? 0 : (a.taps - 1) * (window.step < 0 ? -window.step : window.step);
  return window;
}

// Up to a vector of neighbouring pixels: where its window begins, for the first channel and tap,
// and where it goes in the panels.
struct WindowCopy {
  int64_t from;
  int32_t to, count;
};

class TileWindows {
 public:
  // Pixels [begin, begin + count) over all images, for panels of `depth` rows.
  HWY_INLINE TileWindows(const SlidingProduct& product, const SlidingCut& cut, int64_t begin,
                         int64_t count, float* memory)
      : p(product),
        c(cut),
        h(WindowOf(p.h)),
        w(WindowOf(p.w)),
        begin_(begin),
        count_(count),
        memory_(memory),
        row_step_(c.direct ? p.w.size : c.row_floats) {
    plane_ = p.out_plane();
    first_image_ = begin / plane_;
    int64_t rows = 0;
    ForEachImage([&](const ImageRun& run) { rows += RowsOf(run); });
    channel_step_ = c.direct ? p.x_plane() : rows * row_step_;
  }

  // Floats from one panel to the next: what is written beyond its last row must not meet the next.
  static HWY_INLINE int64_t PanelStep(int64_t depth) { return depth * kTileColumns + kLanes; }

  // All panels for channels [first, first + channels); x is the first image's first channel.
  HWY_INLINE void Pack(const float* x, const float* x_end, int64_t first, int64_t channels,
                       float* HWY_RESTRICT panels) {
    const float *from = x + first * p.x_plane(), *end = x_end;
    if (!c.direct) {
      x_end_ = x_end;
      for (int64_t channel = 0; channel < channels; ++channel)
        LoadChannel(from + channel * p.x_plane(), memory_ + channel * channel_step_);
      from = memory_, end = memory_ + channels * channel_step_ + 2 * kTileColumns;
    }
    WindowCopy copies[kMostCopies];
    const int64_t count = FindCopies(PanelStep(channels * p.taps()), copies);
    int64_t farthest = 0;
    for (int64_t k = 0; k < count; ++k) farthest = Most(farthest, copies[k].from + kLanes);
    // Planes are far apart: no processor foresees the next.
    const int64_t ahead = c.direct && p.taps() == 1 ? 3 * channel_step_ : 0;
    for (int64_t channel = 0; channel < channels; ++channel) {
      for (int64_t i = 0; i < p.h.taps; ++i) {
        for (int64_t j = 0; j < p.w.taps; ++j, panels += kTileColumns) {
          const float* tap = from + TapAt(channel, i, j);
          if (HWY_LIKELY(tap + farthest <= end)) {
            CopyWhole(tap, ahead, copies, count, panels);
          } else {
            CopyExactly(tap, copies, count, panels);
          }
        }
      }
    }
  }

  // Or no panels: the windows of some channels in memory, which taps read where they are. Rows are
  // the same for each row of outputs, from its place in memory on.
  HWY_INLINE void Load(const float* x, const float* x_end, int64_t first, int64_t channels) {
    x_end_ = x_end;
    for (int64_t channel = 0; channel < channels; ++channel)
      LoadChannel(x + (first + channel) * p.x_plane(), memory_ + channel * channel_step_);
  }
  HWY_INLINE void FindTaps(int64_t channels, int32_t* taps) const {
    for (int64_t channel = 0; channel < channels; ++channel) {
      for (int64_t i = 0; i < p.h.taps; ++i) {
        for (int64_t j = 0; j < p.w.taps; ++j) *taps++ = static_cast<int32_t>(TapAt(channel, i, j));
      }
    }
  }
  // Calls f(the row's first pixel, counted through all images, its place in memory).
  template <typename F>
  HWY_INLINE void ForEachRow(const F& f) const {
    const float* at = memory_;
    ForEachImage([&](const ImageRun& run) {
      const int64_t first = FirstRow(run);
      for (int64_t row = first; row <= run.last / p.w.out; ++row)
        f(run.image * plane_ + row * p.w.out, at + (row - first) * h.stride * row_step_);
      at += RowsOf(run) * row_step_;
    });
  }

 private:
  static constexpr int64_t kMostCopies = SlidingCut::kMostPixels;
  static constexpr int64_t kFar = 512;  // floats

  // The pixels of the tile within one image: [first, last] of its plane.
  struct ImageRun {
    int64_t image, first, last;
  };

  // Whole vectors: what is written beyond a copy is written again by what follows.
  static HWY_INLINE void CopyWhole(const float* HWY_RESTRICT from, int64_t ahead,
                                   const WindowCopy* copies, int64_t count,
                                   float* HWY_RESTRICT to) {
    const Floats d;
    for (int64_t k = 0; k < count; ++k) {
      hn::StoreU(hn::LoadU(d, from + copies[k].from), d, to + copies[k].to);
      if (ahead != 0) __builtin_prefetch(from + ahead + copies[k].from, 0, 3);
    }
  }
  static HWY_INLINE void CopyExactly(const float* HWY_RESTRICT from, const WindowCopy* copies,
                                     int64_t count, float* HWY_RESTRICT to) {
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t n = 0; n < copies[k].count; ++n) to[copies[k].to + n] = from[copies[k].from + n];
    }
  }

  // Where a tap finds the first of its elements, from that of the window of channel 0 on.
  HWY_INLINE int64_t TapAt(int64_t channel, int64_t i, int64_t j) const {
    const int64_t row = (h.step < 0 ? h.reach : 0) + i * h.step;
    const int64_t column = (w.step < 0 ? w.reach : 0) + j * w.step;
    return channel * channel_step_ + row * row_step_ +
           (w.stride == 1 ? column
                          : column % w.stride * (row_step_ / w.stride) + column / w.stride);
  }

  HWY_INLINE int64_t FirstRow(const ImageRun& run) const { return run.first / p.w.out; }
  HWY_INLINE int64_t RowsOf(const ImageRun& run) const {
    return (run.last / p.w.out - FirstRow(run)) * h.stride + h.reach + 1;
  }
  HWY_INLINE int64_t FirstColumn(const ImageRun& run) const {
    return c.wide ? run.first % p.w.out : 0;
  }

  template <typename F>
  HWY_INLINE void ForEachImage(const F& f) const {
    int64_t image = first_image_;
    for (int64_t pixel = begin_; pixel < begin_ + count_; ++image) {
      const int64_t last = Least((image + 1) * plane_, begin_ + count_);
      f(ImageRun{image, pixel - image * plane_, last - 1 - image * plane_});
      pixel = last;
    }
  }

  HWY_INLINE void LoadChannel(const float* x, float* HWY_RESTRICT to) const {
    ForEachImage([&](const ImageRun& run) HWY_ATTR __attribute__((always_inline)) {
      const float* plane = x + run.image * p.x_image;
      const int64_t rows = RowsOf(run);
      const int64_t low_row = FirstRow(run) * p.h.stride + h.low,
                    low_column = FirstColumn(run) * p.w.stride + w.low;
      const bool padded =
          w.stride > 1 || low_column < 0 || low_column + (row_step_ - 1) * w.sample >= p.w.size;
      for (int64_t r = 0; r < rows; ++r, to += row_step_) {
        const int64_t row = low_row + r * h.sample;
        const float* from = plane + row * p.w.size;
        if (row < 0 || row >= p.h.size) {
          Zero(to, row_step_);
          continue;
        }
        if (padded) {
          LoadRow(from, low_column, to);
        } else {
          Gather(from + low_column, w.sample, row_step_, to);
        }
        // Planes are far apart: no processor foresees the next.
        if (p.x_plane() < kFar) continue;
        for (int64_t k = 0; k < p.w.size; k += 16) __builtin_prefetch(from + 2 * p.x_plane() + k);
      }
    });
  }

  // One row: phase by phase, each row_step_ / stride long.
  HWY_INLINE void LoadRow(const float* HWY_RESTRICT row, int64_t low,
                          float* HWY_RESTRICT to) const {
    const int64_t n = w.stride == 1 ? row_step_ : row_step_ / w.stride;
    const int64_t apart = w.stride * w.sample;
    for (int64_t phase = 0; phase < w.stride; ++phase, to += n) {
      const int64_t from = low + phase * w.sample;  // x's column under the first element
      const int64_t before = from >= 0 ? 0 : Least(n, Steps(-from, apart));
      const int64_t inside =
          Most(before, Least(n, p.w.size <= from ? 0 : Steps(p.w.size - from, apart)));
      Zero(to, before);
      Gather(row + from + before * apart, apart, inside - before, to + before);
      Zero(to + inside, n - inside);
    }
  }
  static HWY_INLINE int64_t Steps(int64_t n, int64_t step) {
    return step == 1 ? n : step == 2 ? (n + 1) >> 1 : (n + step - 1) / step;
  }

  // These write whole vectors: what is beyond n is written again by what follows.
  static HWY_INLINE void Zero(float* to, int64_t n) {
    const Floats d;
    for (int64_t k = 0; k < n; k += kLanes) hn::StoreU(hn::Zero(d), d, to + k);
  }
  HWY_INLINE void Gather(const float* HWY_RESTRICT from, int64_t apart, int64_t n,
                         float* HWY_RESTRICT to) const {
    const Floats d;
    int64_t k = 0;
    if (apart == 1) {
      for (; k + kLanes <= n; k += kLanes) hn::StoreU(hn::LoadU(d, from + k), d, to + k);
      if (k < n) hn::StoreU(LoadFirst(from + k, n - k), d, to + k);
      return;
    }
    if (apart == 2) {
      // What lies beyond n may be read as long as it belongs to x.
      for (; k < n && from + 2 * (k + kLanes) <= x_end_; k += kLanes) {
        FloatVector even, odd;
        hn::LoadInterleaved2(d, from + 2 * k, even, odd);
        hn::StoreU(even, d, to + k);
      }
    }
    for (; k < n; ++k) to[k] = from[k * apart];
  }

  // Where the tile's pixels find their windows, in the order of the panels.
  HWY_INLINE int64_t FindCopies(int64_t panel_step, WindowCopy* copies) const {
    int64_t count = 0, at = 0, rows = 0;  // rows: of the images before
    // 1x1 kernels whose stride is left out already: rows follow one another as pixels do.
    const bool dense = !c.direct && row_step_ == p.w.out && h.stride == 1 && h.reach == 0;
    ForEachImage([&](const ImageRun& run) {
      int64_t row = FirstRow(run), column = run.first - row * p.w.out;
      const int64_t first_row = row, first_column = FirstColumn(run);
      for (const int64_t last = at + run.last - run.first; at <= last;) {
        const int64_t in_panel = at % kTileColumns;
        const int64_t in_row = dense ? kLanes : p.w.out - column;
        const int64_t n =
            Least(Least(kLanes, last - at + 1), Least(in_row, kTileColumns - in_panel));
        WindowCopy& copy = copies[count++];
        copy.to = static_cast<int32_t>(at / kTileColumns * panel_step + in_panel);
        copy.count = static_cast<int32_t>(n);
        copy.from = c.direct
                        ? run.image * p.x_image + (row + h.low) * row_step_ + column + w.low
                        : (rows + (row - first_row) * h.stride) * row_step_ + column - first_column;
        at += n, column += n;
        if (column >= p.w.out) row += dense ? column / p.w.out : 1, column %= p.w.out;
      }
      rows += RowsOf(run);
    });
    return count;
  }

  const SlidingProduct& p;
  const SlidingCut& c;
  const WindowAxis h, w;
  const int64_t begin_, count_;
  float* memory_;
  const float* x_end_ = nullptr;
  const int64_t row_step_;
  int64_t plane_, first_image_, channel_step_;
};

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
