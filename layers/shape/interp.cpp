// Interp: images resized by bilinear interpolation that keeps the corner pixels: pixel i of m along
// an axis lies at i (n - 1) / (m - 1) of the bottom's n, between two of its pixels; with m = 1 at
// 0.
//
// The top is height x width; or (n - 1) / shrink_factor + 1, rounded down; or (n - 1) zoom_factor +
// 1; with both factors, shrunk first. pad_beg and pad_end, 0 or less, cut pixels off the bottom
// before. Caffe: there is none in BVLC's. DeepLab's lets zoom_factor win over height and width
// without a word; here that is refused.
#include <algorithm>

#include "interp.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

// A pixel of the top along one axis: (1 - next) x[at] + next x[at + 1].
struct Tap {
  int64_t at;
  float next;
};
Tap TapOf(int64_t i, int64_t from, int64_t to) {
  if (to == 1) return {0, 0};
  const int64_t at = i * (from - 1), steps = to - 1;
  return {at / steps,
          static_cast<float>(static_cast<double>(at % steps) / static_cast<double>(steps))};
}

class Interp final : public Layer {
 public:
  Interp(const LayerSpec& spec, const InterpParameter& params);

  static LayerTraits Traits(const LayerSpec&, const InterpParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  int64_t TopSize(int64_t size, const char* name, int64_t given) const;
  std::span<const Tap> Columns(Pass& pass);

  const InterpParameter params_;
  const bool sized_;                             // by height and width
  const int64_t crop_;                           // what is cut off before
  int64_t planes_ = 0, height_ = 0, width_ = 0;  // of the bottom
  int64_t h_ = 0, w_ = 0;                        // of what is left of it
  int64_t out_h_ = 0, out_w_ = 0;
  Buffer<Tap> columns_;
  Buffer<float> row_;
};

Interp::Interp(const LayerSpec& spec, const InterpParameter& params)
    : Layer(spec),
      params_(params),
      sized_(params.has_height() || params.has_width()),
      crop_(-static_cast<int64_t>(params.pad_beg())) {
  const bool factors = params.has_zoom_factor() || params.has_shrink_factor();
  if (!sized_ && !factors) {
    throw Error("the size is missing: give height and width, or zoom_factor, or shrink_factor")
        .At("interp_param");
  }
  if (sized_ && factors) {
    throw Error("height ", params.height(), " and width ", params.width(),
                " are given, and zoom_factor ", params.zoom_factor(), " and shrink_factor ",
                params.shrink_factor(), ": the size is one or the other")
        .At(params.has_zoom_factor() ? "interp_param.zoom_factor" : "interp_param.shrink_factor");
  }
  const auto check = [](const char* name, bool used, int32_t value) {
    if (used && value < 1) {
      throw Error(name, " is ", value, "; it must be at least 1")
          .At(std::string("interp_param.") + name);
    }
  };
  check("height", sized_, params.height());
  check("width", sized_, params.width());
  check("zoom_factor", factors, params.zoom_factor());
  check("shrink_factor", factors, params.shrink_factor());
  for (const auto& [name, pad] :
       {std::pair("pad_beg", params.pad_beg()), std::pair("pad_end", params.pad_end())}) {
    if (pad > 0) {
      throw Error(name, " is ", pad, "; it cuts pixels off and must be 0 or less")
          .At(std::string("interp_param.") + name);
    }
  }
}

int64_t Interp::TopSize(int64_t size, const char* name, int64_t given) const {
  if (size < 1) {
    throw Error("pad_beg ", params_.pad_beg(), " and pad_end ", params_.pad_end(), " leave a ",
                name, " of ", size)
        .At("interp_param");
  }
  if (sized_) return given;
  int64_t top = (size - 1) / params_.shrink_factor();
  constexpr int64_t kMost = int64_t{1} << 31;
  if (__builtin_mul_overflow(top, static_cast<int64_t>(params_.zoom_factor()), &top) ||
      top >= kMost) {
    throw Error("zoom_factor ", params_.zoom_factor(), " makes a ", name, " of ", size,
                " too large")
        .At("interp_param.zoom_factor");
  }
  return top + 1;
}

void Interp::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() != 4) throw Error("expects images N x C x H x W (4 axes), not ", x);
  const int64_t pad = static_cast<int64_t>(params_.pad_beg()) + params_.pad_end();
  planes_ = x.count(0, 2), height_ = x[2], width_ = x[3];
  h_ = height_ + pad, w_ = width_ + pad;
  out_h_ = TopSize(h_, "height", params_.height());
  out_w_ = TopSize(w_, "width", params_.width());
  plan.top(0) = Shape{x[0], x[1], out_h_, out_w_};
  columns_ = plan.Scratch<Tap>(out_w_);
  row_ = plan.Scratch<float>(w_, true);
}

std::span<const Tap> Interp::Columns(Pass& pass) {
  const std::span<Tap> columns = pass.Get(columns_);
  for (size_t j = 0; j < columns.size(); ++j) {
    columns[j] = TapOf(static_cast<int64_t>(j), w_, out_w_);
  }
  return columns;
}

// Each row of the top: first two rows of the bottom are blended, then neighbours in it.
void Interp::Forward(ForwardPass& pass) {
  const std::span<const Tap> columns = Columns(pass);
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  const int64_t grain = std::max<int64_t>(1, 8192 / (w_ + out_w_));
  pass.ParallelFor(planes_ * out_h_, grain, [&](int64_t begin, int64_t end, int worker) {
    float* blend = pass.Get(row_, worker).data();
    for (int64_t row = begin; row < end; ++row) {
      const Tap tap = TapOf(row % out_h_, h_, out_h_);
      const float* a = x + (row / out_h_ * height_ + crop_ + tap.at) * width_ + crop_;
      const float* from = a;
      if (tap.next > 0) {
        for (int64_t j = 0; j < w_; ++j)
          blend[j] = (1 - tap.next) * a[j] + tap.next * a[j + width_];
        from = blend;
      }
      float* out = y + row * out_w_;
      for (const Tap& t : columns) {
        *out++ = t.next > 0 ? (1 - t.next) * from[t.at] + t.next * from[t.at + 1] : from[t.at];
      }
    }
  });
}

void Interp::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const std::span<const Tap> columns = Columns(pass);
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  const int64_t grain = std::max<int64_t>(1, 8192 / (height_ * width_ + out_h_ * out_w_));
  pass.ParallelFor(planes_, grain, [&](int64_t begin, int64_t end, int worker) {
    float* blend = pass.Get(row_, worker).data();  // the gradient of Forward's blend
    std::fill(dx + begin * height_ * width_, dx + end * height_ * width_, 0.0F);
    for (int64_t row = begin * out_h_; row < end * out_h_; ++row) {
      std::fill_n(blend, w_, 0.0F);
      const float* g = dy + row * out_w_;
      for (const Tap& t : columns) {
        blend[t.at] += (1 - t.next) * *g;
        if (t.next > 0) blend[t.at + 1] += t.next * *g;
        ++g;
      }
      const Tap tap = TapOf(row % out_h_, h_, out_h_);
      float* a = dx + (row / out_h_ * height_ + crop_ + tap.at) * width_ + crop_;
      for (int64_t j = 0; j < w_; ++j) a[j] += (1 - tap.next) * blend[j];
      if (tap.next == 0) continue;
      for (int64_t j = 0; j < w_; ++j) a[j + width_] += tap.next * blend[j];
    }
  });
}

}  // namespace

// 205 is the number in ncnn's converter.
void RegisterInterp(Registry& registry) {
  registry.Add<Interp>("Interp", Field<InterpParameter>{"interp_param", 205});
}

}  // namespace moka
