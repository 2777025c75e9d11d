// ROIPooling: y (R, C, pooled_h, pooled_w) = the largest value in each part of each region, cut
// into pooled_h x pooled_w parts; 0 where a part has no pixels.
//
// Bottoms: x (N x C x H x W), regions (R x 5): image of the batch, x1, y1, x2, y2, corners within.
// Girshick, "Fast R-CNN", ICCV 2015; its rounding: corners to whole pixels, parts outwards.
// Caffe: loses the gradient of a part that reaches, by rounding, beyond its region.
// Caffe: a NaN, or a part of nothing but -inf, writes outside of the features' gradient or is lost.
// Caffe: corners beyond the range of int are undefined; here they are cut, and NaN is refused.
#include <limits>

#include "moka/layer.h"
#include "moka/registry.h"
#include "region.h"
#include "roi_pooling.pb.h"

namespace moka {
namespace {

class ROIPooling final : public Layer {
 public:
  ROIPooling(const LayerSpec& spec, const ROIPoolingParameter& params)
      : Layer(spec),
        pooled_h_(Pooled("pooled_h", params.has_pooled_h(), params.pooled_h())),
        pooled_w_(Pooled("pooled_w", params.has_pooled_w(), params.pooled_w())),
        scale_(params.spatial_scale()) {
    CheckSpatialScale(scale_, "roi_pooling_param.spatial_scale");
  }

  static LayerTraits Traits(const LayerSpec&, const ROIPoolingParameter&) {
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
  static int64_t Pooled(const std::string& name, bool given, uint32_t size) {
    if (!given) throw Error(name, " is missing").At("roi_pooling_param");
    if (size == 0)
      throw Error(name, " is 0; it must be at least 1").At("roi_pooling_param." + name);
    if (size > 1 << 16)
      throw Error(name, " ", size, " is too large").At("roi_pooling_param." + name);
    return size;
  }
  void Pool(const float* x, const Region& region, float* y, int32_t* largest) const;

  const int64_t pooled_h_, pooled_w_;
  const float scale_;
  int64_t batch_ = 0, channels_ = 0, height_ = 0, width_ = 0, regions_ = 0;
  Buffer<int32_t> largest_;  // as y: which pixel of the channel, or -1
};

void ROIPooling::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  CheckRegions(x, bottom[1]);
  batch_ = x[0], channels_ = x[1], height_ = x[2], width_ = x[3], regions_ = bottom[1][0];
  if (Shape{height_, width_}.count() > std::numeric_limits<int32_t>::max()) {
    throw Error("the images are too large: ", height_, " x ", width_);
  }
  const Shape y{regions_, channels_, pooled_h_, pooled_w_};
  plan.top(0) = y;
  largest_ = plan.Saved<int32_t>(y.count());
}

// One channel: x (H, W), y (pooled_h, pooled_w).
void ROIPooling::Pool(const float* x, const Region& region, float* y, int32_t* largest) const {
  const auto whole = [](float corner) { return static_cast<int64_t>(std::round(Near(corner))); };
  const int64_t top = whole(region.y1 * scale_), left = whole(region.x1 * scale_);
  // A region that is turned inside out counts as one pixel.
  const int64_t rows = std::max<int64_t>(whole(region.y2 * scale_) - top + 1, 1);
  const int64_t columns = std::max<int64_t>(whole(region.x2 * scale_) - left + 1, 1);
  const float part_h = static_cast<float>(rows) / static_cast<float>(pooled_h_);
  const float part_w = static_cast<float>(columns) / static_cast<float>(pooled_w_);
  const auto part = [](int64_t p, float size, int64_t start, int64_t all) {
    return Covered(static_cast<float>(p) * size, static_cast<float>(p + 1) * size, start, all);
  };
  for (int64_t p = 0; p < pooled_h_; ++p) {
    const Pixels h = part(p, part_h, top, height_);
    for (int64_t q = 0; q < pooled_w_; ++q) {
      const Pixels w = part(q, part_w, left, width_);
      int64_t best = h.empty() || w.empty() ? -1 : h.begin * width_ + w.begin;
      float most = best < 0 ? 0 : x[best];
      for (int64_t i = h.begin; i < h.end; ++i) {
        for (int64_t j = w.begin; j < w.end; ++j) {
          const float value = x[i * width_ + j];
          if (value > most || (value != value && most == most)) {
            most = value, best = i * width_ + j;
          }
        }
      }
      *y++ = most;
      *largest++ = static_cast<int32_t>(best);
    }
  }
}

void ROIPooling::Forward(ForwardPass& pass) {
  const float *x = pass.bottom(0).data(), *rois = pass.bottom(1).data();
  float* y = pass.top(0).data();
  int32_t* largest = pass.Get(largest_).data();
  for (int64_t r = 0; r < regions_; ++r) ReadRegion(rois, r, batch_);  // the first bad one is told
  const int64_t image = height_ * width_, parts = pooled_h_ * pooled_w_;
  pass.ParallelFor(regions_ * channels_, 4, [=, this](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {  // k = r C + c
      const Region region = ReadRegion(rois, k / channels_, batch_);
      Pool(x + (region.image * channels_ + k % channels_) * image, region, y + k * parts,
           largest + k * parts);
    }
  });
}

// Regions overlap, so a piece of work is a channel: of all images, from all regions in order.
void ROIPooling::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const float *rois = pass.bottom(1).data(), *dy = pass.top_diff(0).data();
  const int32_t* largest = pass.Get(largest_).data();
  float* dx = pass.bottom_diff(0).data();
  const int64_t image = height_ * width_, parts = pooled_h_ * pooled_w_;
  pass.ParallelFor(channels_, 1, [=, this](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t n = 0; n < batch_; ++n)
        std::fill_n(dx + (n * channels_ + c) * image, image, 0.0f);
      for (int64_t r = 0; r < regions_; ++r) {
        float* plane = dx + (ReadRegion(rois, r, batch_).image * channels_ + c) * image;
        const int64_t from = (r * channels_ + c) * parts;
        for (int64_t k = from; k < from + parts; ++k) {
          if (largest[k] >= 0) plane[largest[k]] += dy[k];
        }
      }
    }
  });
}

}  // namespace

void RegisterROIPooling(Registry& registry) {
  registry.Add<ROIPooling>("ROIPooling", Field<ROIPoolingParameter>{"roi_pooling_param", 8266711});
}

}  // namespace moka
