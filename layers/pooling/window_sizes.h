// What PoolingParameter says of the windows, checked, and the grid of windows over a bottom.
#pragma once

#include <string>
#include <vector>

#include "grid.h"
#include "moka/error.h"
#include "pooling.pb.h"

namespace moka {

// The kernel, stride or pad: one number for all axes (`kernel_size`), two (`kernel_h`, `kernel_w`),
// or one for each (`kernel_sizes`).
class AxisSizes {
 public:
  struct Fields {
    std::string name, by_axis, list;  // "kernel_size", "kernel", "kernel_sizes"
    bool has_all, has_h, has_w;
    uint32_t all, h, w;
    std::vector<int64_t> each;
  };
  // Values below `least` are refused; if that is 0, a missing one of the two is 0.
  AxisSizes(Fields fields, int64_t least) : f_(std::move(fields)), least_(least) {
    const std::string path = "pooling_param.", h_or_w = f_.by_axis + (f_.has_h ? "_h" : "_w");
    const std::string all = f_.name + " " + std::to_string(f_.all);
    const std::string one = h_or_w + " " + std::to_string(f_.has_h ? f_.h : f_.w);
    if (f_.has_all && (f_.has_h || f_.has_w))
      throw Error(all, " and ", one, " are both given").At(path + h_or_w);
    if (!f_.each.empty() && (f_.has_all || f_.has_h || f_.has_w)) {
      throw Error(f_.list, " ", Each(), " and ", f_.has_all ? all : one, " are both given")
          .At(path + f_.list);
    }
    if (least > 0 && f_.has_h != f_.has_w) {
      throw Error(f_.by_axis, f_.has_h ? "_w" : "_h", " is missing, as ", h_or_w, " is given")
          .At(path + h_or_w);
    }
    const int values = f_.each.empty() ? 2 : static_cast<int>(f_.each.size());
    for (int a = 0; a < values; ++a) Check(a);
  }

  bool given() const { return f_.has_all || f_.has_h || f_.has_w || !f_.each.empty(); }
  // The field of axis a, and its value.
  std::string Name(int a) const {
    if (!f_.each.empty()) return f_.list;
    return f_.has_h || f_.has_w ? f_.by_axis + (a == 0 ? "_h" : "_w") : f_.name;
  }
  int64_t operator[](int a) const {
    if (!f_.each.empty()) return f_.each[static_cast<size_t>(a)];
    return f_.has_h || f_.has_w ? (a == 0 ? f_.h : f_.w) : f_.all;
  }
  bool All(int64_t value) const {
    const int values = f_.each.empty() ? 2 : static_cast<int>(f_.each.size());
    for (int a = 0; a < values; ++a) {
      if ((*this)[a] != value) return false;
    }
    return true;
  }
  // Throws unless there is a value for each of so many axes.
  void CheckAxes(int axes, const Shape& x) const {
    if (!f_.each.empty() && static_cast<int>(f_.each.size()) != axes) {
      throw Error(f_.list, " ", Each(), ": ", f_.each.size(), " for the ", axes,
                  axes == 1 ? " spatial axis of " : " spatial axes of ", x)
          .At("pooling_param." + f_.list);
    }
    if ((f_.has_h || f_.has_w) && axes != 2) {
      const std::string name = f_.by_axis + (f_.has_h ? "_h" : "_w");
      throw Error(name, " is for 2 spatial axes, but ", x, " has ", axes, "; give ", f_.name,
                  " for all or ", f_.list, ", one for each")
          .At("pooling_param." + name);
    }
  }

 private:
  std::string Each() const {  // "[2, 3]"
    std::string text;
    for (const int64_t value : f_.each) text += (text.empty() ? "[" : ", ") + std::to_string(value);
    return text + "]";
  }
  void Check(int a) const {
    const int64_t value = (*this)[a];
    const std::string name = Name(a);
    if (value < least_) {
      throw Error(name, " is ", value, "; it must be at least ", least_)
          .At("pooling_param." + name);
    }
    if (value > 1 << 30) throw Error(name, " ", value, " is too large").At("pooling_param." + name);
  }

  Fields f_;
  int64_t least_;
};

class WindowSizes {
 public:
  explicit WindowSizes(const PoolingParameter& params);
  // The windows over a bottom N x C x spatial axes.
  Grid Over(const Shape& x) const;

 private:
  void CheckGlobal() const;
  int64_t Windows(int a, const GridAxis& axis) const;

  AxisSizes kernel_, stride_, pad_;
  bool global_, ceil_;
};

inline WindowSizes::WindowSizes(const PoolingParameter& p)
    : kernel_({"kernel_size",
               "kernel",
               "kernel_sizes",
               p.has_kernel_size(),
               p.has_kernel_h(),
               p.has_kernel_w(),
               p.has_kernel_size() ? p.kernel_size() : 1,
               p.kernel_h(),
               p.kernel_w(),
               {p.kernel_sizes().begin(), p.kernel_sizes().end()}},
              1),
      stride_({"stride",
               "stride",
               "strides",
               p.has_stride(),
               p.has_stride_h(),
               p.has_stride_w(),
               p.stride(),
               p.stride_h(),
               p.stride_w(),
               {p.strides().begin(), p.strides().end()}},
              1),
      pad_({"pad",
            "pad",
            "pads",
            p.has_pad(),
            p.has_pad_h(),
            p.has_pad_w(),
            p.pad(),
            p.pad_h(),
            p.pad_w(),
            {p.pads().begin(), p.pads().end()}},
           0),
      global_(p.global_pooling()),
      ceil_(p.round_mode() == PoolingParameter::CEIL) {
  if (global_) {
    CheckGlobal();
  } else if (!kernel_.given()) {
    throw Error("kernel_size is missing (or kernel_h and kernel_w, or global_pooling)")
        .At("pooling_param");
  }
}

inline void WindowSizes::CheckGlobal() const {
  if (kernel_.given()) {
    throw Error(kernel_.Name(0), " is given, but with global_pooling the window is the whole image")
        .At("pooling_param." + kernel_.Name(0));
  }
  if (!pad_.All(0)) throw Error("pad must be 0 with global_pooling").At("pooling_param.pad");
  if (!stride_.All(1))
    throw Error("stride must be 1 with global_pooling").At("pooling_param.stride");
}

// How many windows there are along an axis. CEIL also takes a last one that hangs over the edge,
// but none that would begin beyond it: such a window would see nothing.
inline int64_t WindowSizes::Windows(int a, const GridAxis& axis) const {
  const int64_t room = axis.size + 2 * axis.pad - axis.kernel, stride = axis.stride;
  int64_t windows =
      room < 0 ? (ceil_ && -room < stride ? 1 : 0) : (room + (ceil_ ? stride - 1 : 0)) / stride + 1;
  if (windows > 1 && (windows - 1) * stride >= axis.size + axis.pad) --windows;
  if (windows == 0 || axis.size == 0) {
    throw Error(kernel_.Name(a), " ", axis.kernel, " is larger than the padded input, ",
                axis.size + 2 * axis.pad)
        .At("pooling_param." + kernel_.Name(a));
  }
  return windows;
}

inline Grid WindowSizes::Over(const Shape& x) const {
  if (x.axes() < 3)
    throw Error("expects N x C and at least one spatial axis, as N x C x H x W, not ", x);
  Grid grid;
  grid.planes = x.count(0, 2), grid.count = x.axes() - 2;
  for (const AxisSizes* sizes : {&kernel_, &stride_, &pad_}) sizes->CheckAxes(grid.count, x);
  double kernel = 1;
  for (int a = 0; a < grid.count; ++a) {
    GridAxis& axis = grid.axes[static_cast<size_t>(a)];
    axis = {.size = x[a + 2], .kernel = kernel_[a], .stride = stride_[a], .pad = pad_[a]};
    if (global_) {
      if (axis.size == 0) throw Error("cannot pool images without pixels: the bottom is ", x);
      axis.kernel = axis.size;
    } else if (axis.pad >= axis.kernel) {
      throw Error("pad ", axis.pad, " must be less than the kernel, ", axis.kernel)
          .At("pooling_param." + pad_.Name(a));
    }
    axis.windows = Windows(a, axis);
    kernel *= static_cast<double>(axis.kernel);
  }
  if (kernel > 0x1p62) {
    throw Error(kernel_.Name(0), " ", kernel_[0], " along ", grid.count, " axes is too large")
        .At("pooling_param." + kernel_.Name(0));
  }
  return grid;
}

}  // namespace moka
