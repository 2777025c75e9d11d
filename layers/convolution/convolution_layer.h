// The passes of layers that convolve: y = w * x + b. With one bottom, Forward does the steps of the
// layers behind as well.
#pragma once

#include "learned_kernels.h"
#include "moka/fusion.h"

namespace moka {

class ConvolutionLayer : public LearnedKernels, public StepTaker, public StridedForward {
 public:
  using LearnedKernels::LearnedKernels;

  void Reshape(Shapes bottom, Plan& plan) override {
    LearnedKernels::Reshape(bottom, plan);
    lines_ = plan.Scratch<double>(EpilogueDoubles(convolution(0).outputs));
  }

  void Forward(ForwardPass& pass) override { ForwardStrided(pass, 0); }
  void ForwardStrided(ForwardPass& pass, int64_t stride) const override {
    const float* bias = has_bias() ? pass.param(1).values().data() : nullptr;
    Epilogue epilogue = MakeEpilogue(pass, bias, convolution(0).outputs, convolution(0).out_plane(),
                                     pass.Get(lines_));
    epilogue.y_image_stride = stride;
    for (int i = 0; i < pass.bottom_count(); ++i) {
      ConvolveForward(pass.context(), convolution(i), pass.bottom(i).data(),
                      Pack(pass, i, ConvolutionPass::kForward), epilogue, pass.top(i).data(),
                      [&](int worker) { return Scratch(pass, worker); });
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

  const void* Interface(const char* name, int version) const override {
    if (spec().bottom_count() > 1) return nullptr;
    const void* strided =  // where items are images
        params().axis() == 1 ? IfAsked<StridedForward>(this, name, version) : nullptr;
    return strided ? strided : IfAsked<StepTaker>(this, name, version);
  }
  int TakesInForward(Steps steps) const override {
    return EpilogueSteps(steps, convolution(0).outputs, convolution(0).out_plane(), true);
  }

 private:
  Buffer<double> lines_;
};

}  // namespace moka
