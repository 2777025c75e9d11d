// The pieces of work of a sliding product that give images: y = r(scale (a x) + shift + add).
#include "math/sliding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/sliding_pieces.cpp"
#include "math/tile.h"
// Highway's own order: the targets first.
#include <hwy/foreach_target.h>

#include "math/sliding_windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {
namespace {

// A piece: a tile of pixels, and a range of outputs.
class SlidingPiece {
 public:
  SlidingPiece(const SlidingProduct& product, const SlidingCut& cut, const SlidingArrays& arrays,
               int64_t piece, float* scratch)
      : p_(product), c_(cut), a_(arrays) {
    const SlidingTilePixels pixels = PixelsOf(p_, c_, piece / c_.output_blocks);
    begin_ = pixels.begin, count_ = pixels.count;
    first_output_ = piece % c_.output_blocks * c_.outputs;
    last_output_ = Least(first_output_ + c_.outputs, p_.outputs);
    sums_ = scratch;
    sums_step_ = c_.in_place || c_.by_rows ? kTileColumns : c_.pixels;
    panels_ =
        sums_ + (c_.channel_blocks > 1 ? Least(c_.outputs, p_.outputs) : c_.row_block) * sums_step_;
    windows_ = c_.by_rows ? panels_ + p_.depth()
                          : panels_ + Panels() * TileWindows::PanelStep(c_.channels * p_.taps()) +
                                kTileColumns;
  }

  void Run() {
    if (c_.in_place) return RunInPlace();
    if (c_.by_rows) return RunRows();
    TileWindows windows(p_, c_, begin_, count_, windows_);
    for (int64_t channel = 0; channel < p_.channels; channel += c_.channels) {
      const int64_t channels = Least(c_.channels, p_.channels - channel);
      const int64_t depth = channels * p_.taps();
      windows.Pack(a_.x, a_.x_end, channel, channels, panels_);
      const bool last = channel + c_.channels >= p_.channels;
      for (int64_t o = first_output_; o < last_output_; o += c_.row_block)
        RunBlock(o, channel * p_.taps(), depth, channel > 0, last);
    }
  }

 private:
  int64_t Panels() const { return (count_ + kTileColumns - 1) / kTileColumns; }

  // Outputs [o, o + rows) of all panels, for `depth` of the sums' terms from `first` on.
  void RunBlock(int64_t o, int64_t first, int64_t depth, bool adds, bool last) {
    const int64_t rows = Least(c_.row_block, p_.outputs - o);
    TileProduct t;
    t.depth = depth;
    t.adds = adds;
    t.a = a_.packed + o * p_.depth() + first * rows;
    // The weights of the next outputs come from memory meanwhile.
    t.fetch = t.a + rows * p_.depth();
    t.fetch_step = (rows + Panels() - 1) / Panels();
    for (int64_t s = 0; s < Panels(); ++s, t.fetch += depth * t.fetch_step) {
      const int64_t at = s * kTileColumns;
      t.b = panels_ + s * TileWindows::PanelStep(depth);
      float* sums = sums_ + (c_.channel_blocks > 1 ? o - first_output_ : 0) * sums_step_ + at;
      RunTile(t, o, rows, PlaceOf(begin_ + at), Least(kTileColumns, count_ - at), last, sums);
    }
  }

  struct Place {
    int64_t image, within;  // its plane
  };
  Place PlaceOf(int64_t pixel) const {
    const int64_t image = pixel / p_.out_plane();
    return {image, pixel - image * p_.out_plane()};
  }

  // To y if it has room for the tile, else to sums, and then to y.
  void RunTile(TileProduct& t, int64_t o, int64_t rows, const Place& at, int64_t columns, bool last,
               float* sums) {
    const bool whole = columns == kTileColumns || columns == kLanes;
    const bool dense =
        p_.y_column == 1 && p_.y_row == p_.w.out && at.within + columns <= p_.out_plane();
    const float* shift = Of(a_.shift, o);
    const bool starts = a_.scale == nullptr && whole && dense;  // with the shift
    t.start = starts && !t.adds ? shift : nullptr;
    const auto tile = t.b_rows == nullptr ? TileOf<Broadcast::kPacked>(rows, columns)
                                          : TileOf<Broadcast::kPackedRows>(rows, columns);
    if (whole && dense) {
      const int64_t offset = o * p_.y_plane + at.within;
      const TileEnd end{Of(a_.scale, o), starts ? nullptr : shift,
                        Of(a_.add, at.image * a_.add_image + offset), a_.slope};
      t.c = a_.y + at.image * p_.y_image + offset;
      t.c_step = p_.y_plane;
      t.end = last && Ends() ? &end : nullptr;
      tile(t);
    } else {
      t.c = sums;
      t.c_step = sums_step_;
      t.end = nullptr;
      tile(t);
      if (last) Spread(t.c, o, rows, at, columns);
    }
  }

  // A 1x1 kernel: a few panels at a time, so that they stay in the nearest cache.
  void RunInPlace() {
    const int64_t most = Most(1, Least(SlidingCut::kMostInPlace, 192 / p_.channels));
    InPlacePanel panels[SlidingCut::kMostInPlace];
    for (int64_t pixel = begin_; pixel < begin_ + count_;) {
      int64_t count = 0;
      for (; count < most && pixel < begin_ + count_; pixel += panels[count++].columns)
        panels[count] = PanelAt(pixel, panels_ + count * p_.channels * kTileColumns);
      for (int64_t o = 0; o < p_.outputs; o += c_.row_block) {
        const int64_t rows = Least(c_.row_block, p_.outputs - o);
        TileProduct t;
        t.depth = p_.channels;
        t.a = a_.packed + o * p_.channels;
        t.fetch_step = p_.x_plane();
        for (int64_t s = 0; s < count; ++s) {
          t.b = panels[s].b, t.b_step = panels[s].b_step;
          // The next panels come meanwhile.
          t.fetch = t.b + most * kTileColumns + (o / c_.row_block % 2 == 0 ? 0 : kLanes);
          RunTile(t, o, rows, panels[s].at, panels[s].columns, true, sums_);
        }
      }
    }
  }

  // Rows of y, from windows that lie side by side as the pixels do.
  void RunRows() {
    TileWindows windows(p_, c_, begin_, count_, windows_);
    windows.Load(a_.x, a_.x_end, 0, p_.channels);
    int32_t* taps = reinterpret_cast<int32_t*>(panels_);
    windows.FindTaps(p_.channels, taps);
    TileProduct t;
    t.depth = p_.depth();
    t.b_rows = taps;
    windows.ForEachRow([&](int64_t pixel, const float* row) {
      const Place at = PlaceOf(pixel);
      // What a vector writes beyond the end of a row the next row writes again.
      const bool followed = a_.add == nullptr && pixel + p_.w.out < begin_ + count_ &&
                            at.within + p_.w.out < p_.out_plane() && p_.w.out >= kLanes;
      for (int64_t o = 0; o < p_.outputs; o += c_.row_block) {
        const int64_t rows = Least(c_.row_block, p_.outputs - o);
        t.a = a_.packed + o * p_.depth();
        for (int64_t column = 0; column < p_.w.out; column += kTileColumns) {
          t.b = row + column;
          const int64_t left = p_.w.out - column, fill = followed ? kLanes - 1 : 0;
          const int64_t columns = Least(kTileColumns, (left + fill) / (fill + 1) * (fill + 1));
          RunTile(t, o, rows, {at.image, at.within + column}, columns, true, sums_);
        }
      }
    });
  }

  // Columns of x; those that are not a whole vector are copied, since more would be read.
  struct InPlacePanel {
    const float* b;
    int64_t b_step;
    Place at;
    int64_t columns;
  };
  InPlacePanel PanelAt(int64_t pixel, float* copy) const {
    const Place at = PlaceOf(pixel);
    const int64_t columns =
        Least(Least(kTileColumns, p_.x_plane() - at.within), begin_ + count_ - pixel);
    const float* b = a_.x + at.image * p_.x_image + at.within;
    if (columns == kTileColumns || columns == kLanes) return {b, p_.x_plane(), at, columns};
    const int64_t n = columns > kLanes ? kLanes : columns;
    for (int64_t k = 0; k < p_.channels; ++k, b += p_.x_plane()) {
      const Floats d;
      hn::StoreU(LoadFirst(b, n), d, copy + k * kTileColumns);
    }
    return {copy, kTileColumns, at, n};
  }

  bool Ends() const {
    return a_.scale != nullptr || a_.shift != nullptr || a_.add != nullptr || a_.slope != 1;
  }
  static const float* Of(const float* array, int64_t at) {
    return array == nullptr ? nullptr : array + at;
  }

  // From sums to y, row by row of an image.
  void Spread(const float* sums, int64_t o, int64_t rows, const Place& at, int64_t columns) {
    const bool dense = p_.y_row == p_.w.out && p_.y_column == 1;
    int64_t image = at.image, within = at.within;
    for (int64_t k = 0; k < columns;) {
      const int64_t row = within / p_.w.out, column = within % p_.w.out;
      const int64_t n = Least(dense ? p_.out_plane() - within : p_.w.out - column, columns - k);
      int64_t offset = o * p_.y_plane + row * p_.y_row + column * p_.y_column;
      for (int64_t i = 0; i < rows; ++i, offset += p_.y_plane) {
        float* y = a_.y + image * p_.y_image + offset;
        const float* add = Of(a_.add, image * a_.add_image + offset);
        if (p_.spread_width > 0) {
          SpreadHalf(sums + i * sums_step_ + k, row, column, n, y);
        } else if (p_.y_column == 1) {
          SpreadRow(sums + i * sums_step_ + k, n, o + i, add, y);
        } else {
          SpreadApart(sums + i * sums_step_ + k, n, o + i, add, y);
        }
      }
      k += n, within += n;
      if (within == p_.out_plane()) within = 0, ++image;
    }
  }

  void SpreadRow(const float* from, int64_t n, int64_t o, const float* add, float* y) {
    const Floats d;
    const FloatVector scale = hn::Set(d, a_.scale != nullptr ? a_.scale[o] : 1.0F),
                      shift = hn::Set(d, a_.shift != nullptr ? a_.shift[o] : 0.0F);
    for (int64_t k = 0; k < n; k += kLanes) {
      const int64_t count = n - k;
      FloatVector v = hn::MulAdd(hn::LoadU(d, from + k), scale, shift);
      if (add != nullptr)
        v = hn::Add(v, count < kLanes ? LoadFirst(add + k, count) : hn::LoadU(d, add + k));
      v = Rectify(v, a_.slope);
      if (count < kLanes) {
        StoreFirst(v, count, y + k);
      } else {
        hn::StoreU(v, d, y + k);
      }
    }
  }

  // y[2 k] = from[k], zeros between and in the row below, as far as y has them.
  void SpreadHalf(const float* from, int64_t row, int64_t column, int64_t n, float* y) {
    const Floats d;
    const int64_t width = Least(2 * n, p_.spread_width - 2 * column);
    int64_t k = 0;
    for (; 2 * (k + kLanes) <= width; k += kLanes)
      hn::StoreInterleaved2(hn::LoadU(d, from + k), hn::Zero(d), d, y + 2 * k);
    for (; k < n; ++k) {
      y[2 * k] = from[k];
      if (2 * k + 1 < width) y[2 * k + 1] = 0;
    }
    if (2 * row + 1 >= p_.spread_height) return;
    float* below = y + p_.spread_width;
    for (k = 0; k + kLanes <= width; k += kLanes) hn::StoreU(hn::Zero(d), d, below + k);
    for (; k < width; ++k) below[k] = 0;
  }

  void SpreadApart(const float* from, int64_t n, int64_t o, const float* add, float* y) {
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = k * p_.y_column;
      float v = from[k];
      if (a_.scale != nullptr) v *= a_.scale[o];
      if (a_.shift != nullptr) v += a_.shift[o];
      if (add != nullptr) v += add[at];
      if (v <= 0 && a_.slope != 1) v = a_.slope == 0 ? 0 : v * a_.slope;
      y[at] = v;
    }
  }

  const SlidingProduct& p_;
  const SlidingCut& c_;
  const SlidingArrays& a_;
  int64_t begin_, count_, first_output_, last_output_, sums_step_;
  float *sums_, *panels_, *windows_;
};

void RunPieces(const SlidingProduct& p, const SlidingCut& cut, const SlidingArrays& a,
               int64_t begin, int64_t end, float* scratch) {
  for (int64_t piece = begin; piece < end; ++piece) SlidingPiece(p, cut, a, piece, scratch).Run();
}

SlidingTile ShapeOfTile() { return {kTileRows, kTileColumns}; }

}  // namespace
}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {
namespace {

HWY_EXPORT(RunPieces);
HWY_EXPORT(ShapeOfTile);

}  // namespace

SlidingTile TileOfProcessor() { return HWY_DYNAMIC_DISPATCH(ShapeOfTile)(); }

void SlidingPieces(const SlidingProduct& p, const SlidingCut& cut, const SlidingArrays& a,
                   int64_t begin, int64_t end, std::span<float> scratch) {
  HWY_DYNAMIC_DISPATCH(RunPieces)(p, cut, a, begin, end, scratch.data());
}

}  // namespace moka
#endif
