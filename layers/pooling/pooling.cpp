// Pooling: y = one number from each window of each channel: the largest, the mean, or one drawn at
// random.
#include <algorithm>
#include <string>

#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "pooling.pb.h"

namespace moka {
namespace {

using Method = PoolingParameter::PoolMethod;

// A size along both axes, as the file gives it: `kernel_size`, or `kernel_h` and `kernel_w`.
struct Sizes {
  std::string name, by_axis;  // "kernel_size", "kernel"
  bool has_both, has_h, has_w;
  uint32_t both, h, w;
};
struct Pair {
  int64_t h, w;
};

// Values below `least` are refused; if that is 0, a missing one of the two is 0.
Pair Read(const Sizes& sizes, int64_t least) {
  const std::string path = "pooling_param.", by_axis = path + sizes.by_axis;
  if (sizes.has_both && (sizes.has_h || sizes.has_w)) {
    const char* axis = sizes.has_h ? "_h" : "_w";
    throw Error(sizes.name, " and ", sizes.by_axis, axis, " are both given").At(by_axis + axis);
  }
  if (least > 0 && sizes.has_h != sizes.has_w) {
    const char *given = sizes.has_h ? "_h" : "_w", *missing = sizes.has_h ? "_w" : "_h";
    throw Error(sizes.by_axis, missing, " is missing, as ", sizes.by_axis, given, " is given")
        .At(by_axis + given);
  }
  const bool apart = sizes.has_h || sizes.has_w;
  const auto check = [&](int64_t value, const char* axis) {
    const std::string name = apart ? sizes.by_axis + axis : sizes.name;
    if (value < least)
      throw Error(name, " is ", value, "; it must be at least ", least).At(path + name);
    if (value > 1 << 30) throw Error(name, " ", value, " is too large").At(path + name);
    return value;
  };
  return {check(apart ? sizes.h : sizes.both, "_h"), check(apart ? sizes.w : sizes.both, "_w")};
}

class Pooling final : public Layer {
 public:
  Pooling(const LayerSpec& spec, const PoolingParameter& params);

  // MAX and AVE remember all that Backward needs. STOCHASTIC does so in training; in testing its
  // mean depends on the values.
  static LayerTraits Traits(const LayerSpec& spec, const PoolingParameter& params) {
    const bool reads = params.pool() == PoolingParameter::STOCHASTIC && !spec.training();
    return LayerTraits()
        .Tops(1, params.pool() == PoolingParameter::MAX ? 2 : 1)
        .BottomGradientReads(reads ? Reads::Bottom(0) : Reads::Nothing())
        .ParamGradientReads(Reads::Nothing());
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  int64_t Windows(const char* by_axis, int64_t size, int64_t kernel, int64_t stride,
                  int64_t pad) const;
  bool has_mask() const {
    return method_ == PoolingParameter::MAX ||
           (method_ == PoolingParameter::STOCHASTIC && spec().training());
  }
  template <typename Index>
  void MaskedForward(ForwardPass& pass, Buffer<Index> buffer);

  const PoolingParameter params_;
  const Method method_;
  PoolingGeometry g_;
  Buffer<uint8_t> bytes_;  // places within windows; one of the two is in use
  Buffer<int32_t> ints_;
};

Pooling::Pooling(const LayerSpec& spec, const PoolingParameter& params)
    : Layer(spec), params_(params), method_(params.pool()) {
  const auto& p = params_;
  const Pair pad = Read(
      {"pad", "pad", p.has_pad(), p.has_pad_h(), p.has_pad_w(), p.pad(), p.pad_h(), p.pad_w()}, 0);
  const Pair stride = Read({"stride", "stride", p.has_stride(), p.has_stride_h(), p.has_stride_w(),
                            p.stride(), p.stride_h(), p.stride_w()},
                           1);
  if (p.global_pooling()) {
    for (const auto& [given, name] : {std::pair{p.has_kernel_size(), "kernel_size"},
                                      {p.has_kernel_h(), "kernel_h"},
                                      {p.has_kernel_w(), "kernel_w"}}) {
      if (given)
        throw Error(name, " is given, but with global_pooling the window is the whole image")
            .At(std::string("pooling_param.") + name);
    }
    if (pad.h != 0 || pad.w != 0)
      throw Error("pad must be 0 with global_pooling").At("pooling_param.pad");
    if (stride.h != 1 || stride.w != 1)
      throw Error("stride must be 1 with global_pooling").At("pooling_param.stride");
    return;
  }
  if (!p.has_kernel_size() && !p.has_kernel_h() && !p.has_kernel_w()) {
    throw Error("kernel_size is missing (or kernel_h and kernel_w, or global_pooling)")
        .At("pooling_param");
  }
  const Pair kernel = Read({"kernel_size", "kernel", p.has_kernel_size(), p.has_kernel_h(),
                            p.has_kernel_w(), p.kernel_size(), p.kernel_h(), p.kernel_w()},
                           1);
  if (pad.h >= kernel.h || pad.w >= kernel.w) {
    const bool h = pad.h >= kernel.h;
    throw Error("pad ", h ? pad.h : pad.w, " must be less than the kernel, ",
                h ? kernel.h : kernel.w)
        .At(p.has_pad() ? "pooling_param.pad"
            : h         ? "pooling_param.pad_h"
                        : "pooling_param.pad_w");
  }
  g_ = {.kernel_h = kernel.h,
        .kernel_w = kernel.w,
        .stride_h = stride.h,
        .stride_w = stride.w,
        .pad_h = pad.h,
        .pad_w = pad.w};
}

// How many windows there are along an axis. CEIL also takes a last one that hangs over the edge,
// but none that would begin beyond it: such a window would see nothing.
int64_t Pooling::Windows(const char* by_axis, int64_t size, int64_t kernel, int64_t stride,
                         int64_t pad) const {
  const int64_t room = size + 2 * pad - kernel;
  const bool ceil = params_.round_mode() == PoolingParameter::CEIL;
  int64_t windows =
      room < 0 ? (ceil && -room < stride ? 1 : 0) : (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if (windows > 1 && (windows - 1) * stride >= size + pad) --windows;
  if (windows == 0 || size == 0) {
    const std::string name = params_.has_kernel_size() ? "kernel_size" : by_axis;
    throw Error(name, " ", kernel, " is larger than the padded input, ", size + 2 * pad)
        .At("pooling_param." + name);
  }
  return windows;
}

void Pooling::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() != 4) throw Error("expects images N x C x H x W (4 axes), not ", x);
  g_.planes = x.count(0, 2), g_.height = x[2], g_.width = x[3];
  if (params_.global_pooling()) {
    if (x[2] == 0 || x[3] == 0) throw Error("cannot pool images without pixels: the bottom is ", x);
    g_.kernel_h = x[2], g_.kernel_w = x[3];
  }
  g_.out_height = Windows("kernel_h", g_.height, g_.kernel_h, g_.stride_h, g_.pad_h);
  g_.out_width = Windows("kernel_w", g_.width, g_.kernel_w, g_.stride_w, g_.pad_w);
  const Shape y{x[0], x[1], g_.out_height, g_.out_width};
  plan.top(0) = y;
  if (spec().top_count() > 1) {
    constexpr int64_t kExact = 1 << 24;  // up to here floats count exactly
    if (g_.height * g_.width > kExact)
      throw Error("a mask top cannot count the ", g_.height * g_.width, " pixels of a channel");
    plan.top(1) = y;
  }
  bytes_ = {}, ints_ = {};
  if (!has_mask()) return;
  if (Shape{g_.kernel_h, g_.kernel_w}.count() > int64_t{1} << 31)
    throw Error("the kernel is too large: ", g_.kernel_h, " x ", g_.kernel_w);
  if (g_.fits_byte()) {
    bytes_ = plan.Saved<uint8_t>(y.count());
  } else {
    ints_ = plan.Saved<int32_t>(y.count());
  }
}

// The part of window r of a row or column of windows that lies in the image.
struct Range {
  int64_t start, begin, end;
};
Range WindowAt(int64_t r, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
  const int64_t start = r * stride - pad;
  return {start, std::max<int64_t>(start, 0), std::min(start + kernel, size)};
}

// Calls f(window, plane's first element, rows, columns) for every window of the planes [begin,
// end).
template <typename F>
void ForEachWindow(const PoolingGeometry& g, int64_t begin, int64_t end, F f) {
  int64_t window = begin * g.out_height * g.out_width;
  for (int64_t plane = begin; plane < end; ++plane) {
    for (int64_t r = 0; r < g.out_height; ++r) {
      for (int64_t q = 0; q < g.out_width; ++q, ++window) {
        f(window, plane * g.height * g.width,
          WindowAt(r, g.stride_h, g.pad_h, g.kernel_h, g.height),
          WindowAt(q, g.stride_w, g.pad_w, g.kernel_w, g.width));
      }
    }
  }
}

// Zeiler and Fergus, "Stochastic pooling for regularization of deep convolutional neural networks",
// 2013: element i is drawn with probability a_i / sum a, for a >= 0. Negative values count as 0;
// where nothing is positive, the first is taken; a NaN is always.
template <typename Index>
void Draw(const PoolingGeometry& g, const RandomStream& random, int64_t begin, int64_t end,
          const float* x, float* y, Index* mask) {
  ForEachWindow(g, begin, end, [&](int64_t window, int64_t plane, Range h, Range w) {
    double sum = 0;
    for (int64_t i = h.begin; i < h.end; ++i) {
      for (int64_t j = w.begin; j < w.end; ++j) sum += std::max(0.0f, x[plane + i * g.width + j]);
    }
    const double threshold = sum * random.Uniform(static_cast<uint64_t>(window));
    int64_t chosen_i = h.begin, chosen_j = w.begin;
    double passed = 0;
    bool found = false;
    for (int64_t i = h.begin; i < h.end && !found; ++i) {
      for (int64_t j = w.begin; j < w.end && !found; ++j) {
        const float a = x[plane + i * g.width + j];
        if (a > 0 || a != a) chosen_i = i, chosen_j = j, passed += a;
        found = passed > threshold || a != a;
      }
    }
    y[window] = x[plane + chosen_i * g.width + chosen_j];
    mask[window] = static_cast<Index>((chosen_i - h.start) * g.kernel_w + chosen_j - w.start);
  });
}

// In testing: y = sum a^2 / sum a over the positive a, the mean of what training draws. dy/da = (2
// a - y) / sum a.
struct WeightedMean {
  double sum = 0, squares = 0;

  WeightedMean(const PoolingGeometry& g, const float* plane, Range h, Range w) {
    for (int64_t i = h.begin; i < h.end; ++i) {
      for (int64_t j = w.begin; j < w.end; ++j) {
        const double a = plane[i * g.width + j];
        if (a > 0 || a != a) sum += a, squares += a * a;
      }
    }
  }
  double mean() const { return sum == 0 ? 0 : squares / sum; }
};

template <typename Index>
void Pooling::MaskedForward(ForwardPass& pass, Buffer<Index> buffer) {
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  Index* mask = pass.Get(buffer).data();
  if (method_ == PoolingParameter::STOCHASTIC) {
    const RandomStream random = pass.random();
    pass.ParallelFor(g_.planes, 1,
                     [&](int64_t begin, int64_t end) { Draw(g_, random, begin, end, x, y, mask); });
    return;
  }
  const bool mask_top = pass.top_count() > 1;
  MaxPoolForward(pass.context(), g_, x, y, pass.backward_follows() || mask_top ? mask : nullptr);
  if (!mask_top) return;
  float* index = pass.top(1).data();
  pass.ParallelFor(g_.planes, 1, [&](int64_t begin, int64_t end) {
    ForEachWindow(g_, begin, end, [&](int64_t window, int64_t, Range h, Range w) {
      const int64_t place = mask[window];
      index[window] = static_cast<float>((h.start + place / g_.kernel_w) * g_.width + w.start +
                                         place % g_.kernel_w);
    });
  });
}

void Pooling::Forward(ForwardPass& pass) {
  if (has_mask()) return g_.fits_byte() ? MaskedForward(pass, bytes_) : MaskedForward(pass, ints_);
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  if (method_ == PoolingParameter::AVE) return AveragePoolForward(pass.context(), g_, x, y);
  pass.ParallelFor(g_.planes, 1, [&](int64_t begin, int64_t end) {
    ForEachWindow(g_, begin, end, [&](int64_t window, int64_t plane, Range h, Range w) {
      y[window] = static_cast<float>(WeightedMean(g_, x + plane, h, w).mean());
    });
  });
}

void Pooling::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  if (has_mask()) {
    return g_.fits_byte() ? MaskPoolBackward(pass.context(), g_, pass.Get(bytes_).data(), dy, dx)
                          : MaskPoolBackward(pass.context(), g_, pass.Get(ints_).data(), dy, dx);
  }
  if (method_ == PoolingParameter::AVE) return AveragePoolBackward(pass.context(), g_, dy, dx);
  const float* x = pass.bottom(0).data();
  pass.ParallelFor(g_.planes, 1, [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * g_.height * g_.width, dx + end * g_.height * g_.width, 0.0f);
    ForEachWindow(g_, begin, end, [&](int64_t window, int64_t plane, Range h, Range w) {
      const WeightedMean mean(g_, x + plane, h, w);
      if (mean.sum == 0) return;
      for (int64_t i = h.begin; i < h.end; ++i) {
        for (int64_t j = w.begin; j < w.end; ++j) {
          const int64_t at = plane + i * g_.width + j;
          if (x[at] > 0)
            dx[at] += static_cast<float>(dy[window] * (2 * x[at] - mean.mean()) / mean.sum);
        }
      }
    });
  });
}

}  // namespace

void RegisterPooling(Registry& registry) {
  registry.Add<Pooling>("Pooling", Field<PoolingParameter>{"pooling_param", 121});
}

}  // namespace moka
