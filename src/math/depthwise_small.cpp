// Small planes: tables of rows and columns, forward and back.
#include "math/depthwise_small.h"

#include <algorithm>

#include "math/depthwise.h"

namespace moka {
namespace {

constexpr int64_t kLanes = 16;  // at most

int64_t Count(int64_t size, int64_t grain) {
  return std::max<int64_t>(1, grain / std::max<int64_t>(1, size));
}

// Index of what tap `tap` gives result `at`; negative: nothing.
int64_t Source(const DepthwiseAxis& axis, bool backward, int64_t at, int64_t tap) {
  if (!backward) {
    const int64_t source = at * axis.stride + tap * axis.dilation - axis.pad;
    return source < axis.size ? source : -1;
  }
  const int64_t source = at + axis.pad - tap * axis.dilation;
  return source >= 0 && source % axis.stride == 0 && source / axis.stride < axis.out
             ? source / axis.stride
             : -1;
}

}  // namespace

bool IsSmall(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  // The rows of a plane are all summed in float.
  return kernels.lanes >= 8 && std::max(g.width, g.out_width()) <= kernels.lanes && g.width > 0 &&
         g.height > 0 && std::max(g.height, g.out_height()) <= 64 &&
         std::max(g.kernel_h, g.kernel_w) <= 64;
}

int64_t SmallTables::Floats(const ConvolutionGeometry& g) {
  return WholeLines(2 * std::max(g.height, g.out_height()) * g.kernel_h) + kLanes * g.kernel_w;
}

SmallTables::SmallTables(const ConvolutionGeometry& g, bool backward,
                         const DepthwiseKernels& kernels, Carver& carver) {
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  const int64_t height = backward ? h.size : h.out, width = backward ? w.size : w.out;
  const int64_t x_height = backward ? h.out : h.size, x_width = backward ? w.out : w.size;
  int64_t* from = reinterpret_cast<int64_t*>(carver.Take(2 * height * h.kernel));
  int32_t* picks = reinterpret_cast<int32_t*>(carver.Take(kLanes * w.kernel));
  for (int64_t r = 0; r < height; ++r) {
    for (int64_t i = 0; i < h.kernel; ++i) {
      const int64_t row = Source(h, backward, r, i);
      from[r * h.kernel + i] = row < 0 ? -1 : row * x_width;
    }
  }
  for (int64_t j = 0; j < w.kernel; ++j) {
    for (int64_t q = 0; q < kernels.lanes; ++q) {
      const int64_t column = q < width ? Source(w, backward, q, j) : -1;
      picks[j * kernels.lanes + q] =
          static_cast<int32_t>(column < 0 ? kernels.lanes : column);  // from there on: zeros
    }
  }
  layout_ = {.height = height,
             .width = width,
             .plane = x_height * x_width,
             .kernel_h = h.kernel,
             .kernel_w = w.kernel,
             .from = from,
             .picks = picks,
             .dense = h.stride == 1 && h.dilation == 1 && h.kernel == w.kernel,
             .mirrored = backward,
             .above = backward ? h.kernel - 1 - h.pad : h.pad,
             .x_height = x_height,
             .x_width = x_width};
}

int64_t SmallReadable(int64_t size, int64_t first, int64_t last, int64_t planes) {
  return std::clamp(planes - (kLanes + size - 1) / size, first, last);
}

int64_t SmallRowsScratch(const ConvolutionGeometry& g) {
  return Carver::kAlignment + SmallTables::Floats(g) + kLanes +
         WholeLines(
             std::max(g.height * g.width, g.outputs / g.group * g.out_height() * g.out_width()));
}

void SmallRowsPass(Context& context, const ConvolutionGeometry& g, bool backward,
                   const DepthwiseKernels& kernels, const float* x, const float* w,
                   const float* bias, float* y, WorkerScratch scratch) {
  const int64_t multiplier = g.outputs / g.group, taps = multiplier * g.kernel_h * g.kernel_w;
  const int64_t in_plane = g.height * g.width, out_plane = g.out_height() * g.out_width();
  // Floats of what belongs to one channel of an image.
  const int64_t from = backward ? multiplier * out_plane : in_plane,
                to = backward ? in_plane : multiplier * out_plane;
  const int64_t planes = g.batch * g.group;
  context.ParallelFor(planes, Count(to, 32768), [&](int64_t begin, int64_t end, int worker) {
    Carver carver(scratch(worker));
    const SmallTables tables(g, backward, kernels, carver);
    float* copy = carver.Take(from + kLanes);
    for (int64_t first = begin, last; first < end; first = last) {
      const int64_t channel = first % g.group;
      last = SmallReadable(from, first, std::min(end, first + g.group - channel), planes);
      const float* source = x + first * from;
      if (last == first) {
        std::copy_n(source, from, copy);
        source = copy, last = first + 1;
      }
      kernels.small_rows(tables.layout(),
                         {.planes = (last - first) * (backward ? 1 : multiplier),
                          .inputs = backward ? multiplier : 1,
                          .outputs = backward ? 1 : multiplier,
                          .x = source,
                          .weights = w + channel * taps,
                          .start = bias != nullptr ? bias + channel * multiplier : nullptr,
                          .y = y + first * to,
                          .room = (end - first) * to});
    }
  });
}

}  // namespace moka
