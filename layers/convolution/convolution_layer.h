// The passes of layers that convolve: y = w * x + b.
#pragma once

#include "learned_kernels.h"

namespace moka {

class ConvolutionLayer : public LearnedKernels {
 public:
  using LearnedKernels::LearnedKernels;

  void Forward(ForwardPass& pass) override {
    const float* bias = has_bias() ? pass.param(1).values().data() : nullptr;
    for (int i = 0; i < pass.bottom_count(); ++i) {
      ConvolveForward(pass.context(), convolution(i), pass.bottom(i).data(),
                      Pack(pass, i, ConvolutionPass::kForward), Epilogue{.shift = bias},
                      pass.top(i).data(), [&](int worker) { return Scratch(pass, worker); });
    }
  }

  void Backward(BackwardPass& pass) override {
    const auto scratch = [&](int worker) { return Scratch(pass, worker); };
    const bool wants_w = pass.wants_param(0), wants_bias = has_bias() && pass.wants_param(1);
    float* dw = wants_w ? pass.param_diff(0).data() : nullptr;
    float* db = wants_bias ? pass.param_diff(1).data() : nullptr;
    for (int i = 0; i < pass.bottom_count(); ++i) {
      const float* dy = pass.top_diff(i).data();
      if (wants_w || wants_bias) {
        ConvolveBackwardWeights(pass.context(), convolution(i), pass.bottom(i).data(), dy, dw,
                                i > 0 || (wants_w && pass.adds_param(0)), db,
                                i > 0 || (wants_bias && pass.adds_param(1)), scratch, Shared(pass));
      }
      if (pass.wants_bottom(i)) {
        ConvolveBackwardData(pass.context(), convolution(i),
                             Pack(pass, i, ConvolutionPass::kBackwardData), dy,
                             pass.bottom_diff(i).data(), scratch);
      }
    }
  }
};

}  // namespace moka
