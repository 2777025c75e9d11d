// Normalization of each group of channels of an item: y = scale (x - mean) / sqrt(variance + eps) +
// bias, with mean and variance over the group's channels and places, scale and bias (C). Here are
// GroupNorm and, as groups of one channel, InstanceNorm.
#pragma once

#include <string>

#include "affine.h"

namespace moka {

class GroupedChannels final {
 public:
  // Backward reads x. A group is read before any of it is written.
  static LayerTraits Traits() { return GradientFromBottom().ParamGradientReads(Reads::Bottom(0)); }

  // x (N, C, ...) in `groups` groups.
  void Reshape(const Shape& x, int64_t groups, Plan& plan) {
    channels_ = x[1];
    in_group_ = channels_ / groups;
    rows_ = Channels(1, x[0] * x[1], x.count_from(2));
    m_ = in_group_ * rows_.each();
    rows_.PlanSums(plan, in_group_);
    normals_ = plan.Saved<Normal>(x[0] * groups);
    gradients_ = plan.Scratch<Sums>(x[0] * x[1]);
    plan.top(0) = x;
  }
  void Forward(ForwardPass& pass, const Affine& affine, double eps);
  void Backward(BackwardPass& pass, const Affine& affine);

 private:
  // The sums of a group's channels, each times the channel's factor.
  Sums OfGroup(const Sums* sums, int64_t group, Channels::Block block, const float* scale) const {
    Sums all;
    for (int64_t r = group * in_group_; r < (group + 1) * in_group_; ++r) {
      const double s = scale ? scale[r % channels_] : 1;
      const Sums& row = sums[r - block.first];
      all = all + Sums{s * row.first, s * row.second};
    }
    return all;
  }
  void BackwardOfBlock(BackwardPass& pass, const Affine& affine, Channels::Block block);

  int64_t channels_ = 0, in_group_ = 1;
  int64_t m_ = 0;           // numbers in a group
  Channels rows_;           // (1, N C, places)
  Buffer<Normal> normals_;  // of each group
  Buffer<Sums> gradients_;  // of the bias and the scale, by item and channel
};

inline void GroupedChannels::Forward(ForwardPass& pass, const Affine& affine, double eps) {
  const float *x = pass.bottom(0).data(), *scale = affine.scale(pass), *bias = affine.bias(pass);
  float* y = pass.top(0).data();
  Normal* normals = pass.Get(normals_).data();
  const int64_t in_group = in_group_, channels = channels_, m = m_;
  rows_.ForEachBlock(pass, [&](Channels::Block block) {
    const Sums* sums = rows_.Sum(pass, block, [=](int64_t r) {
      return [=, near = x[r / in_group * m]](int64_t i) { return Deviation(x[i], near); };
    });
    for (int64_t g = block.first / in_group; g * in_group < block.last; ++g) {
      const Moments of = MomentsOf(OfGroup(sums, g, block, nullptr), x[g * m], m);
      normals[g] = {of.mean, 1 / std::sqrt(of.variance + eps)};
    }
    rows_.ForEach(pass, block, [=](int64_t r) {
      const int64_t c = r % channels;
      const Line line(normals[r / in_group], scale ? scale[c] : 1, bias ? bias[c] : 0);
      return [=](int64_t i) { y[i] = line(x[i]); };
    });
  });
}

inline void GroupedChannels::BackwardOfBlock(BackwardPass& pass, const Affine& affine,
                                             Channels::Block block) {
  const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
  const float* scale = affine.scale(pass);
  const Normal* normals = pass.Get(normals_).data();
  const int64_t in_group = in_group_, channels = channels_, m = m_;
  Sums* sums = rows_.Sum(pass, block, [=](int64_t r) {
    return [=, mean = normals[r / in_group].mean](int64_t i) {
      return Sums{dy[i], dy[i] * (x[i] - mean)};
    };
  });
  Sums* gradients = pass.Get(gradients_).data();
  for (int64_t r = block.first; r < block.last; ++r) {
    const Sums& row = sums[r - block.first];
    gradients[r] = {row.first, row.second * normals[r / in_group].inverse};
  }
  if (!pass.wants_bottom(0)) return;
  for (int64_t g = block.first / in_group; g * in_group < block.last; ++g) {
    sums[g * in_group - block.first] = OfGroup(sums, g, block, scale);
  }
  float* dx = pass.bottom_diff(0).data();
  rows_.ForEach(pass, block, [=](int64_t r) {
    const int64_t g = r / in_group;
    const NormalGradient gradient(normals[g], sums[g * in_group - block.first], m);
    const float factor = scale ? scale[r % channels] : 1;
    return [=](int64_t i) { dx[i] = gradient(x[i], factor * dy[i]); };
  });
}

// Over a group, as NormalGradient says, with g = scale dy. dscale, dbias: summed over the items.
inline void GroupedChannels::Backward(BackwardPass& pass, const Affine& affine) {
  const bool wants_params = affine.wants_gradient(pass);
  if (!wants_params && !pass.wants_bottom(0)) return;
  rows_.ForEachBlock(pass, [&](Channels::Block block) { BackwardOfBlock(pass, affine, block); });
  if (!wants_params) return;
  const Sums* gradients = pass.Get(gradients_).data();
  const int64_t rows = rows_.empty() ? 0 : rows_.channels();
  for (int64_t c = 0; c < channels_; ++c) {
    Sums all;
    for (int64_t r = c; r < rows; r += channels_) all = all + gradients[r];
    affine.AddGradient(pass, c, all);
  }
}

}  // namespace moka
