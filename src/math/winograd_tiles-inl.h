// The transforms of Winograd convolution in two dimensions, for one channel and the tiles of a
// block. Vertical first, on pixels as they lie in a row, then horizontal, where vectors hold the
// same pixel of tiles one after another. Included once for each target of Highway.
#include "math/winograd_cut.h"

#if defined(MOKA_MATH_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_WINOGRAD_TILES_INL_H_
#undef MOKA_MATH_WINOGRAD_TILES_INL_H_
#else
#define MOKA_MATH_WINOGRAD_TILES_INL_H_
#endif

#include "math/winograd_lanes-inl.h"
#include "math/winograd_points-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

constexpr int64_t RoundToLanes(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// Rows of a product in tiles as even as can be: those of few rows are slow.
struct RowTiles {
  explicit RowTiles(int64_t rows)
      : count((rows + kTileRows - 1) / kTileRows), size(rows / count), longer(rows % count) {}
  int64_t begin(int64_t i) const { return i * size + (i < longer ? i : longer); }
  int64_t rows(int64_t i) const { return size + (i < longer ? 1 : 0); }

  const int64_t count, size, longer;
};

// Where the products of a block lie: for each point panels of kTileColumns tiles, of rows each.
struct Panels {
  float* data = nullptr;
  int64_t point = 0, panel = 0;  // from one to the next
  float* at(int64_t p, int64_t row, int64_t tile) const {
    return data + p * point + tile / kTileColumns * panel + row * kTileColumns +
           tile % kTileColumns;
  }
};

// From pixels of a block's tiles to its transform B' x B.
template <int points, int step>
class InputTiles {
 public:
  static constexpr int kExtra = (points - 1) / step;  // slots that follow a run

  // memory: see WinogradScratch.
  InputTiles(const ConvolutionGeometry& g, const WinogradBlock& block, float* memory)
      : g_(g),
        block_(block),
        strip_step_(StripFloats(block.slots)),
        strip_(memory),
        streams_(strip_ + points * strip_step_),
        stream_step_(StreamFloats(block.slots)),
        zeros_(streams_ + points * step * stream_step_) {
    for (int64_t i = 0; i < points * strip_step_; ++i) strip_[i] = 0;
    for (int64_t i = 0; i < points * step * stream_step_; ++i) streams_[i] = 0;
    for (int64_t i = 0; i < g.width; ++i) zeros_[i] = 0;
  }

  // plane (height, width): that of the first image; the next channel's follows.
  HWY_INLINE void Transform(const float* plane, const Panels& to, int64_t row) {
    for (int64_t r = 0; r < block_.runs; ++r) Vertical(plane, block_.run[r]);
    // All of one step before the next: what was just stored cannot yet be loaded at other places.
    for (int i = 0; i < points; ++i) Separate(i);
    for (int64_t tile = 0; tile < block_.tiles; tile += kLanes) Horizontal(tile, to, row);
  }

 private:
  static int64_t StreamFloats(int64_t slots) { return RoundToLanes(slots) + 2 * kLanes; }
  static int64_t StripFloats(int64_t slots) { return step * RoundToLanes(slots) + 2 * kLanes; }

  // strip[i] = B' of rows, at the columns that the run's tiles cover.
  HWY_INLINE void Vertical(const float* plane, const WinogradRun& run) {
    const Floats d;
    const int64_t top = run.row * step - g_.pad_h, left = run.column * step - g_.pad_w;
    const int64_t first = left < 0 ? 0 : left, end = left + (run.count + kExtra) * step;
    const int64_t last = end < g_.width ? end : g_.width;
    plane += run.image * g_.channels * g_.height * g_.width;
    const int64_t next = g_.height * g_.width;  // channel
    const float* rows[points];
#pragma GCC unroll 6
    for (int i = 0; i < points; ++i) {
      const int64_t h = top + i;
      rows[i] = h >= 0 && h < g_.height ? plane + h * g_.width : zeros_;
    }
    float* to = strip_ + run.slot * step + (first - left);
    for (int64_t column = first; column < last; column += kLanes, to += kLanes) {
      FloatVector in[points], out[points];
#pragma GCC unroll 6
      for (int i = 0; i < points; ++i) __builtin_prefetch(rows[i] + column + next);
      if (column + kLanes <= last) {
#pragma GCC unroll 6
        for (int i = 0; i < points; ++i) in[i] = hn::LoadU(d, rows[i] + column);
      } else {
#pragma GCC unroll 6
        for (int i = 0; i < points; ++i) in[i] = LoadFirst(rows[i] + column, last - column);
      }
      TransformInput(in, out);
#pragma GCC unroll 6
      for (int i = 0; i < points; ++i) hn::StoreU(out[i], d, to + i * strip_step_);
    }
  }

  // streams[i][j][slot] = strip[i][slot * step + j]
  HWY_INLINE void Separate(int i) {
    const Floats d;
    const float* HWY_RESTRICT from = strip_ + i * strip_step_;
    float* HWY_RESTRICT to = streams_ + i * step * stream_step_;
    for (int64_t slot = 0; slot < block_.slots; slot += kLanes) {
      FloatVector v[step];
#pragma GCC unroll 4
      for (int j = 0; j < step; ++j) v[j] = hn::LoadU(d, from + slot * step + j * kLanes);
      Deinterleave(v);
#pragma GCC unroll 4
      for (int j = 0; j < step; ++j) hn::StoreU(v[j], d, to + j * stream_step_ + slot);
    }
  }

  // For a vector of tiles.
  HWY_INLINE void Horizontal(int64_t tile, const Panels& to, int64_t row) {
    const float* from = streams_ + block_.slot[tile];
    float* v = to.at(0, row, tile);
    const Floats d;
    if (block_.slot[tile + kLanes - 1] - block_.slot[tile] == kLanes - 1) {
      HorizontalRows([&](const float* stream) { return hn::LoadU(d, stream); }, from, v, to.point);
    } else {
      int32_t index[kLanes];
      for (int64_t l = 0; l < kLanes; ++l) index[l] = block_.slot[tile + l] - block_.slot[tile];
      const TwoTables pick(index);
      HorizontalRows(
          [&](const float* stream) {
            return pick(hn::LoadU(d, stream), hn::LoadU(d, stream + kLanes));
          },
          from, v, to.point);
    }
  }
  template <typename Load>
  HWY_INLINE void HorizontalRows(const Load& load, const float* from, float* v, int64_t v_point) {
    const Floats d;
    for (int i = 0; i < points; ++i) {
      FloatVector in[points], out[points];
#pragma GCC unroll 6
      for (int j = 0; j < points; ++j)
        in[j] = load(from + (i * step + j % step) * stream_step_ + j / step);
      TransformInput(in, out);
#pragma GCC unroll 6
      for (int j = 0; j < points; ++j) hn::StoreU(out[j], d, v + (i * points + j) * v_point);
    }
  }

  const ConvolutionGeometry& g_;
  const WinogradBlock& block_;
  const int64_t strip_step_;
  float* const strip_;
  float* const streams_;
  const int64_t stream_step_;
  float* const zeros_;
};

// From the sums of products of a block's tiles to y: A' m A.
template <int points, int step>
class OutputTiles {
 public:
  OutputTiles(const ConvolutionGeometry& g, const WinogradBlock& block, float* memory)
      : height_(g.out_height()), width_(g.out_width()), block_(block), rows_(memory) {}

  HWY_INLINE void Transform(const Panels& from, int64_t row) {
    const Floats d;
    for (int64_t tile = 0; tile < block_.tiles; tile += kLanes) {
      const float* m = from.at(0, row, tile);
      FloatVector half[step][points];
#pragma GCC unroll 6
      for (int i = 0; i < points; ++i) {
        FloatVector in[points], out[step];
#pragma GCC unroll 6
        for (int j = 0; j < points; ++j) in[j] = hn::LoadU(d, m + (i * points + j) * from.point);
        TransformOutput(in, out);
#pragma GCC unroll 4
        for (int j = 0; j < step; ++j) half[j][i] = out[j];
      }
      FloatVector y[step][step];
#pragma GCC unroll 4
      for (int j = 0; j < step; ++j) {
        FloatVector out[step];
        TransformOutput(half[j], out);
#pragma GCC unroll 4
        for (int i = 0; i < step; ++i) y[i][j] = out[i];
      }
#pragma GCC unroll 4
      for (int i = 0; i < step; ++i) {
        Interleave(y[i]);
#pragma GCC unroll 4
        for (int j = 0; j < step; ++j)
          hn::StoreU(y[i][j], d, rows_ + i * Row() + tile * step + j * kLanes);
      }
    }
  }

  // y and add: planes of the first image; image_step and add_step from one to the next.
  HWY_INLINE void Write(float* y, int64_t image_step, const float* add, int64_t add_step,
                        const TileEnd* end, int64_t output) {
    for (int64_t r = 0; r < block_.runs; ++r) {
      const WinogradRun& run = block_.run[r];
      const int64_t column = run.column * step, left = width_ - column,
                    count = run.count * step < left ? run.count * step : left;
      for (int i = 0; i < step; ++i) {
        const int64_t h = run.row * step + i;
        if (h >= height_) break;
        const int64_t at = h * width_ + column, offset = run.image * image_step + at;
        const float* from = rows_ + i * Row() + run.first * step;
        // That the next output's rows come from memory takes longer than all else here.
        for (int64_t k = 0; k < count; k += 16)
          __builtin_prefetch(y + offset + height_ * width_ + k, 1);
        if (end == nullptr) {
          CopyRow(from, count, y + offset);
        } else {
          EndRow(from, count, *end, output,
                 add != nullptr ? add + run.image * add_step + at : nullptr, y + offset);
        }
      }
    }
  }

 private:
  int64_t Row() const { return step * RoundToLanes(block_.tiles); }

  HWY_INLINE void CopyRow(const float* HWY_RESTRICT from, int64_t count, float* HWY_RESTRICT y) {
    const Floats d;
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, y + i);
    if (i < count) StoreFirst(hn::LoadU(d, from + i), count - i, y + i);
  }

  HWY_INLINE void EndRow(const float* HWY_RESTRICT from, int64_t count, const TileEnd& end,
                         int64_t output, const float* add, float* y) {
    const Floats d;
    const FloatVector scale = hn::Set(d, end.scale != nullptr ? end.scale[output] : 1.0F),
                      shift = hn::Set(d, end.shift != nullptr ? end.shift[output] : 0.0F);
    for (int64_t i = 0; i < count; i += kLanes) {
      const bool whole = i + kLanes <= count;
      FloatVector v = hn::MulAdd(hn::LoadU(d, from + i), scale, shift);
      if (add != nullptr)
        v = hn::Add(v, whole ? hn::LoadU(d, add + i) : LoadFirst(add + i, count - i));
      v = Rectify(v, end.slope);
      if (whole) {
        hn::StoreU(v, d, y + i);
      } else {
        StoreFirst(v, count - i, y + i);
      }
    }
  }

  const int64_t height_, width_;
  const WinogradBlock& block_;
  float* const rows_;
};

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
