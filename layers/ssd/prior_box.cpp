// PriorBox: boxes of several sizes and shapes around each place of a feature map.
// Bottoms: the feature map and the image; only their heights and widths count.
// Top: 1 x 2 x 4n for n boxes, first their corners (x0 y0 x1 y1, as fractions of the image), then
// their variances. At each place, row by row, and for each min_size: the square of that side, the
// square of side sqrt(min_size max_size), and the boxes of the other aspect ratios, which have the
// first one's area.
// Sizes: the fractions of min_size and max_size are cut off, 35.84 counts as 35, as in the Caffe
// that models are trained with.
// Caffe: a min_size below 1 gives boxes of no size, and a decoder that stops; here it is refused.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "moka/registry.h"
#include "prior_box.pb.h"

namespace moka::ssd {
namespace {

constexpr double kSameRatio = 1e-6;  // aspect ratios nearer to each other are one

void Require(bool holds, const char* field, const std::string& what, double value) {
  if (!holds)
    throw Error(field, " must be ", what, ", but is ", value)
        .At(std::string("prior_box_param.") + field);
}
bool IsPositive(double value) { return value > 0 && std::isfinite(value); }

void RequireBoth(bool has_a, bool has_b, const char* a, const char* b) {
  if (has_a == has_b) return;
  throw Error(a, " and ", b, " must be given together, but there is no ", has_a ? b : a)
      .At(std::string("prior_box_param.") + (has_a ? a : b));
}

// All aspect ratios but 1.
std::vector<double> AspectRatios(const PriorBoxParameter& params) {
  std::vector<double> ratios;
  for (const float ratio : params.aspect_ratio()) {
    Require(IsPositive(ratio), "aspect_ratio", "more than 0, and finite", ratio);
    const bool known = std::abs(ratio - 1.0) < kSameRatio ||
                       std::any_of(ratios.begin(), ratios.end(), [&](double other) {
                         return std::abs(ratio - other) < kSameRatio;
                       });
    if (known) continue;
    ratios.push_back(ratio);
    if (params.flip()) ratios.push_back(static_cast<float>(1.0 / ratio));
  }
  return ratios;
}

class PriorBox final : public Layer {
 public:
  PriorBox(const LayerSpec& spec, const PriorBoxParameter& params)
      : Layer(spec), clip_(params.clip()), offset_(params.offset()) {
    ReadSizes(params);
    ReadVariance(params);
    ReadImage(params);
    ReadStep(params);
    Require(std::isfinite(offset_), "offset", "finite", offset_);
  }

  static LayerTraits Traits(const LayerSpec&, const PriorBoxParameter&) {
    return LayerTraits().Bottoms(2).Tops(1).NoBackward();
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    for (size_t i = 0; i < 2; ++i) {
      if (bottom[i].axes() > 4 || bottom[i].size_or_1(2) * bottom[i].size_or_1(3) == 0) {
        throw Error("bottom ", i,
                    " must have a height and a width, axes 2 and 3, but its shape is ", bottom[i]);
      }
    }
    rows_ = bottom[0].size_or_1(2);
    columns_ = bottom[0].size_or_1(3);
    height_ = static_cast<double>(img_h_ > 0 ? img_h_ : bottom[1].size_or_1(2));
    width_ = static_cast<double>(img_h_ > 0 ? img_w_ : bottom[1].size_or_1(3));
    const int64_t each = static_cast<int64_t>(sizes_.size());
    plan.top(0) = Shape{1, 2, Shape{rows_, columns_, each, 4}.count()};
  }

  void Forward(ForwardPass& pass) override {
    const double step_h = step_h_ > 0 ? step_h_ : height_ / static_cast<double>(rows_);
    const double step_w = step_w_ > 0 ? step_w_ : width_ / static_cast<double>(columns_);
    const int64_t each = static_cast<int64_t>(sizes_.size()) * 4;
    float* const boxes = pass.top(0).data();
    float* const variances = boxes + rows_ * columns_ * each;
    const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, columns_ * each));
    pass.ParallelFor(rows_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t place = begin * columns_; place < end * columns_; ++place) {
        const double x = (static_cast<double>(place % columns_) + offset_) * step_w;
        const double y = (static_cast<double>(place / columns_) + offset_) * step_h;
        float* box = boxes + place * each;
        float* variance = variances + place * each;
        for (const Size& s : sizes_) {
          *box++ = Side((x - s.width / 2) / width_);
          *box++ = Side((y - s.height / 2) / height_);
          *box++ = Side((x + s.width / 2) / width_);
          *box++ = Side((y + s.height / 2) / height_);
          variance = std::copy(variance_.begin(), variance_.end(), variance);
        }
      }
    });
  }

 private:
  struct Size {
    double width = 0, height = 0;
  };

  float Side(double at) const {
    const auto side = static_cast<float>(at);
    return clip_ ? std::min(std::max(side, 0.0F), 1.0F) : side;
  }

  void ReadSizes(const PriorBoxParameter& params) {
    const int count = params.min_size_size(), most = params.max_size_size();
    if (count == 0) throw Error("min_size must be given").At("prior_box_param.min_size");
    if (most > 0 && most != count) {
      throw Error("there must be one max_size for each min_size, or none, but there are ", most,
                  " for ", count)
          .At("prior_box_param.max_size");
    }
    const std::vector<double> ratios = AspectRatios(params);
    for (int i = 0; i < count; ++i) {
      const float least = params.min_size(i);
      Require(least >= 1 && std::isfinite(least), "min_size", "at least 1, and finite", least);
      const double side = std::trunc(static_cast<double>(least));
      sizes_.push_back({side, side});
      if (most > 0) {
        const float max = params.max_size(i);
        if (!(max > least && std::isfinite(max))) {
          throw Error("max_size must be more than its min_size ", least, ", and finite, but is ",
                      max)
              .At("prior_box_param.max_size");
        }
        const double middle = std::sqrt(side * std::trunc(static_cast<double>(max)));
        sizes_.push_back({middle, middle});
      }
      for (const double ratio : ratios)
        sizes_.push_back({side * std::sqrt(ratio), side / std::sqrt(ratio)});
    }
  }

  void ReadVariance(const PriorBoxParameter& params) {
    const int count = params.variance_size();
    if (count != 0 && count != 1 && count != 4) {
      throw Error("there must be one variance or four, but there are ", count)
          .At("prior_box_param.variance");
    }
    for (const float variance : params.variance())
      Require(IsPositive(variance), "variance", "more than 0, and finite", variance);
    for (int k = 0; k < 4; ++k) {
      variance_[static_cast<size_t>(k)] = count == 0 ? 0.1F : params.variance(count == 1 ? 0 : k);
    }
  }

  void ReadImage(const PriorBoxParameter& params) {
    const bool both = params.has_img_h() || params.has_img_w();
    if (both && params.has_img_size()) {
      throw Error("img_size ", params.img_size(), " is given, and img_h or img_w as well")
          .At("prior_box_param.img_size");
    }
    RequireBoth(params.has_img_h(), params.has_img_w(), "img_h", "img_w");
    if (!both && !params.has_img_size()) return;
    img_h_ = both ? params.img_h() : params.img_size();
    img_w_ = both ? params.img_w() : params.img_size();
    Require(img_h_ > 0, both ? "img_h" : "img_size", "more than 0", static_cast<double>(img_h_));
    Require(img_w_ > 0, "img_w", "more than 0", static_cast<double>(img_w_));
  }

  void ReadStep(const PriorBoxParameter& params) {
    const bool both = params.has_step_h() || params.has_step_w();
    if (both && params.has_step()) {
      throw Error("step ", params.step(), " is given, and step_h or step_w as well")
          .At("prior_box_param.step");
    }
    RequireBoth(params.has_step_h(), params.has_step_w(), "step_h", "step_w");
    if (!both && !params.has_step()) return;
    step_h_ = both ? params.step_h() : params.step();
    step_w_ = both ? params.step_w() : params.step();
    Require(IsPositive(step_h_), both ? "step_h" : "step", "more than 0, and finite", step_h_);
    Require(IsPositive(step_w_), "step_w", "more than 0, and finite", step_w_);
  }

  const bool clip_;
  const double offset_;
  std::vector<Size> sizes_;  // in pixels; the boxes at each place
  std::array<float, 4> variance_ = {};
  int64_t img_h_ = 0, img_w_ = 0;   // 0: those of bottom 1
  double step_h_ = 0, step_w_ = 0;  // 0: from image and feature map
  int64_t rows_ = 0, columns_ = 0;
  double height_ = 0, width_ = 0;  // of the image
};

}  // namespace

void RegisterPriorBox(Registry& registry) {
  registry.Add<PriorBox>("PriorBox", Field<PriorBoxParameter>{"prior_box_param", 203});
  registry.AddCheckCase(
      "PriorBox",
      CheckCase("prior_box_param { min_size: 4 max_size: 8 aspect_ratio: 2 variance: [0.1, 0.1, "
                "0.2, 0.2] }",
                {{1, 2, 3, 4}, {1, 3, 24, 32}}));
}

}  // namespace moka::ssd
