// What the layers that convolve with learned kernels have in common: their parameters, their
// shapes, and the memory for the passes. A Deconvolution runs the passes of the convolution that
// has its x and y change places.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "moka/filler.h"
#include "moka/layer.h"
#include "sizes.h"

namespace moka {

class LearnedKernels : public Layer {
 public:
  LearnedKernels(const LayerSpec& spec, const ConvolutionParameter& params)
      : Layer(spec), params_(params), sizes_(params) {
    if (params.has_num_output() && params.num_output() == 0)
      throw Error("num_output is 0; it must be at least 1").At("convolution_param.num_output");
    if (params.group() == 0)
      throw Error("group is 0; it must be at least 1").At("convolution_param.group");
  }

  static LayerTraits Traits(const LayerSpec&, const ConvolutionParameter&) {
    return LayerTraits()
        .Bottoms(1, LayerTraits::kAnyNumber)
        .Tops(1, LayerTraits::kAnyNumber)
        .SameNumberOfTopsAndBottoms()
        .BottomGradientReads(Reads::Nothing())
        .ParamGradientReads(Reads::Bottoms());
  }
  void SetUp(Shapes bottom, Setup& setup) override;
  void Reshape(Shapes bottom, Plan& plan) override;

 protected:
  // The convolution that runs for a bottom, and its num_output. Throws Error.
  struct Problem {
    ConvolutionNdGeometry convolution;
    int64_t outputs = 0;    // channels of the top
    bool mirrored = false;  // the bottom is the convolution's y, the top its x
  };
  virtual Problem For(const Shape& x) const = 0;

  // Throws Error unless num_output is given and divisible by group.
  void CheckOutputs() const;
  // Throws Error unless the input's channels are divisible by group.
  void CheckChannels(int64_t channels) const;

  const ConvolutionNdGeometry& convolution(int i) const {
    return convolutions_[static_cast<size_t>(i)];
  }
  const ConvolutionParameter& params() const { return params_; }
  const ConvolutionSizes& sizes() const { return sizes_; }
  bool has_bias() const { return params_.bias_term(); }
  // The memory of a pass, for the calls of moka/convolution_nd.h.
  std::span<float> Scratch(Pass& pass, int worker) const { return pass.Get(scratch_, worker); }
  std::span<float> Shared(Pass& pass) const { return pass.Get(shared_); }
  // The weights as convolution i reads them in a pass. A net that does not train packs them once.
  PackedWeights Pack(Pass& pass, int i, ConvolutionPass way) const;

 private:
  Problem CheckedFor(const Shape& x) const;

  const ConvolutionParameter params_;
  const ConvolutionSizes sizes_;
  int64_t channels_ = 0;  // what the weights are for, from SetUp on
  int axes_ = 0;
  std::vector<ConvolutionNdGeometry> convolutions_;  // of each bottom
  Buffer<float> scratch_, shared_;

  // Before packed weights that last: what they were made from.
  struct PackedKey {
    uint64_t version, reshapes;
    friend bool operator==(const PackedKey&, const PackedKey&) = default;
  };
  uint64_t reshapes_ = 0;
  ConvolutionPass lasting_way_ = ConvolutionPass::kForward;
  std::vector<Buffer<PackedKey>> keys_;  // of each bottom; none in training
  std::vector<Buffer<float>> packed_;
};

inline void LearnedKernels::CheckOutputs() const {
  if (!params_.has_num_output()) throw Error("num_output is missing").At("convolution_param");
  if (params_.num_output() % params_.group() != 0) {
    throw Error("num_output ", params_.num_output(), " is not divisible by group ", params_.group())
        .At("convolution_param.group");
  }
}

inline void LearnedKernels::CheckChannels(int64_t channels) const {
  if (channels == 0 || channels % params_.group() != 0) {
    throw Error("the input's ", channels, " channels are not divisible by group ", params_.group())
        .At("convolution_param.group");
  }
}

// Refuses what does not fit 63 bits: the largest that is ever counted of an image is its lowering,
// and of the weights, the parts (some dozens) that their gradient is summed in.
inline LearnedKernels::Problem LearnedKernels::CheckedFor(const Shape& x) const {
  Problem problem = For(x);
  problem.convolution.exact = params_.engine() == ConvolutionParameter::EXACT;
  const ConvolutionNdGeometry& g = problem.convolution;
  Shape{g.channels / g.group, g.kernel(), g.out_plane(), 16};
  Shape{g.outputs, g.channels / g.group, g.kernel(), 128};
  return problem;
}

inline void LearnedKernels::SetUp(Shapes bottom, Setup& setup) {
  const Problem problem = CheckedFor(bottom[0]);
  const ConvolutionNdGeometry& g = problem.convolution;
  std::vector<int64_t> weight = {g.outputs, g.channels / g.group};
  for (const auto& axis : g.space()) weight.push_back(axis.kernel);
  const auto add = [&](const char* name, const Shape& shape, const FillerParameter& filler) {
    spec().MakeFiller(filler, shape, std::string("convolution_param.") + name + "_filler");
    setup.AddParam(name, shape, filler);
  };
  add("weight", Shape(weight), params_.weight_filler());
  if (has_bias()) add("bias", {problem.outputs}, params_.bias_filler());
  channels_ = bottom[0][sizes_.ChannelAxis(bottom[0])];
  axes_ = g.axes;
}

inline PackedWeights LearnedKernels::Pack(Pass& pass, int i, ConvolutionPass way) const {
  const float* w = pass.param(0).values().data();
  if (keys_.empty() || way != lasting_way_) {
    PackWeights(pass.context(), convolution(i), way, w, Shared(pass));
    return {w, Shared(pass).data()};
  }
  const std::span<float> packed = pass.Get(packed_[static_cast<size_t>(i)]);
  PackedKey& key = pass.Get(keys_[static_cast<size_t>(i)])[0];
  const PackedKey now{pass.param(0).version(), reshapes_};
  if (key != now) PackWeights(pass.context(), convolution(i), way, w, packed);
  key = now;
  return {w, packed.data()};
}

inline void LearnedKernels::Reshape(Shapes bottom, Plan& plan) {
  convolutions_.clear(), keys_.clear(), packed_.clear();
  ++reshapes_;
  int64_t scratch = 0, shared = 0;
  for (size_t i = 0; i < bottom.size(); ++i) {
    const Shape& x = bottom[i];
    const int axis = sizes_.ChannelAxis(x);
    if (x[axis] != channels_) {
      throw Error("bottom ", i, " has ", x[axis], " channels, but the weights are for ", channels_);
    }
    const int axes = x.axes() - 1 - axis;
    if (axes != axes_) {
      throw Error("bottom ", i, ", ", x, ", has ", axes, axes == 1 ? " axis" : " axes",
                  " of space, but the weights are for ", axes_);
    }
    const Problem problem = CheckedFor(x);
    const ConvolutionNdGeometry& g = problem.convolution;
    std::vector<int64_t> y(x.sizes().begin(), x.sizes().end());
    y[static_cast<size_t>(axis)] = problem.outputs;
    for (int k = 0; k < g.axes; ++k) {
      const auto& along = g.axis[static_cast<size_t>(k)];
      y[static_cast<size_t>(axis + 1 + k)] = problem.mirrored ? along.size : along.out();
    }
    plan.top(static_cast<int>(i)) = Shape(y);
    plan.MultiplyAdds(
        Shape{g.batch, g.outputs, g.out_plane(), g.channels / g.group * g.kernel()}.count());
    for (const auto pass : {ConvolutionPass::kForward, ConvolutionPass::kBackwardData,
                            ConvolutionPass::kBackwardWeights}) {
      scratch = std::max(scratch, ConvolutionScratch(g, pass));
      shared = std::max(shared, PackedWeightsFloats(g, pass));
    }
    shared = std::max(shared, ConvolutionSharedScratch(g));
    convolutions_.push_back(g);
  }
  for (size_t i = 0; !spec().training() && i < bottom.size(); ++i) {
    const ConvolutionNdGeometry& g = convolutions_[i];
    lasting_way_ =
        CheckedFor(bottom[i]).mirrored ? ConvolutionPass::kBackwardData : ConvolutionPass::kForward;
    keys_.push_back(plan.Lasting<PackedKey>(1));
    packed_.push_back(plan.Lasting<float>(PackedWeightsFloats(g, lasting_way_)));
  }
  scratch_ = plan.Scratch<float>(scratch, true);
  shared_ = plan.Scratch<float>(shared);
}

}  // namespace moka
