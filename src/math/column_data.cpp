// The gradient of a convolution's x by columns.
#include "math/column_data.h"

#include <algorithm>

#include "math/sliding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/column_data.cpp"
#include "math/tile.h"
// Highway's own order: the targets first.
#include <hwy/foreach_target.h>

#include "math/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {
namespace {

// dx of an image's channels from p; floats around p may be read.
class ColumnSums {
 public:
  ColumnSums(const ConvolutionGeometry& g, const float* p, float* dx)
      : g_(g), p_(p), dx_(dx), out_height_(g.out_height()), out_width_(g.out_width()) {}

  void Run() {
    const int64_t taps = g_.kernel_h * g_.kernel_w, plane = out_height_ * out_width_;
    for (int64_t c = 0; c < g_.channels / g_.group; ++c) {
      const float* p = p_ + c * taps * plane;
      float* dx = dx_ + c * g_.height * g_.width;
      for (int64_t row = 0; row < g_.height; ++row, dx += g_.width) {
        for (int64_t column = 0; column < g_.width; column += kLanes)
          SumRow(p, row, column, dx + column);
      }
    }
  }

 private:
  // A vector of a row of dx.
  HWY_INLINE void SumRow(const float* p, int64_t row, int64_t column, float* dx) const {
    const Floats d;
    FloatVector even = hn::Zero(d), odd = hn::Zero(d);
    // Taps i of rows of y: r = row + pad - i * dilation.
    const int64_t top = row + g_.pad_h - (out_height_ - 1), step = g_.dilation_h;
    const int64_t first_i = top <= 0 ? 0 : (top + step - 1) / step;
    const int64_t past_i =
        (row + g_.pad_h) / step + 1 < g_.kernel_h ? (row + g_.pad_h) / step + 1 : g_.kernel_h;
    const int64_t next = (g_.kernel_w * out_height_ - step) * out_width_;  // from tap i to i + 1
    for (int64_t j = 0; j < g_.kernel_w; ++j) {
      // Lane l takes pixel `first` + l of y's row, if there is one.
      const int64_t first = column + g_.pad_w - j * g_.dilation_w;
      if (first <= -kLanes || first >= out_width_) continue;
      const float* from = p + (j * out_height_ + row + g_.pad_h) * out_width_ + first;
      const bool whole = first >= 0 && first + kLanes <= out_width_;
      const auto before = hn::FirstN(d, static_cast<size_t>(first < 0 ? -first : 0));
      const auto inside =
          hn::AndNot(before, hn::FirstN(d, static_cast<size_t>(out_width_ - first)));
      const auto add = [&](int64_t i, FloatVector & sum) HWY_ATTR __attribute__((always_inline)) {
        const FloatVector v = hn::LoadU(d, from + i * next);
        sum = hn::Add(sum, whole ? v : hn::IfThenElseZero(inside, v));
      };
      int64_t i = first_i;
      for (; i + 1 < past_i; i += 2) add(i, even), add(i + 1, odd);
      if (i < past_i) add(i, even);
    }
    const FloatVector sum = hn::Add(even, odd);
    if (column + kLanes <= g_.width) {
      hn::StoreU(sum, d, dx);
    } else {
      StoreFirst(sum, g_.width - column, dx);
    }
  }

  const ConvolutionGeometry& g_;
  const float* p_;
  float* dx_;
  const int64_t out_height_, out_width_;
};

void SumColumns(const ConvolutionGeometry& g, const float* p, float* dx) {
  ColumnSums(g, p, dx).Run();
}

}  // namespace
}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {
namespace {

HWY_EXPORT(SumColumns);

constexpr int64_t kAround = 32;  // floats that are read around p

int64_t Columns(const ConvolutionGeometry& g) {
  return g.channels / g.group * g.kernel_h * g.kernel_w;
}

// Such products side by side.
int64_t Beside(const ConvolutionGeometry& g) { return std::max<int64_t>(1, g.batch * g.group); }

// p of an image: a 1x1 kernel, with an output for each column.
SlidingProduct ColumnsOf(const ConvolutionGeometry& g) {
  const int64_t plane = g.out_height() * g.out_width();
  SlidingProduct p;
  p.images = 1, p.channels = g.outputs / g.group, p.outputs = Columns(g);
  p.w = {.size = plane, .out = plane};
  p.x_image = g.outputs * plane;
  p.y_image = p.outputs * plane, p.y_plane = plane, p.y_row = plane;
  return p;
}

}  // namespace

bool ColumnsPay(const ConvolutionGeometry& g) {
  constexpr int64_t kNear = 262144;  // floats of p that stay in a cache
  const int64_t plane = g.out_height() * g.out_width(), taps = g.kernel_h * g.kernel_w;
  if (g.stride_h != 1 || g.stride_w != 1 || taps == 1 || g.outputs / g.group < 8 ||
      Columns(g) * plane > kNear || plane < 16)
    return false;
  if (g.channels / g.group <= 3) return true;
  // Winograd's algorithm makes x's pixels cheaper.
  const bool square =
      g.kernel_h == g.kernel_w && g.dilation_h == 1 && g.dilation_w == 1 && !g.exact;
  const double cheaper = square && g.kernel_h == 3 ? 3 : square && g.kernel_h == 5 ? 2 : 1.4;
  return static_cast<double>(g.height * g.width) > cheaper * static_cast<double>(plane);
}

int64_t ColumnDataPackedFloats(const ConvolutionGeometry& g) { return g.outputs * Columns(g); }

void ColumnDataPackWeights(Context& context, const ConvolutionGeometry& g, const float* w,
                           float* packed) {
  const SlidingProduct p = ColumnsOf(g);
  const int64_t size = p.outputs * p.channels;
  for (int64_t group = 0; group < g.group; ++group) {
    PackSlidingWeights(context, p, w + group * size,
                       {.output = 1, .channel = p.outputs, .row = 0, .column = 0},
                       packed + group * size);
  }
}

int64_t ColumnDataScratch(const ConvolutionGeometry& g) {
  const SlidingProduct p = ColumnsOf(g);
  return p.y_image + 2 * kAround + SlidingScratch(p, Beside(g));
}

void ColumnBackwardData(Context& context, const ConvolutionGeometry& g, const float* packed,
                        const float* dy, float* dx, WorkerScratch scratch) {
  const SlidingProduct p = ColumnsOf(g);
  const SlidingCut cut = CutSliding(p, Beside(g));
  const float* dy_end = dy + g.batch * p.x_image;
  const int64_t group_dx = g.channels / g.group * g.height * g.width;
  context.ParallelFor(g.batch * g.group, 1, [&](int64_t begin, int64_t end, int worker) {
    const std::span<float> memory = scratch(worker);
    float* columns = memory.data() + kAround;
    const auto rest = memory.subspan(static_cast<size_t>(p.y_image + 2 * kAround));
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t group = piece % g.group;
      const SlidingArrays arrays{.x = dy + piece * p.channels * p.w.size,
                                 .x_end = dy_end,
                                 .packed = packed + group * p.outputs * p.channels,
                                 .y = columns};
      SlidingPieces(p, cut, arrays, 0, cut.pixel_tiles * cut.output_blocks, rest);
      HWY_DYNAMIC_DISPATCH(SumColumns)(g, columns, dx + piece * group_dx);
    }
  });
}

}  // namespace moka
#endif
