// GroupNorm: y = scale (x - mean) / sqrt(variance + eps) + bias, with mean and variance of each
// group of channels of each item. Wu, He, "Group normalization", ECCV 2018.
// Blobs: scale (C), bias (C), unless affine is false.
#include "group_norm.pb.h"
#include "grouped_channels.h"
#include "moka/registry.h"

namespace moka {
namespace {

class GroupNorm final : public Layer {
 public:
  GroupNorm(const LayerSpec& spec, const GroupNormParameter& params)
      : Layer(spec), params_(params), affine_(params, "group_norm_param") {
    if (!params.has_num_groups()) throw Error("num_groups is missing").At("group_norm_param");
    if (params.num_groups() < 1) {
      throw Error("num_groups is ", params.num_groups(), "; it must be at least 1")
          .At("group_norm_param.num_groups");
    }
  }
  static LayerTraits Traits(const LayerSpec&, const GroupNormParameter&) {
    return GroupedChannels::Traits();
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    Check(bottom[0]);
    affine_.SetUp(spec(), {bottom[0][1]}, setup);
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    Check(bottom[0]);
    affine_.CheckShape({bottom[0][1]});
    groups_.Reshape(bottom[0], params_.num_groups(), plan);
  }
  void Forward(ForwardPass& pass) override { groups_.Forward(pass, affine_, params_.eps()); }
  void Backward(BackwardPass& pass) override { groups_.Backward(pass, affine_); }

 private:
  void Check(const Shape& x) const {
    if (x.axes() < 2) {
      throw Error(
          "GroupNorm needs a bottom of at least 2 axes (items, channels), but its shape is ", x);
    }
    if (x[1] == 0 || x[1] % params_.num_groups() != 0) {
      throw Error("num_groups is ", params_.num_groups(), ", which does not divide the ", x[1],
                  " channels")
          .At("group_norm_param.num_groups");
    }
  }

  const GroupNormParameter params_;
  Affine affine_;
  GroupedChannels groups_;
};

}  // namespace

void RegisterGroupNorm(Registry& registry) {
  registry.Add<GroupNorm>("GroupNorm", Field<GroupNormParameter>{"group_norm_param", 5031});
}

}  // namespace moka
