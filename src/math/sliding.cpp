// Convolutions as sliding products.
#include "math/sliding.h"

#include <algorithm>
#include <numeric>

namespace moka {
namespace {

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }

SlidingAxis ForwardAxis(int64_t size, int64_t out, int64_t kernel, int64_t stride, int64_t pad,
                        int64_t dilation) {
  return {
      .size = size, .out = out, .taps = kernel, .first = -pad, .step = dilation, .stride = stride};
}

// How many taps of an axis begin a phase: those that follow meet the same elements of dx.
int64_t FirstTaps(int64_t kernel, int64_t stride, int64_t dilation) {
  return std::min(kernel, stride / std::gcd(stride, dilation));
}

// dx's elements phase, phase + stride, ... that first_tap meets, and with it every tap_step-th tap.
SlidingAxis PhaseAxis(const SlidingAxis& forward, int64_t first_tap, int64_t& phase,
                      int64_t& tap_step) {
  const int64_t stride = forward.stride, dilation = forward.step, pad = -forward.first;
  tap_step = stride / std::gcd(stride, dilation);
  phase = ((first_tap * dilation - pad) % stride + stride) % stride;
  return {.size = forward.out,
          .out = Ceil(std::max<int64_t>(0, forward.size - phase), stride),
          .taps = Ceil(forward.taps - first_tap, tap_step),
          .first = (phase + pad - first_tap * dilation) / stride,
          .step = -tap_step * dilation / stride};
}

// A 1x1 kernel with stride 1 and no pad sees a plane as one row.
void Flatten(SlidingProduct& p) {
  const auto plain = [](const SlidingAxis& a) {
    return a.taps == 1 && a.stride == 1 && a.first == 0 && a.size == a.out;
  };
  if (!plain(p.h) || !plain(p.w) || p.y_row != p.w.out || p.y_column != 1) return;
  p.w = {.size = p.h.size * p.w.size, .out = p.h.out * p.w.out};
  p.h = {};
  p.y_row = p.w.out;
}

}  // namespace

SlidingProduct SlidingForward(const ConvolutionGeometry& g) {
  SlidingProduct p;
  p.images = g.batch, p.channels = g.channels / g.group, p.outputs = g.outputs / g.group;
  p.h = ForwardAxis(g.height, g.out_height(), g.kernel_h, g.stride_h, g.pad_h, g.dilation_h);
  p.w = ForwardAxis(g.width, g.out_width(), g.kernel_w, g.stride_w, g.pad_w, g.dilation_w);
  p.x_image = g.channels * p.x_plane();
  p.y_plane = p.out_plane(), p.y_image = g.outputs * p.y_plane, p.y_row = p.w.out;
  Flatten(p);
  return p;
}

bool SpreadsHalf(const ConvolutionGeometry& g) {
  return g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 2 && g.stride_w == 2 && g.pad_h == 0 &&
         g.pad_w == 0;
}

int64_t SlidingPhases(const ConvolutionGeometry& g) {
  return FirstTaps(g.kernel_h, g.stride_h, g.dilation_h) *
         FirstTaps(g.kernel_w, g.stride_w, g.dilation_w);
}

SlidingPhase SlidingBackwardData(const ConvolutionGeometry& g, int64_t phase) {
  const int64_t columns = FirstTaps(g.kernel_w, g.stride_w, g.dilation_w);
  SlidingPhase s;
  s.first_tap_h = phase / columns, s.first_tap_w = phase % columns;
  SlidingProduct& p = s.product;
  p.images = g.batch, p.channels = g.outputs / g.group, p.outputs = g.channels / g.group;
  p.h = PhaseAxis(
      ForwardAxis(g.height, g.out_height(), g.kernel_h, g.stride_h, g.pad_h, g.dilation_h),
      s.first_tap_h, s.row, s.tap_step_h);
  p.w =
      PhaseAxis(ForwardAxis(g.width, g.out_width(), g.kernel_w, g.stride_w, g.pad_w, g.dilation_w),
                s.first_tap_w, s.column, s.tap_step_w);
  p.x_image = g.outputs * p.x_plane();
  p.y_plane = g.height * g.width, p.y_image = g.channels * p.y_plane;
  p.y_row = g.stride_h * g.width, p.y_column = g.stride_w;
  if (SpreadsHalf(g)) p.spread_height = g.height, p.spread_width = g.width;
  Flatten(p);
  return s;
}

}  // namespace moka
