// Convolution over any number of axes of space, and the lowering alone. What comes down to two axes
// of space (or one that is not too long) runs through the loops of moka/math.h; the rest is lowered
// tile by tile, so that the memory does not grow with the images. The same bits for any number of
// threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "moka/context.h"
#include "moka/export.h"
#include "moka/math.h"

namespace moka {

// Images x (batch, channels, sizes), weights w (outputs, channels / group, kernels), and y (batch,
// outputs, out sizes). The padded size is at least the reach along each axis.
struct ConvolutionNdGeometry {
  static constexpr int kMaxAxes = 6;  // a Shape has 8, two of them not of space

  struct Axis {
    int64_t size = 1, kernel = 1, stride = 1, pad = 0, dilation = 1;

    int64_t reach() const { return dilation * (kernel - 1) + 1; }
    int64_t out() const { return (size + 2 * pad - reach()) / stride + 1; }
    friend bool operator==(const Axis&, const Axis&) = default;
  };

  int64_t batch = 0, channels = 0, outputs = 0, group = 1;
  int axes = 0;        // of space, at least 1
  bool exact = false;  // as in ConvolutionGeometry
  std::array<Axis, kMaxAxes> axis = {};

  std::span<const Axis> space() const { return {axis.data(), static_cast<size_t>(axes)}; }
  std::span<Axis> space() { return {axis.data(), static_cast<size_t>(axes)}; }
  // Products over the axes of space.
  int64_t in_plane() const {
    int64_t product = 1;
    for (const Axis& a : space()) product *= a.size;
    return product;
  }
  int64_t out_plane() const {
    int64_t product = 1;
    for (const Axis& a : space()) product *= a.out();
    return product;
  }
  int64_t kernel() const {
    int64_t product = 1;
    for (const Axis& a : space()) product *= a.kernel;
    return product;
  }
  friend bool operator==(const ConvolutionNdGeometry&, const ConvolutionNdGeometry&) = default;
};

// As their namesakes of moka/math.h.
MOKA_EXPORT int64_t ConvolutionScratch(const ConvolutionNdGeometry& g);
MOKA_EXPORT int64_t ConvolutionSharedScratch(const ConvolutionNdGeometry& g);
MOKA_EXPORT void ConvolveForward(Context& context, const ConvolutionNdGeometry& g, const float* x,
                                 const float* w, const Epilogue& epilogue, float* y,
                                 WorkerScratch scratch);
MOKA_EXPORT void ConvolveForward(Context& context, const ConvolutionNdGeometry& g, const float* x,
                                 const float* w, const float* bias, float* y,
                                 WorkerScratch scratch);
MOKA_EXPORT void ConvolveBackwardData(Context& context, const ConvolutionNdGeometry& g,
                                      const float* w, const float* dy, float* dx,
                                      WorkerScratch scratch);
MOKA_EXPORT void ConvolveBackwardWeights(Context& context, const ConvolutionNdGeometry& g,
                                         const float* x, const float* dy, float* dw, bool add_dw,
                                         float* db, bool add_db, WorkerScratch scratch,
                                         std::span<float> shared);

MOKA_EXPORT int64_t PackedWeightsFloats(const ConvolutionNdGeometry& g, ConvolutionPass pass);
MOKA_EXPORT void PackWeights(Context& context, const ConvolutionNdGeometry& g, ConvolutionPass pass,
                             const float* w, std::span<float> packed);
MOKA_EXPORT int64_t ConvolutionScratch(const ConvolutionNdGeometry& g, ConvolutionPass pass);
MOKA_EXPORT void ConvolveForward(Context& context, const ConvolutionNdGeometry& g, const float* x,
                                 const PackedWeights& w, const Epilogue& epilogue, float* y,
                                 WorkerScratch scratch);
MOKA_EXPORT void ConvolveBackwardData(Context& context, const ConvolutionNdGeometry& g,
                                      const PackedWeights& w, const float* dy, float* dx,
                                      WorkerScratch scratch);

// columns (batch, channels * kernels, out sizes) = for each channel and place in the kernel, what
// lies under it for each output pixel; zeros in the pad. And back: dx = the sum of all columns that
// an element went to, assigned. `outputs` and `group` do not matter. Each worker needs
// LoweringScratch floats.
MOKA_EXPORT int64_t LoweringScratch(const ConvolutionNdGeometry& g);
MOKA_EXPORT void LowerImages(Context& context, const ConvolutionNdGeometry& g, const float* x,
                             float* columns, WorkerScratch scratch);
MOKA_EXPORT void ScatterColumns(Context& context, const ConvolutionNdGeometry& g,
                                const float* columns, float* dx, WorkerScratch scratch);

}  // namespace moka
