// The sizes that a ConvolutionParameter gives: of the kernel, its stride, pad and dilation along
// each axis of space. Values are checked once, the rest against each bottom.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "convolution.pb.h"
#include "moka/convolution_nd.h"
#include "moka/error.h"
#include "moka/shape.h"

namespace moka {

class ConvolutionSizes {
 public:
  // Throws Error: no kernel, values too small or too large, a size given in two ways.
  explicit ConvolutionSizes(const ConvolutionParameter& p);

  // Which axis of x the channels lie on. All before it are batch, all after it are space. Throws
  // Error: an axis that is not there, no axes of space or more than 6 of them.
  int ChannelAxis(const Shape& x) const;
  // A convolution of x, all but outputs and group. Throws Error if the numbers of values do not fit
  // x. Whether the kernels do is for CheckFits.
  ConvolutionNdGeometry Over(const Shape& x) const;

  // Throws Error if a kernel is larger than the padded input, or that is beyond all memory.
  void CheckFits(const ConvolutionNdGeometry& g) const;

  // The field that the pad of an axis comes from, for messages.
  std::string PadField(size_t axis) const { return "convolution_param." + pad_.NameAt(axis); }

 private:
  // One size along the axes, as the file gives it: once, once for each axis, or by axis.
  struct Field {
    std::string name, by_axis;  // "kernel_size", "kernel"
    std::vector<int64_t> values;
    bool is_by_axis = false;

    std::string NameAt(size_t axis) const {
      return is_by_axis ? by_axis + (axis == 0 ? "_h" : "_w") : name;
    }
    int64_t At(size_t axis) const { return values.size() == 1 ? values[0] : values[axis]; }
  };
  using Values = google::protobuf::RepeatedField<uint32_t>;

  struct Named {  // what the file says of the height and the width
    bool has_h = false, has_w = false;
    uint32_t h = 0, w = 0;
  };
  static Field Read(Field field, const Values& values, Named named, int64_t least);
  void CheckCount(const Field& field, const Shape& x, int axes) const;

  Field kernel_, stride_, pad_, dilation_;
  int axis_;
};

inline ConvolutionSizes::Field ConvolutionSizes::Read(Field field, const Values& values,
                                                      Named named, int64_t least) {
  constexpr int64_t kMost = 1 << 30;  // so that the product of two fits
  const auto place = [](const std::string& name) { return "convolution_param." + name; };
  if (values.empty() && !named.has_h && !named.has_w) return field;
  field.is_by_axis = values.empty();
  const char *given = named.has_h ? "_h" : "_w", *other = named.has_h ? "_w" : "_h";
  if (!field.is_by_axis && (named.has_h || named.has_w)) {
    throw Error(field.name, " and ", field.by_axis, given, " are both given")
        .At(place(field.by_axis + given));
  }
  if (field.is_by_axis && least > 0 && named.has_h != named.has_w) {
    throw Error(field.by_axis, other, " is missing, as ", field.by_axis, given, " is given")
        .At(place(field.by_axis + given));
  }
  field.values.assign(values.begin(), values.end());
  if (field.is_by_axis) field.values = {named.h, named.w};
  for (size_t axis = 0; axis < field.values.size(); ++axis) {
    const int64_t value = field.values[axis];
    const std::string name = field.NameAt(axis);
    if (value < least)
      throw Error(name, " is ", value, "; it must be at least ", least).At(place(name));
    if (value > kMost) throw Error(name, " ", value, " is too large").At(place(name));
  }
  return field;
}

inline ConvolutionSizes::ConvolutionSizes(const ConvolutionParameter& p) : axis_(p.axis()) {
  if (p.kernel_size().empty() && !p.has_kernel_h() && !p.has_kernel_w()) {
    throw Error("kernel_size is missing (or kernel_h and kernel_w)").At("convolution_param");
  }
  kernel_ = Read({"kernel_size", "kernel", {0}}, p.kernel_size(),
                 {p.has_kernel_h(), p.has_kernel_w(), p.kernel_h(), p.kernel_w()}, 1);
  stride_ = Read({"stride", "stride", {1}}, p.stride(),
                 {p.has_stride_h(), p.has_stride_w(), p.stride_h(), p.stride_w()}, 1);
  pad_ =
      Read({"pad", "pad", {0}}, p.pad(), {p.has_pad_h(), p.has_pad_w(), p.pad_h(), p.pad_w()}, 0);
  dilation_ = Read({"dilation", "dilation", {1}}, p.dilation(), {}, 1);
}

inline int ConvolutionSizes::ChannelAxis(const Shape& x) const {
  const int axis = x.Axis(axis_, "convolution_param.axis");
  const int space = x.axes() - 1 - axis;
  if (space < 1) {
    throw Error("axis ", axis_, " of the channels is the last of ", x,
                "; at least one axis of space must follow")
        .At("convolution_param.axis");
  }
  if (space > ConvolutionNdGeometry::kMaxAxes) {
    throw Error("axis ", axis_, " of the channels leaves ", space, " axes of space of ", x,
                "; at most ", ConvolutionNdGeometry::kMaxAxes, " are possible")
        .At("convolution_param.axis");
  }
  return axis;
}

inline void ConvolutionSizes::CheckCount(const Field& field, const Shape& x, int axes) const {
  const auto count = static_cast<int>(field.values.size());
  if (count == 1 || count == axes) return;
  if (field.is_by_axis) {
    throw Error(field.by_axis, "_h and ", field.by_axis, "_w are for 2 axes of space; ", x, " has ",
                axes, " after axis ", axis_)
        .At("convolution_param." + field.by_axis + "_h");
  }
  throw Error(field.name, " has ", count, " values; ", x, " has ", axes,
              axes == 1 ? " axis" : " axes", " of space after axis ", axis_,
              ": give one for all, or one for each")
      .At("convolution_param." + field.name);
}

inline ConvolutionNdGeometry ConvolutionSizes::Over(const Shape& x) const {
  const int channels = ChannelAxis(x);
  ConvolutionNdGeometry g;
  g.axes = x.axes() - 1 - channels;
  g.batch = x.count(0, channels), g.channels = x[channels];
  for (const Field* field : {&kernel_, &stride_, &pad_, &dilation_}) CheckCount(*field, x, g.axes);
  for (size_t k = 0; k < static_cast<size_t>(g.axes); ++k) {
    g.axis[k] = {.size = x[channels + 1 + static_cast<int>(k)],
                 .kernel = kernel_.At(k),
                 .stride = stride_.At(k),
                 .pad = pad_.At(k),
                 .dilation = dilation_.At(k)};
  }
  return g;
}

inline void ConvolutionSizes::CheckFits(const ConvolutionNdGeometry& g) const {
  // What is copied of an image with its pad is at most all of it, for the channels of a group.
  double numbers = static_cast<double>(std::max<int64_t>(1, g.channels / g.group));
  std::ostringstream pads, sizes;
  bool padded = false;
  for (const auto& a : g.space()) {
    numbers *= std::max(1.0, static_cast<double>(a.size) + 2 * static_cast<double>(a.pad));
    pads << (pads.tellp() > 0 ? "x" : "") << a.pad;
    sizes << 'x' << a.size;
    padded = padded || a.pad > 0;
  }
  if (numbers > 0x1p40) {
    Error error(padded ? "pad " + pads.str() + " around " : "input ", g.channels / g.group,
                sizes.str(), " is too large: more than 2^40 numbers");
    throw padded ? error.At(PadField(g.axis[0].pad > 0 ? 0 : 1)) : error;
  }
  for (size_t k = 0; k < static_cast<size_t>(g.axes); ++k) {
    const auto& a = g.axis[k];
    const int64_t padded_size = a.size + 2 * a.pad;
    if (a.reach() <= padded_size) continue;
    std::ostringstream text;
    text << kernel_.NameAt(k) << " " << a.kernel;
    if (a.dilation > 1)
      text << ", over " << a.reach() << " pixels with dilation " << a.dilation << ",";
    throw Error(text.str(), " is larger than the padded input, ", padded_size)
        .At("convolution_param." + kernel_.NameAt(k));
  }
}

}  // namespace moka
