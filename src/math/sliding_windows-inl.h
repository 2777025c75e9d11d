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

// Pixels of a tile that lie side by side in one image's row.
struct Segment {
  int64_t at;    // in the tile
  int64_t from;  // in the windows, for the first tap and channel
  int64_t count;
};

// The pixels of a tile within one image.
struct ImageRun {
  int64_t image, first, last;  // pixels of the image's plane
};

class TileWindows {
 public:
  // Pixels [begin, begin + count) over all images.
  HWY_INLINE TileWindows(const SlidingProduct& product, const SlidingCut& cut, int64_t begin,
                         int64_t count, float* memory)
      : p(product),
        c(cut),
        h(WindowOf(p.h)),
        w(WindowOf(p.w)),
        begin_(begin),
        count_(count),
        memory_(memory) {
    row_step = c.direct ? p.w.size : c.row_floats;
  }

  // The windows of channels [first, first + channels); x is the first image's first channel.
  HWY_INLINE void Load(const float* x, const float* x_end, int64_t first, int64_t channels) {
    if (c.direct) {
      base_ = x + first * p.x_plane();
      channel_step = p.x_plane();
      end_ = x_end;
      return;
    }
    base_ = memory_;
    channel_step = Rows() * row_step;
    end_ = memory_ + channels * channel_step + 2 * kTileColumns;
    for (int64_t channel = 0; channel < channels; ++channel) {
      LoadChannel(x + (first + channel) * p.x_plane(), memory_ + channel * channel_step);
    }
  }

  // Panel `panel`: rows for `channels` channels and all taps.
  HWY_INLINE void Pack(int64_t panel, int64_t channels, float* HWY_RESTRICT to) const {
    Segment segments[kTileColumns];
    const int64_t at = panel * kTileColumns;
    const int64_t count = FindSegments(at, Least(kTileColumns, count_ - at), segments);
    const int64_t step_h = p.h.step < 0 ? -1 : 1, step_w = p.w.step < 0 ? -1 : 1;
    const int64_t first_row = step_h < 0 ? h.reach : 0, first_column = step_w < 0 ? w.reach : 0;
    const int64_t phase = c.row_floats / (c.direct ? 1 : w.stride);
    for (int64_t channel = 0; channel < channels; ++channel) {
      for (int64_t i = 0; i < p.h.taps; ++i) {
        const float* row = base_ + channel * channel_step + (first_row + i * h.step) * row_step;
        for (int64_t j = 0; j < p.w.taps; ++j) {
          const int64_t column = first_column + j * w.step;
          CopySegments(
              row + (w.stride == 1 ? column : column % w.stride * phase + column / w.stride),
              segments, count, to);
          to += kTileColumns;
        }
      }
    }
  }

 private:
  HWY_INLINE void CopySegments(const float* HWY_RESTRICT from, const Segment* segments,
                               int64_t count, float* HWY_RESTRICT to) const {
    const Floats d;
    // Whole vectors: what is written beyond a segment is written again by what follows.
    for (int64_t s = 0; s < count; ++s) {
      const float* HWY_RESTRICT source = from + segments[s].from;
      float* HWY_RESTRICT target = to + segments[s].at;
      const int64_t n = segments[s].count;
      if (HWY_UNLIKELY(source + n + kLanes > end_)) {
        for (int64_t k = 0; k < n; ++k) target[k] = source[k];
        continue;
      }
      hn::StoreU(hn::LoadU(d, source), d, target);
      if (n > kLanes) hn::StoreU(hn::LoadU(d, source + kLanes), d, target + kLanes);
    }
  }

  // Rows of windows of a channel, over all images of the tile.
  HWY_INLINE int64_t Rows() const {
    int64_t rows = 0;
    ForEachImage([&](const ImageRun& run) { rows += RowsOf(run); });
    return rows;
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
    const int64_t plane = p.out_plane();
    for (int64_t pixel = begin_; pixel < begin_ + count_;) {
      const int64_t image = pixel / plane, last = Least((image + 1) * plane, begin_ + count_);
      f(ImageRun{image, pixel - image * plane, last - 1 - image * plane});
      pixel = last;
    }
  }

  HWY_INLINE void LoadChannel(const float* x, float* HWY_RESTRICT to) const {
    ForEachImage([&](const ImageRun& run) {
      const float* plane = x + run.image * p.x_image;
      const int64_t rows = RowsOf(run);
      const int64_t low_row = FirstRow(run) * p.h.stride + h.low,
                    low_column = FirstColumn(run) * p.w.stride + w.low;
      for (int64_t r = 0; r < rows; ++r, to += row_step) {
        const int64_t row = low_row + r * h.sample;
        const bool inside = row >= 0 && row < p.h.size;
        LoadRow(inside ? plane + row * p.w.size : nullptr, low_column, to);
      }
    });
  }

  // One row: phase by phase, each row_floats / stride long; null: zeros.
  HWY_INLINE void LoadRow(const float* HWY_RESTRICT row, int64_t low,
                          float* HWY_RESTRICT to) const {
    const int64_t n = row_step / w.stride, apart = w.stride * w.sample;
    for (int64_t phase = 0; phase < w.stride; ++phase, to += n) {
      if (row == nullptr) {
        Zero(to, n);
        continue;
      }
      const int64_t from = low + phase * w.sample;  // x's column under the first element
      const int64_t before = from >= 0 ? 0 : Least(n, (-from + apart - 1) / apart);
      const int64_t inside =
          Most(before, Least(n, p.w.size <= from ? 0 : (p.w.size - from + apart - 1) / apart));
      Zero(to, before);
      Gather(row + from + before * apart, apart, inside - before, to + before);
      Zero(to + inside, n - inside);
    }
  }

  // These write whole vectors: what is beyond n is written again by what follows.
  static HWY_INLINE void Zero(float* to, int64_t n) {
    const Floats d;
    for (int64_t k = 0; k < n; k += kLanes) hn::StoreU(hn::Zero(d), d, to + k);
  }

  static HWY_INLINE void Gather(const float* HWY_RESTRICT from, int64_t apart, int64_t n,
                                float* HWY_RESTRICT to) {
    const Floats d;
    int64_t k = 0;
    if (apart == 1) {
      for (; k + kLanes <= n; k += kLanes) hn::StoreU(hn::LoadU(d, from + k), d, to + k);
      if (k < n) {
        const auto rest = hn::FirstN(d, static_cast<size_t>(n - k));
        hn::StoreU(hn::MaskedLoad(rest, d, from + k), d, to + k);
      }
      return;
    } else if (apart == 2) {
      for (; k + kLanes < n; k += kLanes) {
        FloatVector even, odd;
        hn::LoadInterleaved2(d, from + 2 * k, even, odd);
        hn::StoreU(even, d, to + k);
      }
    }
    for (; k < n; ++k) to[k] = from[k * apart];
  }

  // Where the pixels [at, at + n) of the tile find their windows.
  HWY_INLINE int64_t FindSegments(int64_t at, int64_t n, Segment* segments) const {
    int64_t count = 0, rows = 0;  // rows of the images before
    ForEachImage([&](const ImageRun& run) {
      const int64_t run_at = run.image * p.out_plane() + run.first - begin_;
      const int64_t run_last = run_at + run.last - run.first;
      for (int64_t k = Most(at, run_at); k <= Least(at + n - 1, run_last);) {
        const int64_t pixel = run.first + k - run_at;
        const int64_t row = pixel / p.w.out, column = pixel % p.w.out;
        const int64_t length = Least(Least(p.w.out - column, at + n - k), run_last - k + 1);
        Segment& s = segments[count++];
        s.at = k - at, s.count = length;
        if (c.direct) {
          s.from = run.image * p.x_image + (row + h.low) * row_step + column + w.low;
        } else {
          s.from = (rows + (row - FirstRow(run)) * h.stride) * row_step + column - FirstColumn(run);
        }
        k += length;
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
  const float *base_ = nullptr, *end_ = nullptr;
  int64_t row_step, channel_step = 0;
};

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
