// Filter: y_k = those items n of x_k for which selector[n] is not 0; dx_k is dy_k in their places
// and 0 elsewhere.
//
// The last bottom is the selector, one number for each item; it has no gradient. The other bottoms
// have a top each, whose batch size is known in the pass only. It may be 0.
// Caffe: takes NaN for a selected item; here it is refused.
#include <algorithm>
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"
#include "rows.h"
#include "strips.h"

namespace moka {
namespace {

class Filter final : public Layer {
 public:
  explicit Filter(const LayerSpec& spec) : Layer(spec) {}

  // Backward uses the places that Forward kept.
  static LayerTraits Traits(const LayerSpec& spec) {
    LayerTraits traits;
    const int filtered = std::max(1, spec.bottom_count() - 1);
    traits.Bottoms(2, LayerTraits::kAnyNumber).Tops(filtered);
    return traits.BottomGradientReads(Reads::Nothing()).NoGradient(filtered);
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  static constexpr int64_t kLeftOut = -1;

  int64_t Select(std::span<const float> selector, std::span<int64_t> places) const;

  Buffer<int64_t> places_;  // where in the tops each item is
};

void Filter::Reshape(Shapes bottom, Plan& plan) {
  const Shape& selector = bottom.back();
  for (size_t k = 0; k + 1 < bottom.size(); ++k) {
    const Shape& x = bottom[k];
    if (x.axes() == 0 || x[0] != selector.count()) {
      throw Error("bottom ", k, " is ", x, ", but the selector, bottom ", bottom.size() - 1,
                  ", is ", selector, ": it takes one number for each item");
    }
    plan.top(static_cast<int>(k)) = x;  // if all are selected
  }
  places_ = plan.Saved<int64_t>(selector.count());
}

// Gives each item its place, and returns how many are selected.
int64_t Filter::Select(std::span<const float> selector, std::span<int64_t> places) const {
  int64_t selected = 0;
  for (size_t n = 0; n < selector.size(); ++n) {
    if (std::isnan(selector[n])) {
      throw Error("the selector of sample ", n, " is nan").Sample(static_cast<int64_t>(n));
    }
    places[n] = selector[n] != 0 ? selected++ : kLeftOut;
  }
  return selected;
}

void Filter::Forward(ForwardPass& pass) {
  const int last = pass.bottom_count() - 1;
  const std::span<int64_t> places = pass.Get(places_);
  const int64_t selected = Select(pass.bottom(last).values(), places);
  for (int k = 0; k < last; ++k) {
    const Shape& shape = pass.bottom(k).shape();
    const int64_t width = shape.count_from(1);
    const float* x = pass.bottom(k).data();
    float* y = pass.top(k).data();
    Rows{shape[0], width}.ForEach(pass, [&](int64_t n, int64_t begin, int64_t end) {
      const int64_t m = places[static_cast<size_t>(n)];
      if (m != kLeftOut) CopyStrip(x + n * width + begin, y + m * width + begin, end - begin);
    });
    pass.SetTopShape(k, shape.With(0, selected));
  }
}

void Filter::Backward(BackwardPass& pass) {
  const std::span<const int64_t> places = pass.Get(places_);
  for (int k = 0; k < pass.top_count(); ++k) {
    if (!pass.wants_bottom(k)) continue;
    const Shape& shape = pass.bottom_diff(k).shape();
    const int64_t width = shape.count_from(1);
    const float* dy = pass.top_diff(k).data();
    float* dx = pass.bottom_diff(k).data();
    Rows{shape[0], width}.ForEach(pass, [&](int64_t n, int64_t begin, int64_t end) {
      const int64_t m = places[static_cast<size_t>(n)];
      float* out = dx + n * width + begin;
      if (m == kLeftOut) {
        std::fill_n(out, end - begin, 0.0F);
      } else {
        CopyStrip(dy + m * width + begin, out, end - begin);
      }
    });
  }
}

}  // namespace

void RegisterFilter(Registry& registry) { registry.Add<Filter>("Filter"); }

}  // namespace moka
