// PSROIPooling: y (R, output_dim, k, k) = the mean of each part of each region, cut into k x k
// parts, k = group_size; 0 where a part has no pixels. Part (i, j) of output c is taken from
// channel (c k + i) k + j of x.
//
// Bottoms: x (N x output_dim k k x H x W), regions (R x 5): image of the batch, x1, y1, x2, y2,
// corners within. Dai, Li, He, Sun, "R-FCN", NIPS 2016; its rounding: corners to whole pixels of
// the image, before spatial_scale; parts outwards. Caffe: has no Backward on the CPU, and does not
// check which image a region is of.
#include <vector>

#include "moka/layer.h"
#include "moka/registry.h"
#include "psroi_pooling.pb.h"
#include "region.h"

namespace moka {
namespace {

class PSROIPooling final : public Layer {
 public:
  PSROIPooling(const LayerSpec& spec, const PSROIPoolingParameter& params)
      : Layer(spec),
        outputs_(Size("output_dim", params.has_output_dim(), params.output_dim())),
        k_(Size("group_size", params.has_group_size(), params.group_size())),
        scale_(params.spatial_scale()) {
    if (!params.has_spatial_scale())
      throw Error("spatial_scale is missing").At("psroi_pooling_param");
    CheckSpatialScale(scale_, "psroi_pooling_param.spatial_scale");
  }

  static LayerTraits Traits(const LayerSpec&, const PSROIPoolingParameter&) {
    return LayerTraits()
        .Bottoms(2)
        .BottomGradientReads(Reads::Bottom(1))
        .ParamGradientReads(Reads::Nothing())
        .NoGradient(1);
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  static int64_t Size(const std::string& name, bool given, int32_t size) {
    if (!given) throw Error(name, " is missing").At("psroi_pooling_param");
    if (size < 1) {
      throw Error(name, " is ", size, "; it must be at least 1").At("psroi_pooling_param." + name);
    }
    return size;
  }
  struct Part {
    Pixels h, w;
    int64_t pixels() const {
      return h.empty() || w.empty() ? 0 : (h.end - h.begin) * (w.end - w.begin);
    }
  };
  Part PartOf(const Region& region, int64_t i, int64_t j) const;

  const int64_t outputs_, k_;
  const float scale_;
  int64_t batch_ = 0, channels_ = 0, height_ = 0, width_ = 0, regions_ = 0;
};

void PSROIPooling::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  CheckRegions(x, bottom[1]);
  batch_ = x[0], channels_ = x[1], height_ = x[2], width_ = x[3], regions_ = bottom[1][0];
  if (channels_ % k_ != 0 || channels_ / k_ % k_ != 0 || channels_ / k_ / k_ != outputs_) {
    throw Error("output_dim ", outputs_, " and group_size ", k_, " need ", outputs_, " x ", k_,
                " x ", k_, " channels, but the bottom, ", x, ", has ", channels_)
        .At("psroi_pooling_param.output_dim");
  }
  plan.top(0) = Shape{regions_, outputs_, k_, k_};
}

PSROIPooling::Part PSROIPooling::PartOf(const Region& region, int64_t i, int64_t j) const {
  const auto along = [this](float first, float last, int64_t p, int64_t all) {
    const float begin = Near(std::round(first) * scale_);
    const float end = Near((std::round(last) + 1) * scale_);
    const float part = std::max(end - begin, 0.1f) / static_cast<float>(k_);
    return Covered(static_cast<float>(p) * part + begin, static_cast<float>(p + 1) * part + begin,
                   0, all);
  };
  return {along(region.y1, region.y2, i, height_), along(region.x1, region.x2, j, width_)};
}

void PSROIPooling::Forward(ForwardPass& pass) {
  const float *x = pass.bottom(0).data(), *rois = pass.bottom(1).data();
  float* y = pass.top(0).data();
  for (int64_t r = 0; r < regions_; ++r) ReadRegion(rois, r, batch_);  // the first bad one is told
  const int64_t image = height_ * width_;
  pass.ParallelFor(regions_ * channels_, 16, [=, this](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {  // element m of y = r C + c; x has it in its channel c
      const int64_t c = m % channels_;
      const Region region = ReadRegion(rois, m / channels_, batch_);
      const float* plane = x + (region.image * channels_ + c) * image;
      const Part part = PartOf(region, c / k_ % k_, c % k_);
      double sum = 0;
      for (int64_t i = part.h.begin; i < part.h.end; ++i) {
        for (int64_t j = part.w.begin; j < part.w.end; ++j) sum += plane[i * width_ + j];
      }
      const int64_t pixels = part.pixels();
      y[m] = pixels == 0 ? 0 : static_cast<float>(sum / static_cast<double>(pixels));
    }
  });
}

// Regions overlap, so a piece of work is a channel: of all images, from all regions in order.
void PSROIPooling::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const float *rois = pass.bottom(1).data(), *dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  const int64_t image = height_ * width_;
  pass.ParallelFor(channels_, 1, [=, this](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t n = 0; n < batch_; ++n)
        std::fill_n(dx + (n * channels_ + c) * image, image, 0.0f);
      for (int64_t r = 0; r < regions_; ++r) {
        const Region region = ReadRegion(rois, r, batch_);
        const Part part = PartOf(region, c / k_ % k_, c % k_);
        if (part.pixels() == 0) continue;
        float* plane = dx + (region.image * channels_ + c) * image;
        const float share = dy[r * channels_ + c] / static_cast<float>(part.pixels());
        for (int64_t i = part.h.begin; i < part.h.end; ++i) {
          for (int64_t j = part.w.begin; j < part.w.end; ++j) plane[i * width_ + j] += share;
        }
      }
    }
  });
}

}  // namespace

void RegisterPSROIPooling(Registry& registry) {
  registry.Add<PSROIPooling>("PSROIPooling",
                             Field<PSROIPoolingParameter>{"psroi_pooling_param", 10001});
}

}  // namespace moka
