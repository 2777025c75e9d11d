// Deconvolution: y = the sum of the kernels, each times an element of x, that are laid down
// `stride` apart, + b: the transposed convolution, whose Forward is the gradient of a Convolution
// for its x. y's size along an axis of space is stride (size - 1) + dilation (kernel - 1) + 1 - 2
// pad. With group = C = num_output, kernel 2 f - f % 2, stride f, pad ceil((f - 1) / 2) and the
// filler "bilinear", it enlarges images f times. Several bottoms share the weights and give a top
// each. Blobs: w (C, num_output / group, kernels), b (num_output).
#include "../normalization/spanned_axes.h"
#include "learned_kernels.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Deconvolution final : public LearnedKernels {
 public:
  Deconvolution(const LayerSpec& spec, const ConvolutionParameter& params)
      : LearnedKernels(spec, params) {
    CheckOutputs();
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    LearnedKernels::Reshape(bottom, plan);
    y_.clear();
    for (int i = 0; i < static_cast<int>(bottom.size()); ++i) {
      const ConvolutionNdGeometry& g = convolution(i);
      y_.emplace_back(g.batch, g.channels, g.in_plane());
      y_.back().PlanSums(plan);
    }
  }
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  Problem For(const Shape& x) const override;
  void BackwardBias(BackwardPass& pass, int i) const;

  std::vector<Channels> y_;  // each top by channel
};

// y's sizes are such that the mirrored convolution's output has just x's.
LearnedKernels::Problem Deconvolution::For(const Shape& x) const {
  ConvolutionNdGeometry g = sizes().Over(x);
  CheckChannels(g.channels);
  g.outputs = g.channels, g.channels = params().num_output(), g.group = params().group();
  double numbers = static_cast<double>(g.channels / g.group);
  for (auto& a : g.space()) {
    if (a.size == 0) throw Error("the input, ", x, ", has no pixels");
    const double padded = static_cast<double>(a.stride) * static_cast<double>(a.size - 1) +
                          static_cast<double>(a.reach());
    numbers *= padded;
    if (numbers > 0x1p40) {
      throw Error("the output of ", x, " with stride ", a.stride, ", kernel ", a.kernel,
                  " and dilation ", a.dilation, " is too large: more than 2^40 numbers")
          .At("convolution_param");
    }
    const int64_t full = a.stride * (a.size - 1) + a.reach(), size = full - 2 * a.pad;
    if (size < 1) {
      throw Error("pad ", a.pad, " leaves nothing of the output, ", full, " - 2 * ", a.pad, " = ",
                  size)
          .At(sizes().PadField(g));
    }
    a.size = size;
  }
  return {g, g.channels, true};
}

void Deconvolution::Forward(ForwardPass& pass) {
  const float* w = pass.param(0).values().data();
  for (int i = 0; i < pass.bottom_count(); ++i) {
    float* y = pass.top(i).data();
    ConvolveBackwardData(pass.context(), convolution(i), w, pass.bottom(i).data(), y,
                         [&](int worker) { return Scratch(pass, worker); });
    if (!has_bias()) continue;
    const float* b = pass.param(1).values().data();
    y_[static_cast<size_t>(i)].ForAll(
        pass, [=](int64_t c) { return [=, bc = b[c]](int64_t j) { y[j] += bc; }; });
  }
}

void Deconvolution::Backward(BackwardPass& pass) {
  const auto scratch = [&](int worker) { return Scratch(pass, worker); };
  for (int i = 0; i < pass.bottom_count(); ++i) {
    const float* dy = pass.top_diff(i).data();
    if (pass.wants_param(0)) {
      ConvolveBackwardWeights(pass.context(), convolution(i), dy, pass.bottom(i).data(),
                              pass.param_diff(0).data(), i > 0 || pass.adds_param(0), nullptr,
                              false, scratch, Shared(pass));
    }
    if (has_bias() && pass.wants_param(1)) BackwardBias(pass, i);
    if (pass.wants_bottom(i)) {
      ConvolveForward(pass.context(), convolution(i), dy, pass.param(0).values().data(), nullptr,
                      pass.bottom_diff(i).data(), scratch);
    }
  }
}

// db = or += the sums of dy.
void Deconvolution::BackwardBias(BackwardPass& pass, int i) const {
  const bool adds = i > 0 || pass.adds_param(1);
  const Channels& view = y_[static_cast<size_t>(i)];
  const float* dy = pass.top_diff(i).data();
  Tensor& db = pass.param_diff(1);
  if (view.empty()) return ClearUnless(adds, &db);
  const auto terms = [=](int64_t) { return [=](int64_t j) { return Sums{dy[j], 0}; }; };
  view.ForEachBlock(pass, [&](Channels::Block block) {
    AddGradients(adds, view.Sum(pass, block, terms), &Sums::first, block.count(),
                 db.data() + block.first);
  });
}

}  // namespace

void RegisterDeconvolution(Registry& registry) {
  registry.Add<Deconvolution>("Deconvolution",
                              Field<ConvolutionParameter>{"convolution_param", 106});
}

}  // namespace moka
