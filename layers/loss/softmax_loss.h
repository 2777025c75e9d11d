// Losses of class scores x and labels through p = softmax(x): loss = 1/Z sum of l(p, label).
#pragma once

#include <cfloat>
#include <span>

#include "class_scores.h"
#include "moka/layer.h"
#include "normaliser.h"
#include "softmax.pb.h"
#include "softmax_row.h"

namespace moka {

// -log p, but finite where p underflows to 0; in this order the bound lets a NaN through.
inline double MinusLog(float p, float least) {
  return -std::log(static_cast<double>(p < least ? least : p));
}

// A part of such a layer. Bottoms: scores, labels. Tops: the loss and, if there is a second one, p.
// The layer's l is a Rule, for one prediction with probabilities p, `stride` apart:
//   double Loss(const float* p, int64_t stride, int64_t label) const;
// and its gradient dl/dx = a p - t, in two parts; the second adds -g t, rounded like g a, to dx:
//   double Scale(const float* p, int64_t stride, int64_t label) const;
//   void Subtract(const float* p, int64_t stride, int64_t label, double g, float* dx) const;
class SoftmaxLoss {
 public:
  SoftmaxLoss(const SoftmaxParameter& softmax, const LossParameter& loss)
      : axis_(softmax.axis()), ignore_(IgnoreLabel(loss)), normalization_(Normalization(loss)) {}

  // Backward needs p: the second top if there is one, else a buffer of the layer's own.
  static LayerTraits Traits(const LayerSpec& spec, Reads also = Reads::Nothing()) {
    return LayerTraits().Bottoms(2).Tops(1, 2).Loss(0).NoGradient(1).BottomGradientReads(
        also | (spec.top_count() > 1 ? Reads::Top(1) : Reads::Nothing()));
  }

  // `axis_field`: where the file gives the axis, for errors.
  void Reshape(Shapes bottom, bool p_is_top, Plan& plan,
               const char* axis_field = "softmax_param.axis") {
    scores_ = ScoresAlong(bottom[0], bottom[0].Axis(axis_, axis_field));
    CheckLabelCount(scores_, bottom[0], bottom[1]);
    plan.top(0) = Shape();
    p_is_top_ = p_is_top;
    if (p_is_top) {
      plan.top(1) = bottom[0];
    } else {
      p_ = plan.Saved<float>(bottom[0].count());
    }
    labels_ = plan.Saved<int64_t>(scores_.predictions());
    normaliser_ = plan.Saved<double>(1);
    parts_ = plan.Scratch<LossSum>(scores_.pieces());
  }

  const ClassScores& scores() const { return scores_; }

  // Each prediction's class, or kIgnored; checked, and kept for Backward.
  std::span<const int64_t> ReadLabels(ForwardPass& pass) {
    const float* label = pass.bottom(1).data();
    const std::span<int64_t> labels = pass.Get(labels_);
    pass.ParallelFor(scores_.predictions(), kLabelGrain, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        labels[static_cast<size_t>(n)] = ClassOf(label[n], ignore_, scores_, n);
      }
    });
    return labels;
  }

  // After ReadLabels.
  template <typename Rule>
  void Forward(ForwardPass& pass, const Rule& rule);
  template <typename Rule>
  void Backward(BackwardPass& pass, const Rule& rule);

 private:
  static constexpr int64_t kLabelGrain = 16384;

  int axis_;
  std::optional<int> ignore_;
  LossParameter::NormalizationMode normalization_;
  ClassScores scores_;
  bool p_is_top_ = false;
  Buffer<float> p_;
  Buffer<int64_t> labels_;
  Buffer<double> normaliser_;
  Buffer<LossSum> parts_;
};

template <typename Rule>
void SoftmaxLoss::Forward(ForwardPass& pass, const Rule& rule) {
  const float* x = pass.bottom(0).data();
  float* p = p_is_top_ ? pass.top(1).data() : pass.Get(p_).data();
  const int64_t* labels = pass.Get(labels_).data();
  const LossSum sum = SumPieces(pass, scores_.predictions(), scores_.grain(), pass.Get(parts_),
                                [&](int64_t begin, int64_t end) {
                                  SoftmaxForward(scores_, x, p, begin, end);
                                  LossSum part;
                                  for (int64_t n = begin; n < end; ++n) {
                                    if (labels[n] == kIgnored) continue;
                                    part.loss +=
                                        rule.Loss(p + scores_.Offset(n), scores_.inner, labels[n]);
                                    ++part.counted;
                                  }
                                  return part;
                                });
  const double normaliser =
      Normaliser(normalization_, scores_.outer, scores_.predictions(), sum.counted);
  pass.Get(normaliser_)[0] = normaliser;
  pass.top(0).data()[0] = static_cast<float>(sum.loss / normaliser);
}

// dx (+)= a p, for predictions side by side; where a is 0, nothing comes of a NaN in p.
inline void ScaleColumns(const float* p, const float* a, float* dx, const ClassScores& scores,
                         int64_t columns, bool add) {
  Vectorised([=, classes = scores.classes, stride = scores.inner] {
    for (int64_t c = 0; c < classes; ++c) {
      const float* q = p + c * stride;
      float* d = dx + c * stride;
#pragma GCC ivdep
      for (int64_t j = 0; j < columns; ++j) {
        d[j] = (add ? d[j] : 0.0F) + (a[j] == 0 ? 0.0F : a[j] * q[j]);
      }
    }
  });
}

inline void ScaleRow(const float* p, float a, float* dx, int64_t classes, bool add) {
  Vectorised([=] {
#pragma GCC ivdep
    for (int64_t c = 0; c < classes; ++c) {
      dx[c] = (add ? dx[c] : 0.0F) + (a == 0 ? 0.0F : a * p[c]);
    }
  });
}

// With g the loss's top_diff over the normaliser and dp the top_diff of the second top: dx = g (a p
// - t) + p (dp - <p, dp>). An ignored label has g = 0.
template <typename Rule>
void SoftmaxLoss::Backward(BackwardPass& pass, const Rule& rule) {
  if (!pass.wants_bottom(0)) return;
  const float* p = p_is_top_ ? pass.top(1).data() : pass.Get(p_).data();
  const float* dp = p_is_top_ ? pass.top_diff(1).data() : nullptr;
  const int64_t* labels = pass.Get(labels_).data();
  const double g = pass.top_diff(0).data()[0] / pass.Get(normaliser_)[0];
  float* dx = pass.bottom_diff(0).data();
  const ClassScores& scores = scores_;
  pass.ParallelFor(scores.predictions(), scores.grain(), [&](int64_t begin, int64_t end) {
    if (dp) SoftmaxBackward(scores, p, dp, dx, begin, end);
    ForColumns(scores, begin, end, [&](int64_t n, int64_t columns) {
      const int64_t at = scores.Offset(n);
      float a[kColumns];
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t label = labels[n + j];
        const bool ignored = label == kIgnored || g == 0;
        a[j] = ignored ? 0 : static_cast<float>(g * rule.Scale(p + at + j, scores.inner, label));
      }
      if (scores.inner == 1) {
        ScaleRow(p + at, a[0], dx + at, scores.classes, dp != nullptr);
      } else {
        ScaleColumns(p + at, a, dx + at, scores, columns, dp != nullptr);
      }
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t label = labels[n + j];
        if (label == kIgnored || g == 0) continue;
        rule.Subtract(p + at + j, scores.inner, label, g, dx + at + j);
      }
    });
  });
}

}  // namespace moka
