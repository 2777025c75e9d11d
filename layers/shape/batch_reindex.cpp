// BatchReindex: y[m] = x[index[m]], items taken by the indices in the second bottom; dx[n] = the
// sum of dy[m] over all m with index[m] = n.
//
// The second bottom has one axis and no gradient. An index may occur several times, or never.
// Caffe: cuts a fraction off an index, so 1.9 is 1; here it is refused, as is NaN.
#include "gather.h"
#include "moka/registry.h"
#include "strips.h"

namespace moka {
namespace {

class BatchReindex final : public Layer {
 public:
  explicit BatchReindex(const LayerSpec& spec) : Layer(spec) {}

  // Backward uses the indices that Forward kept.
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).BottomGradientReads(Reads::Nothing()).NoGradient(1);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape &x = bottom[0], &index = bottom[1];
    if (x.axes() == 0) throw Error("expects items along axis 0, but bottom 0 is a scalar");
    if (index.axes() != 1) throw Error("expects indices with one axis, but bottom 1 is ", index);
    if (x[0] == 0 && index[0] > 0) {
      throw Error("there are ", index[0], " indices, but no items: bottom 0 is ", x);
    }
    if (x[0] > kMostIndices) throw Error("a float cannot count the ", x[0], " items of bottom 0");
    width_ = x.count_from(1);
    gather_.Reshape(plan, x[0], index[0], 1, "the number of items");
    plan.top(0) = x.With(0, index[0]);
  }

  void Forward(ForwardPass& pass) override {
    const std::span<const int32_t> index = gather_.Read(pass, pass.bottom(1).data());
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    const Rows rows{static_cast<int64_t>(index.size()), width_};
    rows.ForEach(pass, [&](int64_t m, int64_t begin, int64_t end) {
      const float* from = x + index[static_cast<size_t>(m)] * width_;
      CopyStrip(from + begin, y + m * width_ + begin, end - begin);
    });
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    gather_.SumCopies(pass, width_, pass.top_diff(0).data(), false, pass.bottom_diff(0).data());
  }

 private:
  int64_t width_ = 0;
  Gather gather_;
};

}  // namespace

void RegisterBatchReindex(Registry& registry) { registry.Add<BatchReindex>("BatchReindex"); }

}  // namespace moka
