// Accuracy: the share of predictions whose label is among the top_k best scores.
// Caffe: does not check labels in a release build and reads outside its memory; here each is
// checked.
#include <vector>

#include "accuracy.pb.h"
#include "class_scores.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

// Whether the class's score x[label] is among the k best of n. An equal score elsewhere counts as a
// better one, so that a net which says the same for all classes is not right; so does a NaN.
bool AmongBest(const float* x, int64_t n, int64_t stride, int64_t label, int64_t k) {
  const float own = x[label * stride];
  if (std::isnan(own)) return false;
  int64_t better = -1;  // its own score is met too
  for (int64_t i = 0; i < n; ++i) better += x[i * stride] < own ? 0 : 1;
  return better < k;
}

float Share(int64_t right, int64_t all) {
  return all == 0 ? 0.0F
                  : static_cast<float>(static_cast<double>(right) / static_cast<double>(all));
}

// Bottoms: scores, labels. Tops: the accuracy and, if there is a second one, that of each class (0
// for a class without samples).
class Accuracy final : public Layer {
 public:
  Accuracy(const LayerSpec& spec, const AccuracyParameter& params)
      : Layer(spec), top_k_(params.top_k()), axis_(params.axis()) {
    if (params.has_ignore_label()) ignore_ = params.ignore_label();
    if (top_k_ < 1) throw Error("top_k is 0; it must be at least 1").At("accuracy_param.top_k");
  }

  static LayerTraits Traits(const LayerSpec&, const AccuracyParameter&) {
    return LayerTraits().Bottoms(2).Tops(1, 2).NoBackward();
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    scores_ = ScoresAlong(bottom[0], bottom[0].Axis(axis_, "accuracy_param.axis"));
    CheckLabelCount(scores_, bottom[0], bottom[1]);
    if (top_k_ > scores_.classes) {
      throw Error("top_k ", top_k_, " is larger than the number of classes, ", scores_.classes)
          .At("accuracy_param.top_k");
    }
    plan.top(0) = Shape();
    if (spec().top_count() > 1) plan.top(1) = Shape{scores_.classes};
    verdicts_ = plan.Scratch<Verdict>(scores_.predictions());
    counts_ = plan.Scratch<Count>(scores_.classes);
  }

  void Forward(ForwardPass& pass) override;

 private:
  struct Verdict {
    int64_t label;
    bool right;
  };
  struct Count {
    int64_t right, all;
  };

  const int64_t top_k_;
  const int axis_;
  std::optional<int> ignore_;
  ClassScores scores_;
  Buffer<Verdict> verdicts_;
  Buffer<Count> counts_;
};

void Accuracy::Forward(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* label = pass.bottom(1).data();
  const std::span<Verdict> verdicts = pass.Get(verdicts_);
  pass.ParallelFor(scores_.predictions(), scores_.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t k = ClassOf(label[n], ignore_, scores_, n);
      const float* row = x + scores_.Offset(n);
      const bool right = k != kIgnored && AmongBest(row, scores_.classes, scores_.inner, k, top_k_);
      verdicts[static_cast<size_t>(n)] = {k, right};
    }
  });

  const std::span<Count> counts = pass.Get(counts_);
  std::fill(counts.begin(), counts.end(), Count{0, 0});
  for (const Verdict& verdict : verdicts) {
    if (verdict.label == kIgnored) continue;
    Count& count = counts[static_cast<size_t>(verdict.label)];
    count.right += verdict.right ? 1 : 0;
    ++count.all;
  }
  Count total{0, 0};
  for (size_t c = 0; c < counts.size(); ++c) {
    total.right += counts[c].right;
    total.all += counts[c].all;
    if (pass.top_count() > 1) pass.top(1).data()[c] = Share(counts[c].right, counts[c].all);
  }
  pass.top(0).data()[0] = Share(total.right, total.all);
}

}  // namespace

void RegisterAccuracy(Registry& registry) {
  registry.Add<Accuracy>("Accuracy", Field<AccuracyParameter>{"accuracy_param", 102});
}

}  // namespace moka
