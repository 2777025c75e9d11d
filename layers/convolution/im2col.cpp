// Im2col: y[c * K + i][p] = x[c][p * stride + i * dilation - pad], 0 in the pad: what lies under
// each of the K places of a kernel, for each place p that it is moved to; a Convolution is a matrix
// product with that. x is (N, C, space), y (N, C K, space), sizes as a Convolution's, with any
// number of axes of space from 1 to 6. num_output, group and what belongs to weights do not matter.
// Caffe: a kernel larger than the padded input may give an output of size 1 that reads beyond the
// input; here it is refused.
#include "moka/layer.h"
#include "moka/registry.h"
#include "sizes.h"

namespace moka {
namespace {

class Im2col final : public Layer {
 public:
  Im2col(const LayerSpec& spec, const ConvolutionParameter& params) : Layer(spec), sizes_(params) {}

  static LayerTraits Traits(const LayerSpec&, const ConvolutionParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    const int axis = sizes_.ChannelAxis(x);
    g_ = sizes_.Over(x);
    sizes_.CheckFits(g_);
    std::vector<int64_t> y(x.sizes().begin(), x.sizes().begin() + axis);
    y.push_back(Shape{g_.channels, g_.kernel()}.count());
    for (const auto& a : g_.space()) y.push_back(a.out());
    plan.top(0) = Shape(y);
    scratch_ = plan.Scratch<float>(LoweringScratch(g_), true);
  }

  void Forward(ForwardPass& pass) override {
    LowerImages(pass.context(), g_, pass.bottom(0).data(), pass.top(0).data(),
                [&](int worker) { return pass.Get(scratch_, worker); });
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    ScatterColumns(pass.context(), g_, pass.top_diff(0).data(), pass.bottom_diff(0).data(),
                   [&](int worker) { return pass.Get(scratch_, worker); });
  }

 private:
  const ConvolutionSizes sizes_;
  ConvolutionNdGeometry g_;
  Buffer<float> scratch_;
};

}  // namespace

void RegisterIm2col(Registry& registry) {
  registry.Add<Im2col>("Im2col", Field<ConvolutionParameter>{"convolution_param", 106});
}

}  // namespace moka
