// Split: every top is the bottom; dx = the sum of all dy.
#include <algorithm>
#include <vector>

#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Split final : public Layer {
 public:
  explicit Split(const LayerSpec& spec) : Layer(spec) {}

  // The tops may all stand in the bottom's memory. Their diffs are another matter: with several
  // tops each has its own, and the sum goes to a bottom_diff of its own, unless there is only one
  // top.
  static LayerTraits Traits(const LayerSpec& spec) {
    LayerTraits traits;
    traits.Tops(1, LayerTraits::kAnyNumber).BottomGradientReads(Reads::Nothing());
    for (int t = 0; t < spec.top_count(); ++t) traits.SameValues(t, 0);
    return traits;
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    for (int t = 0; t < spec().top_count(); ++t) plan.top(t) = bottom[0];
  }

  // Nothing to do where the net gave both the same memory: Copy sees that.
  void Forward(ForwardPass& pass) override {
    for (int t = 0; t < pass.top_count(); ++t) {
      Copy(pass.context(), pass.bottom(0).values(), pass.top(t).values());
    }
  }

  void Backward(BackwardPass& pass) override;
};

// Summed in blocks, in the order of the tops; a block is written when all of it has been read, so
// that dx may be any one of the dy.
void Split::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  if (pass.top_count() == 1) {
    Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
    return;
  }
  constexpr int64_t kBlock = 512, kGrain = 32 * kBlock;
  float* dx = pass.bottom_diff(0).data();
  pass.ParallelFor(pass.bottom_diff(0).count(), kGrain, [&](int64_t begin, int64_t end) {
    float sum[kBlock];
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t n = std::min(kBlock, end - at);
      std::copy_n(pass.top_diff(0).data() + at, n, sum);
      for (int t = 1; t < pass.top_count(); ++t) {
        const float* dy = pass.top_diff(t).data() + at;
        for (int64_t i = 0; i < n; ++i) sum[i] += dy[i];
      }
      std::copy_n(sum, n, dx + at);
    }
  });
}

}  // namespace

void RegisterSplit(Registry& registry) { registry.Add<Split>("Split"); }

}  // namespace moka
