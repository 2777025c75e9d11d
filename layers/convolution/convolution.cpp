// Convolution: y[o][p] = sum over c, i of w[o][c][i] x[c][p * stride + i * dilation - pad], + b[o].
// x is (N, C, space), with any number of axes of space from 1 to 6; all axes before that of the
// channels (`axis`) are batch. y's size along an axis of space is floor((size + 2 pad - dilation
// (kernel - 1) - 1) / stride) + 1. With `group`, each group of output channels sees only its group
// of input channels. Several bottoms share the weights and give a top each.
// Blobs: w (num_output, C / group, kernels), b (num_output).
// Caffe: a kernel larger than the padded input may give an output of size 1 that reads beyond the
// input; here it is refused.
#include "convolution_layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Convolution final : public ConvolutionLayer {
 public:
  Convolution(const LayerSpec& spec, const ConvolutionParameter& params)
      : ConvolutionLayer(spec, params) {
    CheckOutputs();
  }

 private:
  Problem For(const Shape& x) const override {
    ConvolutionNdGeometry g = sizes().Over(x);
    CheckChannels(g.channels);
    g.outputs = params().num_output(), g.group = params().group();
    sizes().CheckFits(g);
    return {g, g.outputs};
  }
};

}  // namespace

void RegisterConvolution(Registry& registry) {
  registry.Add<Convolution>("Convolution", Field<ConvolutionParameter>{"convolution_param", 106});
}

}  // namespace moka
