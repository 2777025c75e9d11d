// Losses of scores x and targets t, a target for each score: loss = 1/Z sum of l(x, t).
#pragma once

#include <algorithm>
#include <optional>

#include "moka/layer.h"
#include "normaliser.h"

namespace moka {

// A part of such a layer. Bottoms: scores, targets. Top: the loss. Targets equal to ignore_label
// add nothing.
class TargetLoss {
 public:
  TargetLoss(const LossParameter& loss, LossParameter::NormalizationMode otherwise)
      : ignore_(IgnoreLabel(loss)), normalization_(Normalization(loss, otherwise)) {}

  void Reshape(Shapes bottom, Plan& plan) {
    if (bottom[0].count() != bottom[1].count()) {
      throw Error("bottom 0 is ", bottom[0], " (", bottom[0].count(), " scores), bottom 1 is ",
                  bottom[1], " (", bottom[1].count(), " targets): each score needs a target");
    }
    samples_ = bottom[0].size_or_1(0);
    count_ = bottom[0].count();
    plan.top(0) = Shape();
    normaliser_ = plan.Saved<double>(1);
    parts_ = plan.Scratch<LossSum>(Pieces(count_, kGrain));
  }

  // How many targets each sample has.
  int64_t sample_size() const { return count_ / std::max<int64_t>(1, samples_); }

  // l(i) is the loss of score i.
  template <typename L>
  void Forward(ForwardPass& pass, const L& l) {
    const float* t = pass.bottom(1).data();
    const LossSum sum =
        SumPieces(pass, count_, kGrain, pass.Get(parts_), [&](int64_t begin, int64_t end) {
          LossSum part;
          for (int64_t i = begin; i < end; ++i) {
            if (Ignored(t[i])) continue;
            part.loss += l(i);
            ++part.counted;
          }
          return part;
        });
    const double normaliser = Normaliser(normalization_, samples_, count_, sum.counted);
    pass.Get(normaliser_)[0] = normaliser;
    pass.top(0).data()[0] = static_cast<float>(sum.loss / normaliser);
  }

  // slope(i) is dl/dx of score i.
  template <typename Slope>
  void Backward(BackwardPass& pass, const Slope& slope) {
    if (!pass.wants_bottom(0)) return;
    const float* t = pass.bottom(1).data();
    float* dx = pass.bottom_diff(0).data();
    const double g = pass.top_diff(0).data()[0] / pass.Get(normaliser_)[0];
    pass.ParallelFor(count_, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        dx[i] = Ignored(t[i]) ? 0 : static_cast<float>(g * slope(i));
      }
    });
  }

 private:
  static constexpr int64_t kGrain = 4096;

  bool Ignored(float t) const { return ignore_ && t == static_cast<float>(*ignore_); }

  std::optional<int> ignore_;
  LossParameter::NormalizationMode normalization_;
  int64_t samples_ = 0, count_ = 0;
  Buffer<double> normaliser_;
  Buffer<LossSum> parts_;
};

}  // namespace moka
