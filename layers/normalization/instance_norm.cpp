// InstanceNorm: y = scale (x - mean) / sqrt(variance + eps) + bias, with mean and variance of each
// channel of each item, in training and in testing. Ulyanov, Vedaldi, Lempitsky, "Instance
// normalization", 2016. Without affine, scale is 1 and bias 0.
// Blobs: scale (C), bias (C), with affine.
#include "grouped_channels.h"
#include "instance_norm.pb.h"
#include "moka/registry.h"

namespace moka {
namespace {

class InstanceNorm final : public Layer {
 public:
  InstanceNorm(const LayerSpec& spec, const InstanceNormParameter& params)
      : Layer(spec), eps_(params.eps()), affine_(params, "instance_norm_param") {}

  static LayerTraits Traits(const LayerSpec&, const InstanceNormParameter&) {
    return GroupedChannels::Traits();
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    affine_.SetUp(spec(), {ChannelsOf(bottom[0])}, setup);
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    const int64_t channels = ChannelsOf(bottom[0]);
    affine_.CheckShape({channels});
    groups_.Reshape(bottom[0], channels, plan);
  }
  void Forward(ForwardPass& pass) override { groups_.Forward(pass, affine_, eps_); }
  void Backward(BackwardPass& pass) override { groups_.Backward(pass, affine_); }

 private:
  static int64_t ChannelsOf(const Shape& x) {
    if (x.axes() >= 2 && x[1] > 0) return x[1];
    throw Error("InstanceNorm needs a bottom with items and channels, but its shape is ", x);
  }

  const float eps_;
  Affine affine_;
  GroupedChannels groups_;
};

}  // namespace

void RegisterInstanceNorm(Registry& registry) {
  registry.Add<InstanceNorm>("InstanceNorm",
                             Field<InstanceNormParameter>{"instance_norm_param", 5032});
}

}  // namespace moka
