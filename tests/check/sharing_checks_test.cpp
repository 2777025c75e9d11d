// CheckLayer: memory that tops and bottoms share, all of it at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "check/sample_layers.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

// y0 = y1 = x0 x1. The top that lies in a bottom's memory comes last, which goes well for one.
class TwoProducts : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).Tops(2).NoBackward().MayShare(0, 0).MayShare(1, 1);
  }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = plan.top(1) = bottom[0]; }
  void Forward(ForwardPass& pass) override {
    const float *a = pass.bottom(0).data(), *b = pass.bottom(1).data();
    const int last = pass.top(0).data() == a ? 0 : 1;
    for (const int t : {1 - last, last}) {
      float* y = pass.top(t).data();
      for (int64_t i = 0; i < pass.top(t).count(); ++i) y[i] = a[i] * b[i];
    }
  }
};

TEST(CheckLayer, CatchesMemoryThatMayBeSharedInOnePlaceOnly) {
  const auto broken = Check<TwoProducts>({{2, 3}, {2, 3}}).broken();
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_THAT(broken[0], testing::HasSubstr("with all shared memory at once: top 0 at element 0 "
                                            "(0,0): expected "));
}

}  // namespace
}  // namespace moka
