// The pieces of work of the gradient of weights: sums[k][o] = sum over pixels of windows[k][pixel]
// dy[o][pixel], the windows' panels as they are, dy turned.
#include "math/sliding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/sliding_weights.cpp"
#include "math/tile.h"
// Highway's own order: the targets first.
#include <hwy/foreach_target.h>

#include "math/sliding_windows-inl.h"
#include "math/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {
namespace {

// A piece: a chunk of pixel tiles, a block of channels, and a range of outputs.
class WeightPiece {
 public:
  WeightPiece(const SlidingProduct& product, const SlidingCut& cut,
              const SlidingWeightArrays& arrays, int64_t piece, float* scratch)
      : p_(product), c_(cut), a_(arrays) {
    first_output_ = piece % c_.output_blocks * c_.outputs;
    outputs_ = Least(c_.outputs, p_.outputs - first_output_);
    piece /= c_.output_blocks;
    first_channel_ = piece % c_.channel_blocks * c_.channels;
    channels_ = Least(c_.channels, p_.channels - first_channel_);
    chunk_ = piece / c_.channel_blocks;
    panels_ = scratch;
    turned_ = panels_ + SlidingLayoutFloats(p_, c_);
    windows_ = turned_ + OutputPanels(c_.outputs) * kTileColumns * c_.pixels;
  }

  void Run() {
    const int64_t first = chunk_ * c_.pixel_tiles / c_.chunks,
                  last = (chunk_ + 1) * c_.pixel_tiles / c_.chunks;
    if (Bias() != nullptr) {
      for (int64_t o = 0; o < outputs_; ++o) Bias()[o] = 0;
    }
    if (XSums() != nullptr) {
      for (int64_t k = 0; k < channels_; ++k) XSums()[k] = 0;
    }
    for (int64_t tile = first; tile < last; ++tile) {
      SetTile(tile);
      Turn();
      if (XSums() != nullptr) AddX();
      if (a_.sums != nullptr) Multiply(a_.adds || tile > first);
    }
    if (first >= last && a_.sums != nullptr && !a_.adds) Clear();
  }

 private:
  static int64_t OutputPanels(int64_t outputs) {
    return (outputs + kTileColumns - 1) / kTileColumns;
  }
  int64_t Depth() const { return channels_ * p_.taps(); }
  float* Sums(int64_t k, int64_t o) const {
    return a_.sums + chunk_ * a_.sums_chunk + (first_channel_ * p_.taps() + k) * a_.sums_row +
           first_output_ + o;
  }
  double* Bias() const {
    return a_.bias == nullptr || first_channel_ > 0
               ? nullptr
               : a_.bias + chunk_ * a_.bias_chunk + first_output_;
  }

  double* XSums() const {
    return a_.x_sums == nullptr || first_output_ > 0
               ? nullptr
               : a_.x_sums + chunk_ * a_.x_sums_chunk + first_channel_;
  }

  void SetTile(int64_t tile) {
    const SlidingTilePixels pixels = PixelsOf(p_, c_, tile);
    begin_ = pixels.begin, count_ = pixels.count;
  }

  // turned_[panel][pixel][output of the panel] = dy, and its sums.
  void Turn() {
    const int64_t plane = p_.out_plane();
    for (int64_t k = 0; k < count_;) {
      const int64_t image = (begin_ + k) / plane, within = (begin_ + k) % plane;
      const int64_t n = Least(plane - within, count_ - k);
      const float* from = a_.dy + image * a_.dy_image + first_output_ * plane + within;
      for (int64_t o = 0; o < outputs_; o += kTileColumns) {
        const bool last = o + kTileColumns >= outputs_;  // then pixels that follow
        TurnRows(from + o * plane, Least(kTileColumns, outputs_ - o), plane, n,
                 turned_ + (o * c_.pixels + k * kTileColumns), kTileColumns,
                 last ? n - o * plane : kTileColumns * plane);
      }
      if (Bias() != nullptr) {
        for (int64_t o = 0; o < outputs_; ++o) Bias()[o] += SumOfRow(from + o * plane, n);
      }
      k += n;
    }
  }

  // The sums of x's rows, of which the windows are made next.
  void AddX() {
    const int64_t plane = p_.out_plane();
    for (int64_t at = 0, n; at < count_; at += n) {
      const int64_t image = (begin_ + at) / plane, within = (begin_ + at) % plane;
      n = Least(plane - within, count_ - at);
      const float* x = a_.x + image * p_.x_image + first_channel_ * plane + within;
      for (int64_t k = 0; k < channels_; ++k) XSums()[k] += SumOfRow(x + k * plane, n, 2 * plane);
    }
  }

  // Windows that are rows of x, image by image.
  void MultiplyInPlace(bool adds) {
    const int64_t plane = p_.out_plane();
    TileProduct t;
    t.a_step = plane;
    t.c_step = a_.sums_row;
    for (int64_t at = 0; at < count_; at += t.depth) {
      const int64_t image = (begin_ + at) / plane, within = (begin_ + at) % plane;
      t.depth = Least(plane - within, count_ - at);
      t.adds = adds || at > 0;
      const float* x = a_.x + image * p_.x_image + first_channel_ * plane + within;
      for (int64_t k = 0; k < channels_; k += c_.row_block) {
        const int64_t rows = Least(c_.row_block, channels_ - k);
        t.a = x + k * plane;
        for (int64_t o = 0; o < outputs_; o += kTileColumns) {
          t.b = turned_ + o * c_.pixels + at * kTileColumns;
          t.c = Sums(k, o);
          TileOf<Broadcast::kRows>(rows, Least(kTileColumns, outputs_ - o))(t);
        }
      }
    }
  }

  // Windows that are not laid out in panels: runs along rows of them.
  void MultiplyRuns(bool adds) {
    TileWindows windows(p_, c_, begin_, count_, windows_);
    windows.Load(a_.x, a_.x_end, first_channel_, channels_);
    int32_t* taps = reinterpret_cast<int32_t*>(panels_);
    windows.FindTaps(channels_, taps);
    const float* runs[SlidingCut::kMostPixels];
    int64_t count = 0;
    windows.ForEachRow([&](int64_t, const float* row) { runs[count++] = row; });
    TileProduct t;
    t.depth = count_;
    t.a_runs = runs;
    t.a_run = p_.w.out;
    t.c_step = a_.sums_row;
    t.adds = adds;
    for (int64_t o = 0; o < outputs_; o += kTileColumns) {
      t.b = turned_ + o * c_.pixels;
      for (int64_t k = 0; k < Depth(); k += c_.row_block) {
        t.a_rows = taps + k;
        t.c = Sums(k, o);
        TileOf<Broadcast::kRuns>(Least(c_.row_block, Depth() - k),
                                 Least(kTileColumns, outputs_ - o))(t);
      }
    }
  }

  void Multiply(bool adds) {
    if (c_.in_place) return MultiplyInPlace(adds);
    if (c_.by_rows) return MultiplyRuns(adds);
    TileWindows windows(p_, c_, begin_, count_, windows_);
    windows.Pack(a_.x, a_.x_end, first_channel_, channels_, panels_);
    TileProduct t;
    t.depth = count_;
    t.a_next = TileWindows::PanelStep(Depth());
    t.c_step = a_.sums_row;
    t.adds = adds;
    for (int64_t o = 0; o < outputs_; o += kTileColumns) {
      const int64_t columns = Least(kTileColumns, outputs_ - o);
      t.b = turned_ + o * c_.pixels;
      for (int64_t k = 0; k < Depth(); k += c_.row_block) {
        const int64_t rows = Least(c_.row_block, Depth() - k);
        t.a = panels_ + k * kTileColumns;
        t.c = Sums(k, o);
        TileOf<Broadcast::kPanel>(rows, columns)(t);
      }
    }
  }

  void Clear() {
    for (int64_t k = 0; k < Depth(); ++k) {
      for (int64_t o = 0; o < outputs_; ++o) *Sums(k, o) = 0;
    }
  }

  const SlidingProduct& p_;
  const SlidingCut& c_;
  const SlidingWeightArrays& a_;
  int64_t first_output_, outputs_, first_channel_, channels_, chunk_;
  int64_t begin_ = 0, count_ = 0;
  float *panels_, *turned_, *windows_;
};

void RunWeightPieces(const SlidingProduct& p, const SlidingCut& cut, const SlidingWeightArrays& a,
                     int64_t begin, int64_t end, float* scratch) {
  for (int64_t piece = begin; piece < end; ++piece) WeightPiece(p, cut, a, piece, scratch).Run();
}

// dw[o][k] for outputs [begin, end).
void AddChunks(const SlidingProduct& p, int64_t chunks, const SlidingWeightArrays& a, bool add,
               int64_t begin, int64_t end, float* dw) {
  constexpr int64_t kBlock = 64;
  float block[kBlock][kTileColumns];
  for (int64_t k = 0; k < p.depth(); k += kBlock) {
    const int64_t depth = Least(kBlock, p.depth() - k);
    for (int64_t o = begin; o < end; o += kTileColumns) {
      const int64_t columns = Least(kTileColumns, end - o);
      const Floats d;
      for (int64_t i = 0; i < depth; ++i) {
        for (int64_t j = 0; j < columns; j += kLanes) {
          const float* from = a.sums + (k + i) * a.sums_row + o + j;
          FloatVector sum = hn::LoadU(d, from);
          for (int64_t chunk = 1; chunk < chunks; ++chunk)
            sum = hn::Add(sum, hn::LoadU(d, from + chunk * a.sums_chunk));
          hn::StoreU(sum, d, &block[i][j]);
        }
      }
      if (add) {
        for (int64_t j = 0; j < columns; ++j) {
          for (int64_t i = 0; i < depth; ++i) dw[(o + j) * p.depth() + k + i] += block[i][j];
        }
      } else {
        TurnRows(&block[0][0], depth, kTileColumns, columns, dw + o * p.depth() + k, p.depth());
      }
    }
  }
}

}  // namespace
}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {
namespace {

HWY_EXPORT(RunWeightPieces);
HWY_EXPORT(AddChunks);

}  // namespace

void SlidingWeightPieces(const SlidingProduct& p, const SlidingCut& cut,
                         const SlidingWeightArrays& a, int64_t begin, int64_t end,
                         std::span<float> scratch) {
  HWY_DYNAMIC_DISPATCH(RunWeightPieces)(p, cut, a, begin, end, scratch.data());
}

void SlidingAddChunks(const SlidingProduct& p, int64_t chunks, const SlidingWeightArrays& a,
                      bool add, int64_t begin, int64_t end, float* dw) {
  HWY_DYNAMIC_DISPATCH(AddChunks)(p, chunks, a, add, begin, end, dw);
}

}  // namespace moka
#endif
