// Deconvolution: y = the sum of the kernels, each times an element of x, that are laid down
// `stride` apart, + b: the transposed convolution, whose Forward is the gradient of a Convolution
// for its x. y's size along an axis of space is stride (size - 1) + dilation (kernel - 1) + 1 - 2
// pad. With group = C = num_output, kernel 2 f - f % 2, stride f, pad ceil((f - 1) / 2) and the
// filler "bilinear", it enlarges images f times. Several bottoms share the weights; each has a top.
// Blobs: w (C, num_output / group, kernels), b (num_output).
#include "learned_kernels.h"
#include "moka/elementwise.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Deconvolution final : public LearnedKernels {
 public:
  Deconvolution(const LayerSpec& spec, const ConvolutionParameter& params)
      : LearnedKernels(spec, params) {
    CheckOutputs();
  }

  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  Problem For(const Shape& x) const override;
  void AddBias(ForwardPass& pass, int i) const;
  void BackwardBias(BackwardPass& pass, int i) const;
};

// y's sizes are such that the mirrored convolution's output has just x's.
LearnedKernels::Problem Deconvolution::For(const Shape& x) const {
  ConvolutionNdGeometry g = sizes().Over(x);
  CheckChannels(g.channels);
  g.outputs = g.channels, g.channels = params().num_output(), g.group = params().group();
  double numbers = static_cast<double>(g.channels / g.group);
  for (size_t k = 0; k < static_cast<size_t>(g.axes); ++k) {
    auto& a = g.axis[k];
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
          .At(sizes().PadField(k));
    }
    a.size = size;
  }
  return {g, g.channels, true};
}

void Deconvolution::Forward(ForwardPass& pass) {
  for (int i = 0; i < pass.bottom_count(); ++i) {
    ConvolveBackwardData(pass.context(), convolution(i),
                         Pack(pass, i, ConvolutionPass::kBackwardData), pass.bottom(i).data(),
                         pass.top(i).data(), [&](int worker) { return Scratch(pass, worker); });
    if (has_bias()) AddBias(pass, i);
  }
}

void Deconvolution::AddBias(ForwardPass& pass, int i) const {
  const int64_t channels = convolution(i).channels, plane = convolution(i).in_plane();
  const float* b = pass.param(1).values().data();
  float* y = pass.top(i).data();
  const int64_t strips = (plane + kElementGrain - 1) / kElementGrain;  // of a plane
  const int64_t grain = std::max<int64_t>(1, kElementGrain / plane);
  pass.ParallelFor(convolution(i).batch * channels * strips, grain,
                   [=](int64_t begin, int64_t end) {
                     for (int64_t strip = begin; strip < end; ++strip) {
                       const int64_t which = strip / strips, from = strip % strips * kElementGrain;
                       const int64_t n = std::min(kElementGrain, plane - from);
                       float* row = y + which * plane + from;
                       Vectorised([=, bc = b[which % channels]] {
                         for (int64_t j = 0; j < n; ++j) row[j] += bc;
                       });
                     }
                   });
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
      ConvolveForward(pass.context(), convolution(i), dy, Pack(pass, i, ConvolutionPass::kForward),
                      Epilogue(), pass.bottom_diff(i).data(), scratch);
    }
  }
}

// db = or += the sums of dy.
void Deconvolution::BackwardBias(BackwardPass& pass, int i) const {
  const int64_t batch = convolution(i).batch, channels = convolution(i).channels;
  const auto plane = static_cast<size_t>(convolution(i).in_plane());
  const bool adds = i > 0 || pass.adds_param(1);
  const float* dy = pass.top_diff(i).data();
  float* db = pass.param_diff(1).data();
  pass.ParallelFor(channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = adds ? db[c] : 0;
      for (int64_t n = 0; n < batch; ++n) {
        sum += Sum(pass.context(), {dy + static_cast<size_t>(n * channels + c) * plane, plane});
      }
      db[c] = static_cast<float>(sum);
    }
  });
}

}  // namespace

void RegisterDeconvolution(Registry& registry) {
  registry.Add<Deconvolution>("Deconvolution",
                              Field<ConvolutionParameter>{"convolution_param", 106});
}

}  // namespace moka
