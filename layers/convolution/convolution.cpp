// Convolution: y = w * x + b over images x (N, C, H, W); w (num_output, C / group, kernel_h,
// kernel_w), b (num_output).
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "convolution.pb.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace moka {
namespace {

// A size along both axes, as the file gives it: `kernel_size` once or twice, or `kernel_h` and
// `kernel_w`.
struct Sizes {
  std::string name, by_axis;  // "kernel_size", "kernel"
  const google::protobuf::RepeatedField<uint32_t>& values;
  bool has_h, has_w;
  uint32_t h, w;
};
struct Pair {
  int64_t h, w;
};

// `otherwise`: the value if the file gives none. Values below `least` are refused.
Pair Read(const Sizes& sizes, int64_t otherwise, int64_t least) {
  constexpr int64_t kMost = 1 << 30;  // so that the product of two fits
  const std::string whole = "convolution_param." + sizes.name,
                    by_axis = "convolution_param." + sizes.by_axis;
  if (sizes.values.empty() && !sizes.has_h && !sizes.has_w) return {otherwise, otherwise};
  if (!sizes.values.empty() && (sizes.has_h || sizes.has_w)) {
    const char* axis = sizes.has_h ? "_h" : "_w";
    throw Error(sizes.name, " and ", sizes.by_axis, axis, " are both given").At(by_axis + axis);
  }
  if (sizes.values.size() > 2) {
    throw Error(sizes.name, " has ", sizes.values.size(), " values; height and width make 2")
        .At(whole);
  }
  if (sizes.values.empty() && least > 0 && sizes.has_h != sizes.has_w) {
    const char *given = sizes.has_h ? "_h" : "_w", *missing = sizes.has_h ? "_w" : "_h";
    throw Error(sizes.by_axis, missing, " is missing, as ", sizes.by_axis, given, " is given")
        .At(by_axis + given);
  }
  const auto check = [&](int64_t value, const char* axis) {
    const std::string name = sizes.values.empty() ? sizes.by_axis + axis : sizes.name;
    if (value < least)
      throw Error(name, " is ", value, "; it must be at least ", least)
          .At("convolution_param." + name);
    if (value > kMost)
      throw Error(name, " ", value, " is too large").At("convolution_param." + name);
    return value;
  };
  if (sizes.values.empty()) return {check(sizes.h, "_h"), check(sizes.w, "_w")};
  return {check(sizes.values[0], "_h"), check(sizes.values[sizes.values.size() - 1], "_w")};
}

// Tiles are copied with their pad, and with dilation a tile can span all of the image.
void CheckPadded(const ConvolutionGeometry& g, const std::string& field) {
  const int64_t channels = g.channels / g.group;
  const double height = static_cast<double>(g.height) + 2 * static_cast<double>(g.pad_h),
               width = static_cast<double>(g.width) + 2 * static_cast<double>(g.pad_w);
  if (static_cast<double>(channels) * height * width <= 0x1p40) return;
  throw Error("pad ", g.pad_h, "x", g.pad_w, " around ", channels, "x", g.height, "x", g.width,
              " is too large: more than 2^40 numbers")
      .At("convolution_param." + field);
}

class Convolution final : public Layer {
 public:
  Convolution(const LayerSpec& spec, const ConvolutionParameter& params);

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
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  ConvolutionGeometry Geometry(const Shape& x) const;

  const ConvolutionParameter params_;
  ConvolutionGeometry common_;                   // without what comes from a bottom
  std::vector<ConvolutionGeometry> geometries_;  // of each bottom
  Buffer<float> scratch_, shared_;
};

Convolution::Convolution(const LayerSpec& spec, const ConvolutionParameter& params)
    : Layer(spec), params_(params) {
  const auto& p = params_;
  if (!p.has_num_output()) throw Error("num_output is missing").At("convolution_param");
  if (p.num_output() == 0)
    throw Error("num_output is 0; it must be at least 1").At("convolution_param.num_output");
  if (p.group() == 0)
    throw Error("group is 0; it must be at least 1").At("convolution_param.group");
  if (p.num_output() % p.group() != 0) {
    throw Error("num_output ", p.num_output(), " is not divisible by group ", p.group())
        .At("convolution_param.group");
  }
  if (p.axis() != 1 && p.axis() != -3) {
    throw Error("axis ", p.axis(),
                " is not supported; the channels must lie on axis 1 of N x C x H x W")
        .At("convolution_param.axis");
  }
  if (p.kernel_size().empty() && !p.has_kernel_h() && !p.has_kernel_w()) {
    throw Error("kernel_size is missing (or kernel_h and kernel_w)").At("convolution_param");
  }
  const Pair kernel = Read({"kernel_size", "kernel", p.kernel_size(), p.has_kernel_h(),
                            p.has_kernel_w(), p.kernel_h(), p.kernel_w()},
                           0, 1);
  const Pair stride = Read({"stride", "stride", p.stride(), p.has_stride_h(), p.has_stride_w(),
                            p.stride_h(), p.stride_w()},
                           1, 1);
  const Pair pad =
      Read({"pad", "pad", p.pad(), p.has_pad_h(), p.has_pad_w(), p.pad_h(), p.pad_w()}, 0, 0);
  const Pair dilation = Read({"dilation", "dilation", p.dilation(), false, false, 0, 0}, 1, 1);
  common_ = {.outputs = p.num_output(),
             .group = p.group(),
             .kernel_h = kernel.h,
             .kernel_w = kernel.w,
             .stride_h = stride.h,
             .stride_w = stride.w,
             .pad_h = pad.h,
             .pad_w = pad.w,
             .dilation_h = dilation.h,
             .dilation_w = dilation.w};
}

ConvolutionGeometry Convolution::Geometry(const Shape& x) const {
  if (x.axes() != 4) {
    throw Error("expects images N x C x H x W (4 axes), not ", x,
                "; convolution over 1 or 3 axes of space is still to come");
  }
  ConvolutionGeometry g = common_;
  g.batch = x[0], g.channels = x[1], g.height = x[2], g.width = x[3];
  if (g.channels == 0 || g.channels % g.group != 0) {
    throw Error("the input's ", g.channels, " channels are not divisible by group ", g.group)
        .At("convolution_param.group");
  }
  if (g.pad_h > 0 || g.pad_w > 0) {
    CheckPadded(g, !params_.pad().empty() ? "pad" : g.pad_h > 0 ? "pad_h" : "pad_w");
  }
  const auto check = [&](const char* by_axis, int64_t kernel, int64_t dilation, int64_t padded) {
    const int64_t reach = dilation * (kernel - 1) + 1;
    if (reach <= padded) return;
    const std::string name = params_.kernel_size().empty() ? by_axis : "kernel_size";
    std::ostringstream text;
    text << name << " " << kernel;
    if (dilation > 1) text << ", over " << reach << " pixels with dilation " << dilation << ",";
    throw Error(text.str(), " is larger than the padded input, ", padded)
        .At("convolution_param." + name);
  };
  check("kernel_h", g.kernel_h, g.dilation_h, g.height + 2 * g.pad_h);
  check("kernel_w", g.kernel_w, g.dilation_w, g.width + 2 * g.pad_w);
  // Refuse what does not fit 63 bits: the largest that is ever counted of an image is its lowering,
  // and of the weights, the parts (some dozens) that their gradient is summed in.
  Shape{g.channels / g.group, g.kernel_h, g.kernel_w, g.out_height(), g.out_width(), 16};
  Shape{g.outputs, g.channels / g.group, g.kernel_h, g.kernel_w, 128};
  return g;
}

void Convolution::SetUp(Shapes bottom, Setup& setup) {
  const ConvolutionGeometry g = Geometry(bottom[0]);
  const auto add = [&](const char* name, const Shape& shape, const FillerParameter& filler) {
    spec().MakeFiller(filler, shape, std::string("convolution_param.") + name + "_filler");
    setup.AddParam(name, shape, filler);
  };
  add("weight", {g.outputs, g.channels / g.group, g.kernel_h, g.kernel_w}, params_.weight_filler());
  if (params_.bias_term()) add("bias", {g.outputs}, params_.bias_filler());
  common_.channels = g.channels;
}

void Convolution::Reshape(Shapes bottom, Plan& plan) {
  geometries_.clear();
  int64_t scratch = 0, shared = 0;
  for (size_t i = 0; i < bottom.size(); ++i) {
    const ConvolutionGeometry g = Geometry(bottom[i]);
    if (g.channels != common_.channels) {
      throw Error("bottom ", i, " has ", g.channels, " channels, but the weights are for ",
                  common_.channels);
    }
    plan.top(static_cast<int>(i)) = {g.batch, g.outputs, g.out_height(), g.out_width()};
    const int64_t depth = g.channels / g.group * g.kernel_h * g.kernel_w;
    plan.MultiplyAdds(Shape{g.batch, g.outputs, g.out_height(), g.out_width(), depth}.count());
    scratch = std::max(scratch, ConvolutionScratch(g));
    shared = std::max(shared, ConvolutionSharedScratch(g));
    geometries_.push_back(g);
  }
  scratch_ = plan.Scratch<float>(scratch, true);
  shared_ = plan.Scratch<float>(shared);
}

void Convolution::Forward(ForwardPass& pass) {
  const float* w = pass.param(0).values().data();
  const float* bias = params_.bias_term() ? pass.param(1).values().data() : nullptr;
  for (int i = 0; i < pass.bottom_count(); ++i) {
    ConvolveForward(pass.context(), geometries_[static_cast<size_t>(i)], pass.bottom(i).data(), w,
                    bias, pass.top(i).data(),
                    [&](int worker) { return pass.Get(scratch_, worker); });
  }
}

void Convolution::Backward(BackwardPass& pass) {
  const auto scratch = [&](int worker) { return pass.Get(scratch_, worker); };
  const bool wants_w = pass.wants_param(0), wants_bias = params_.bias_term() && pass.wants_param(1);
  float* dw = wants_w ? pass.param_diff(0).data() : nullptr;
  float* db = wants_bias ? pass.param_diff(1).data() : nullptr;
  for (int i = 0; i < pass.bottom_count(); ++i) {
    const ConvolutionGeometry& g = geometries_[static_cast<size_t>(i)];
    const float* dy = pass.top_diff(i).data();
    if (wants_w || wants_bias) {
      ConvolveBackwardWeights(pass.context(), g, pass.bottom(i).data(), dy, dw,
                              i > 0 || (wants_w && pass.adds_param(0)), db,
                              i > 0 || (wants_bias && pass.adds_param(1)), scratch,
                              pass.Get(shared_));
    }
    if (pass.wants_bottom(i)) {
      ConvolveBackwardData(pass.context(), g, pass.param(0).values().data(), dy,
                           pass.bottom_diff(i).data(), scratch);
    }
  }
}

}  // namespace

void RegisterConvolution(Registry& registry) {
  registry.Add<Convolution>("Convolution", Field<ConvolutionParameter>{"convolution_param", 106});
}

}  // namespace moka
