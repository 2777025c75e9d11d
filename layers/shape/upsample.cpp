// Upsample: each pixel repeated: y[i, j] = x[i / scale_h, j / scale_w]; or, with a second bottom,
// the mask of a max pooling (its second top), each value put where it came from: y[mask[i]] = x[i],
// 0 elsewhere.
//
// The mask has the first bottom's shape and counts the pixels of a channel; its gradient is 0. The
// top is upsample_h x upsample_w, or scale times as large as the bottom. Caffe: there is none in
// BVLC's. SegNet's lets the last of several values for one pixel win, but gives all of them its
// gradient; here they are added. It checks a mask for what is too large only, and cuts fractions
// off.
#include <algorithm>
#include <string>

#include "gather.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "upsample.pb.h"

namespace moka {
namespace {

class Upsample final : public Layer {
 public:
  Upsample(const LayerSpec& spec, const UpsampleParameter& params);

  // Backward uses the places that Forward kept.
  static LayerTraits Traits(const LayerSpec&, const UpsampleParameter&) {
    return LayerTraits().Bottoms(1, 2).BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override {
    pass.bottom_count() == 2 ? Unpool(pass) : Repeat(pass);
  }
  void Backward(BackwardPass& pass) override;

 private:
  void CheckScale() const;
  int64_t TopSize(int64_t size, const char* axis, int64_t scale, bool pad) const;
  void Unpool(ForwardPass& pass);
  void Repeat(ForwardPass& pass);
  std::string Factor() const;
  [[noreturn]] void RefuseMask(float value, int64_t at) const;

  const UpsampleParameter params_;
  const bool sized_;  // by upsample_h and upsample_w
  const int64_t scale_h_, scale_w_;
  int64_t channels_ = 0, planes_ = 0, h_ = 0, w_ = 0, out_h_ = 0, out_w_ = 0;
  Buffer<int32_t> places_;
};

Upsample::Upsample(const LayerSpec& spec, const UpsampleParameter& params)
    : Layer(spec),
      params_(params),
      sized_(params.has_upsample_h() || params.has_upsample_w()),
      scale_h_(params.has_scale_h() ? params.scale_h() : params.scale()),
      scale_w_(params.has_scale_w() ? params.scale_w() : params.scale()) {
  const std::string path = "upsample_param.";
  const bool mask = spec.bottom_count() == 2;
  const auto pair = [&](const std::string& name, bool has_h, bool has_w, uint32_t h, uint32_t w) {
    if (has_h == has_w) return;
    const char *given = has_h ? "_h" : "_w", *missing = has_h ? "_w" : "_h";
    throw Error(name, given, " is ", has_h ? h : w, ", but ", name, missing, " is missing")
        .At(path + name + given);
  };
  pair("upsample", params.has_upsample_h(), params.has_upsample_w(), params.upsample_h(),
       params.upsample_w());
  pair("scale", params.has_scale_h(), params.has_scale_w(), params.scale_h(), params.scale_w());
  if (!sized_) {
    CheckScale();
    return;
  }
  if (!mask) {
    throw Error("upsample_h ", params.upsample_h(), " and upsample_w ", params.upsample_w(),
                " are for a second bottom, the mask; give scale")
        .At(path + "upsample_h");
  }
  if (params.upsample_h() == 0 || params.upsample_w() == 0) {
    const std::string name = params.upsample_h() == 0 ? "upsample_h" : "upsample_w";
    throw Error(name, " is 0; it must be at least 1").At(path + name);
  }
}

void Upsample::CheckScale() const {
  const auto& p = params_;
  const std::string path = "upsample_param.";
  if (p.has_scale() && p.has_scale_h())
    throw Error("scale ", p.scale(), " and scale_h ", p.scale_h(), " are both given")
        .At(path + "scale_h");
  if (spec().bottom_count() != 2) {
    // SegNet's default is 2, that of darknet2caffe is 1.
    if (!p.has_scale() && !p.has_scale_h()) throw Error("scale is missing").At("upsample_param");
    for (const auto& [pad, name] :
         {std::pair(p.pad_out_h(), "pad_out_h"), std::pair(p.pad_out_w(), "pad_out_w")}) {
      if (pad) throw Error(name, " is for a second bottom, the mask").At(path + name);
    }
  }
  for (const auto& [scale, pad, axis] : {std::tuple(scale_h_, p.pad_out_h(), std::string("_h")),
                                         std::tuple(scale_w_, p.pad_out_w(), std::string("_w"))}) {
    const std::string name = p.has_scale_h() ? "scale" + axis : "scale";
    if (scale < 1) throw Error(name, " is ", scale, "; it must be at least 1").At(path + name);
    if (pad && scale != 2) {
      throw Error("pad_out", axis, " is for a scale of 2, but ", name, " is ", scale)
          .At(path + "pad_out" + axis);
    }
  }
}

int64_t Upsample::TopSize(int64_t size, const char* axis, int64_t scale, bool pad) const {
  try {
    return std::max<int64_t>(0, Shape{size, scale}.count() - (pad ? 1 : 0));
  } catch (Error& error) {
    throw error.At(std::string("upsample_param.scale") + (params_.has_scale_h() ? axis : ""));
  }
}

void Upsample::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() != 4) throw Error("expects images N x C x H x W (4 axes), not ", x);
  channels_ = x[1], planes_ = x.count(0, 2), h_ = x[2], w_ = x[3];
  out_h_ = sized_ ? params_.upsample_h() : TopSize(h_, "_h", scale_h_, params_.pad_out_h());
  out_w_ = sized_ ? params_.upsample_w() : TopSize(w_, "_w", scale_w_, params_.pad_out_w());
  plan.top(0) = Shape{x[0], x[1], out_h_, out_w_};
  if (bottom.size() == 1) return;
  if (bottom[1] != x) throw Error("the mask, bottom 1, is ", bottom[1], ", but bottom 0 is ", x);
  if (Shape{out_h_, out_w_}.count() > kMostIndices) {
    throw Error("a mask cannot count the ", out_h_, " x ", out_w_, " pixels of a channel (",
                Factor(), ")")
        .At("upsample_param");
  }
  places_ = plan.Saved<int32_t>(x.count());
}

// What makes the top's size of the bottom's, for errors.
std::string Upsample::Factor() const {
  if (sized_) return "upsample_h and upsample_w";
  if (!params_.has_scale_h()) return "scale " + std::to_string(params_.scale());
  return "scale_h " + std::to_string(scale_h_) + ", scale_w " + std::to_string(scale_w_);
}

void Upsample::RefuseMask(float value, int64_t at) const {
  const int64_t sample = at / (channels_ * h_ * w_), channel = at / (h_ * w_) % channels_;
  throw Error("mask ", value, " of sample ", sample, ", channel ", channel, " (position ",
              at % (h_ * w_), ") is no place in 0..", out_h_ * out_w_ - 1,
              ": was the mask made from images of another size than ", out_h_, " x ", out_w_, " (",
              Factor(), ")?")
      .Sample(sample);
}

void Upsample::Unpool(ForwardPass& pass) {
  const int64_t pixels = h_ * w_, out_pixels = out_h_ * out_w_;
  const float *x = pass.bottom(0).data(), *mask = pass.bottom(1).data();
  float* y = pass.top(0).data();
  const std::span<int32_t> places = pass.Get(places_);
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, pixels + out_pixels));
  pass.ParallelFor(planes_, grain, [&](int64_t begin, int64_t end) {
    std::fill(y + begin * out_pixels, y + end * out_pixels, 0.0F);
    for (int64_t plane = begin; plane < end; ++plane) {
      float* out = y + plane * out_pixels;
      for (int64_t i = plane * pixels; i < (plane + 1) * pixels; ++i) {
        if (!IsIndex(mask[i], out_pixels)) RefuseMask(mask[i], i);
        const auto place = static_cast<int32_t>(mask[i]);
        places[static_cast<size_t>(i)] = place;
        out[place] += x[i];
      }
    }
  });
}

// Row (plane, i) of x is scale_h rows of y.
void Upsample::Repeat(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  const int64_t block = scale_h_ * out_w_;
  if (block == 0) return;
  pass.ParallelFor(planes_ * h_, std::max<int64_t>(1, 16384 / block),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end; ++row) {
                       float* first = y + row * block;
                       if (scale_w_ == 2) {
                         for (int64_t j = 0; j < w_; ++j)
                           first[2 * j] = first[2 * j + 1] = x[row * w_ + j];
                       } else {
                         for (int64_t j = 0; j < w_; ++j)
                           std::fill_n(first + j * scale_w_, scale_w_, x[row * w_ + j]);
                       }
                       for (int64_t i = 1; i < scale_h_; ++i)
                         std::copy_n(first, out_w_, first + i * out_w_);
                     }
                   });
}

void Upsample::Backward(BackwardPass& pass) {
  const bool mask = pass.bottom_count() == 2;
  if (mask && pass.wants_bottom(1)) pass.bottom_diff(1).Fill(0);
  if (!pass.wants_bottom(0)) return;
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  const int64_t pixels = h_ * w_, out_pixels = out_h_ * out_w_;
  if (pixels == 0) return;
  if (mask) {
    const std::span<const int32_t> places = pass.Get(places_);
    return pass.ParallelFor(
        planes_, std::max<int64_t>(1, 16384 / pixels), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin * pixels; i < end * pixels; ++i) {
            dx[i] = dy[i / pixels * out_pixels + places[static_cast<size_t>(i)]];
          }
        });
  }
  // dx = the sum over the repetitions of the pixel.
  const int64_t block = scale_h_ * out_w_;
  pass.ParallelFor(planes_ * h_, std::max<int64_t>(1, 16384 / block),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end; ++row) {
                       for (int64_t j = 0; j < w_; ++j) {
                         double sum = 0;
                         for (int64_t i = 0; i < scale_h_; ++i) {
                           const float* g = dy + row * block + i * out_w_ + j * scale_w_;
                           for (int64_t k = 0; k < scale_w_; ++k) sum += g[k];
                         }
                         dx[row * w_ + j] = static_cast<float>(sum);
                       }
                     }
                   });
}

}  // namespace

// 149 is darknet2caffe's number.
void RegisterUpsample(Registry& registry) {
  registry.Add<Upsample>("Upsample", Field<UpsampleParameter>{"upsample_param", 149});
}

}  // namespace moka
