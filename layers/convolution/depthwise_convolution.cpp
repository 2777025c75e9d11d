// DepthwiseConvolution: the Convolution in which each input channel has kernels of its own, so that
// `group` is the number of input channels. num_output, a multiple of it, is that number as well
// unless it is given.
// Blobs: w (num_output, 1, kernels), b (num_output).
// Caffe: does not have it; forks for MobileNet do, by either of two names.
#include "convolution_layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

class DepthwiseConvolution final : public ConvolutionLayer {
 public:
  using ConvolutionLayer::ConvolutionLayer;

 private:
  Problem For(const Shape& x) const override {
    ConvolutionNdGeometry g = sizes().Over(x);
    if (g.channels == 0) throw Error("the input, ", x, ", has no channels");
    if (params().has_group() && params().group() != g.channels) {
      throw Error("group ", params().group(), " is not the number of input channels, ", g.channels,
                  "; ", spec().type(), " has a group for each (it may be left out)")
          .At("convolution_param.group");
    }
    if (params().num_output() % g.channels != 0) {
      throw Error("num_output ", params().num_output(), " is not a multiple of the input's ",
                  g.channels, " channels")
          .At("convolution_param.num_output");
    }
    g.group = g.channels;
    g.outputs = params().has_num_output() ? params().num_output() : g.channels;
    sizes().CheckFits(g);
    return {g, g.outputs};
  }
};

}  // namespace

void RegisterDepthwiseConvolution(Registry& registry) {
  const Field<ConvolutionParameter> field{"convolution_param", 106};
  registry.Add<DepthwiseConvolution>("DepthwiseConvolution", field);
  registry.Add<DepthwiseConvolution>("ConvolutionDepthwise", field);
}

}  // namespace moka
