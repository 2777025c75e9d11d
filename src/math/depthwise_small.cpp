// The tables of copies of small planes.
#include "math/depthwise_small.h"

#include <algorithm>
#include <cstring>

namespace moka {
namespace {

constexpr int64_t kMostFloats = 1024;   // of a plane
constexpr int64_t kMostCopies = 16384;  // floats of all copies

}  // namespace

SmallLayout SmallInput(const ConvolutionGeometry& g) {
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  return {g.height,   g.width, h.out + h.reach(), w.out, w.stride,
          w.dilation, w.pad,   w.kernel,          h,     h.pad};
}

SmallLayout SmallOutput(const ConvolutionGeometry& g) {
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  const int64_t rows = (h.pad + h.size - 1) / h.stride - h.pad / h.stride + 1;
  const int64_t columns = (w.pad + w.size - 1) / w.stride - w.pad / w.stride + 1;
  return {h.out,
          w.out,
          rows + h.reach(),
          columns,
          1,
          -1,
          -(w.pad / w.stride),
          w.reach() + 1,
          {h.out, rows, 1, 1, 0, 1},
          h.reach() - h.pad / h.stride};
}

bool IsSmall(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  const int64_t out_height = g.out_height(), out_width = g.out_width();
  return std::max(g.width, out_width) <= kernels.lanes &&
         std::max(g.height, out_height) <= kMostFloats &&
         std::max(g.height * g.width, out_height * out_width) <= kMostFloats &&
         std::max(g.kernel_h, g.kernel_w) <= 64 && SmallInput(g).floats() <= kMostCopies;
}

bool IsSmallBackward(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  if (!IsSmall(g, kernels) || g.outputs / g.group > 64 ||
      g.outputs / g.group * SmallOutput(g).floats() > kMostCopies)
    return false;
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  if (SmallOutput(g).row_width > kernels.lanes) return false;
  return (h.stride == 1 && w.stride == 1) ||
         (h.stride == 2 && w.stride == 2 && h.phases == 2 && w.phases == 2);
}

void FillSmallOffsets(const ConvolutionGeometry& g, const SmallLayout& layout, int64_t* offsets) {
  const DepthwiseAxis h = HeightOf(g);
  for (int64_t i = 0; i < g.kernel_h; ++i) {
    for (int64_t j = 0; j < g.kernel_w; ++j) {
      *offsets++ = (i % h.period * g.kernel_w + j) * layout.copy() + layout.lead() +
                   h.Shift(i) * layout.row_width;
    }
  }
}

int64_t SmallCopies::Floats(const SmallLayout& t) {
  const int64_t masks =
      t.shifts() ? (t.height * t.width + 15) / 4 * t.variants * 16 : t.variants * 16;
  return WholeLines(2 * t.variants) + WholeLines(2 * t.height) + WholeLines(masks) +
         WholeLines(16 * t.variants) + WholeLines(t.height * t.width + 128);
}

SmallCopies::SmallCopies(const SmallLayout& layout, const DepthwiseKernels& kernels, Carver& carver)
    : layout_(layout),
      size_(layout.height * layout.width),
      kernels_(kernels),
      lead_(layout.lead()),
      shifts_planes_(layout.shifts()) {
  const SmallLayout& t = layout_;
  const int64_t lanes = kernels.lanes;
  shifts_ = reinterpret_cast<int64_t*>(carver.Take(2 * t.variants));
  to_ = reinterpret_cast<int64_t*>(carver.Take(2 * t.height));
  picks_ = reinterpret_cast<int32_t*>(carver.Take(16 * t.variants));
  copies_ = {.planes = 1,
             .x_step = size_,
             .tile_step = t.floats(),
             .count = t.variants,
             .step = t.copy(),
             .vectors = 0,
             .shifts = shifts_,
             .masks = nullptr,
             .rows = t.height,
             .width = t.width,
             .to = to_,
             .picks = picks_};
  int64_t floats = t.width;  // that masks are for
  if (t.shifts()) {
    first_row_ = std::max<int64_t>(0, -t.row_pad);
    to_row_ = first_row_ + t.row_pad;
    floats = std::max<int64_t>(0, std::min(t.height - first_row_, t.rows - to_row_) * t.width);
    copies_.vectors = (floats + lanes - 1) / lanes;
    for (int64_t j = 0; j < t.variants; ++j) {
      const int64_t shift = j * t.dilation - t.pad;
      shifts_[j] = shift > -t.width && shift < t.width ? shift : 0;  // otherwise all masked
    }
    before_ = 16, after_ = 48;
  } else {
    std::fill_n(to_, t.height, -1);
    for (int64_t i = 0; i < t.h.phases; ++i) {
      for (int64_t row = 0; row < t.rows; ++row) {
        const int64_t h = row * t.h.stride + t.h.Phase(i) - t.row_pad;
        if (h >= 0 && h < t.height) to_[h] = i * t.variants * t.copy() + row * t.row_width;
      }
    }
    for (int64_t j = 0; j < t.variants; ++j) {
      for (int64_t q = 0; q < lanes; ++q) {
        const int64_t c = q * t.stride + j * t.dilation - t.pad;
        picks_[j * lanes + q] = static_cast<int32_t>(std::clamp<int64_t>(c, 0, lanes - 1));
      }
    }
    before_ = 0, after_ = 16;
  }
  masks_ = reinterpret_cast<int32_t*>(
      carver.Take(t.variants * 16 * std::max<int64_t>(1, copies_.vectors)));
  copies_.masks = masks_;
  FillMasks(floats);
  plane_ = carver.Take(t.height * t.width + 128);
  std::fill_n(plane_, t.height * t.width + 128, 0.0f);
}

void SmallCopies::FillMasks(int64_t floats) {
  const SmallLayout& t = layout_;
  const int64_t lanes = kernels_.lanes, vectors = t.shifts() ? copies_.vectors : 1;
  const int64_t width = t.row_width;
  int64_t first = 0;  // column of a vector's first lane
  for (int64_t v = 0; v < vectors; ++v) {
    for (int64_t j = 0; j < t.variants; ++j) {
      int32_t* mask = masks_ + (v * t.variants + j) * lanes;
      int64_t q = first, c = q * t.stride + j * t.dilation - t.pad;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const bool inside = t.shifts() ? v * lanes + lane < floats : lane < width;
        mask[lane] = inside && c >= 0 && c < t.width ? -1 : 0;
        ++q, c += t.stride;
        if (q == width) q = 0, c -= width * t.stride;
      }
    }
    first = (first + lanes) % width;
  }
}

void SmallCopies::Make(const float* x, int64_t planes, int64_t first, int64_t last, float* tiles) {
  // The vectors that are read of a plane reach beyond it, into its neighbours if it has them.
  if (first * size_ >= before_ && (planes - last) * size_ >= after_)
    return Run(x + first * size_, last - first, tiles);
  for (int64_t i = first; i < last; ++i, tiles += copies_.tile_step) {
    const float* plane = x + i * size_;
    if (i * size_ < before_ || (planes - i - 1) * size_ < after_) {
      std::memcpy(plane_ + 16, plane, static_cast<size_t>(size_) * sizeof(float));
      plane = plane_ + 16;
    }
    Run(plane, 1, tiles);
  }
}

void SmallCopies::Run(const float* x, int64_t planes, float* tiles) {
  copies_.planes = planes;
  if (shifts_planes_) {
    kernels_.shift(copies_, x + first_row_ * layout_.width,
                   tiles + lead_ + to_row_ * layout_.width);
  } else {
    kernels_.pick(copies_, x, tiles);
  }
}

}  // namespace moka
