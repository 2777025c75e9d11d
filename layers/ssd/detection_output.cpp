// DetectionOutput: the boxes that are predicted, without those that overlap better ones of their
// class.
// Bottoms: locations (N x 4n, or N x 4nC without share_location), scores (N x nC), priors (1 x 2 x
// 4n), and perhaps the image, which is not looked at.
// Top: 1 x 1 x K x 7, a row for each detection: sample, class, score, x0, y0, x1, y1; by sample,
// then class, then score. Where nothing is detected in the whole batch, there is one row for each
// sample, with -1 behind the sample's number, as SSD has it; readers skip rows of class -1.
// Caffe: it orders equal scores at will, here the lower prior goes first; a NaN among the scores is
// never a detection. It saves detections to files, and shows them; here both are refused.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "boxes.h"
#include "detection_output.pb.h"
#include "moka/registry.h"
#include "suppression.h"

namespace moka::ssd {
namespace {

constexpr int64_t kRow = 7;

// One that was kept: its class, score, and box.
struct Detection {
  int32_t label = 0, prior = 0;
  float score = 0;
  Box box;
};

class DetectionOutput final : public Layer {
 public:
  DetectionOutput(const LayerSpec& spec, const DetectionOutputParameter& params)
      : Layer(spec),
        classes_(params.num_classes()),
        share_(params.share_location()),
        background_(params.background_label_id()),
        coding_{params.code_type(), !params.variance_encoded_in_target()},
        suppression_(Suppression::Of(params.nms_param(), "detection_output_param.nms_param")),
        keep_top_k_(params.keep_top_k()),
        threshold_(params.has_confidence_threshold() ? params.confidence_threshold()
                                                     : -std::numeric_limits<float>::max()) {
    if (classes_ < 1 || classes_ > std::numeric_limits<int32_t>::max()) {
      throw Error("num_classes must be given, from 1 to ", std::numeric_limits<int32_t>::max(),
                  ", but is ", classes_)
          .At("detection_output_param.num_classes");
    }
    if (std::isnan(threshold_)) {
      throw Error("confidence_threshold must be a number, but is ", threshold_)
          .At("detection_output_param.confidence_threshold");
    }
    RefuseWhatIsNotDone(params);
  }

  static LayerTraits Traits(const LayerSpec&, const DetectionOutputParameter&) {
    return LayerTraits().Bottoms(3, 4).Tops(1).NoBackward();
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    priors_ = CountPriors(bottom, share_ ? 1 : classes_, classes_);
    samples_ = bottom[0].size_or_1(0);
    // Of each class at most this many, of each sample at most that many.
    const bool has_background = background_ >= 0 && background_ < classes_;
    const int64_t found =
        Shape{classes_ - (has_background ? 1 : 0), std::min(priors_, suppression_.top_k)}.count();
    most_ = keep_top_k_ < 0 ? found : std::min<int64_t>(found, keep_top_k_);
    plan.top(0) = Shape{1, 1, std::max(samples_, Shape{samples_, most_}.count()), kRow};
    candidates_ = plan.Scratch<Scored>(priors_, true);
    boxes_ = plan.Scratch<Box>(std::min(priors_, suppression_.top_k), true);
    found_ = plan.Scratch<Detection>(found, true);
    kept_ = plan.Scratch<int64_t>(samples_);
  }

  void Forward(ForwardPass& pass) override;

 private:
  static void RefuseWhatIsNotDone(const DetectionOutputParameter& params) {
    const SaveOutputParameter& save = params.save_output_param();
    if (!save.output_directory().empty() && !save.label_map_file().empty() &&
        !save.name_size_file().empty()) {
      throw Error("detections are not saved to files (output_directory \"", save.output_directory(),
                  "\"): read the top of this layer instead")
          .At("detection_output_param.save_output_param.output_directory");
    }
    if (params.visualize()) {
      throw Error("visualize is not done: read the top of this layer instead")
          .At("detection_output_param.visualize");
    }
  }

  int64_t FindInClass(ForwardPass& pass, int64_t n, int64_t c, int worker, Detection* found);
  int64_t FindInSample(ForwardPass& pass, int64_t n, int worker, Detection* found);

  const int64_t classes_;
  const bool share_;
  const int64_t background_;
  const Coding coding_;
  const Suppression suppression_;
  const int64_t keep_top_k_;
  const float threshold_;
  int64_t samples_ = 0, priors_ = 0;
  int64_t most_ = 0;  // detections in one sample
  Buffer<Scored> candidates_;
  Buffer<Box> boxes_;
  Buffer<Detection> found_;
  Buffer<int64_t> kept_;  // for each sample
};

int64_t DetectionOutput::FindInClass(ForwardPass& pass, int64_t n, int64_t c, int worker,
                                     Detection* found) {
  const float* score = pass.bottom(1).data() + n * priors_ * classes_ + c;
  const int64_t locations = share_ ? 1 : classes_;
  const float* code = pass.bottom(0).data() + 4 * (n * priors_ * locations + (share_ ? 0 : c));
  const Priors priors{pass.bottom(2).data(), priors_};
  const std::span<Scored> candidates = pass.Get(candidates_, worker);
  const std::span<Box> boxes = pass.Get(boxes_, worker);
  int64_t count = 0;
  for (int64_t i = 0; i < priors_; ++i) {
    if (score[i * classes_] > threshold_)  // not so for NaN
      candidates[static_cast<size_t>(count++)] = {score[i * classes_], static_cast<int32_t>(i)};
  }
  count = suppression_.Keep(
      candidates.data(), count,
      [&](int64_t i) {
        return coding_.Decode(priors.box(i), priors.variance(i), code + 4 * i * locations);
      },
      boxes.data());
  for (int64_t k = 0; k < count; ++k) {
    const Scored& best = candidates[static_cast<size_t>(k)];
    found[k] = {static_cast<int32_t>(c), best.index, best.score, boxes[static_cast<size_t>(k)]};
  }
  return count;
}

int64_t DetectionOutput::FindInSample(ForwardPass& pass, int64_t n, int worker, Detection* found) {
  int64_t count = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    if (c != background_) count += FindInClass(pass, n, c, worker, found + count);
  }
  if (count <= most_) return count;
  // The best of all classes; then by class again. All keys differ, so any sort gives one order.
  const auto better = [](const Detection& a, const Detection& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.label != b.label ? a.label < b.label : a.prior < b.prior;
  };
  std::nth_element(found, found + most_, found + count, better);
  std::sort(found, found + most_, [&](const Detection& a, const Detection& b) {
    return a.label != b.label ? a.label < b.label : better(a, b);
  });
  return most_;
}

// Each sample writes into its own part of the top; the parts are moved together afterwards.
void DetectionOutput::Forward(ForwardPass& pass) {
  float* y = pass.top(0).data();
  const std::span<int64_t> kept = pass.Get(kept_);
  pass.ParallelFor(samples_, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t n = begin; n < end; ++n) {
      Detection* found = pass.Get(found_, worker).data();
      const int64_t count = kept[static_cast<size_t>(n)] = FindInSample(pass, n, worker, found);
      for (int64_t k = 0; k < count; ++k) {
        const Detection& d = found[k];
        float* row = y + (n * most_ + k) * kRow;
        const float values[kRow] = {static_cast<float>(n),
                                    static_cast<float>(d.label),
                                    d.score,
                                    d.box.x0,
                                    d.box.y0,
                                    d.box.x1,
                                    d.box.y1};
        std::copy(values, values + kRow, row);
      }
    }
  });
  int64_t rows = 0;
  for (int64_t n = 0; n < samples_; ++n) {
    const int64_t count = kept[static_cast<size_t>(n)];
    const float* from = y + n * most_ * kRow;
    float* to = y + rows * kRow;
    if (to != from) std::copy(from, from + count * kRow, to);
    rows += count;
  }
  if (rows == 0) {
    for (; rows < samples_; ++rows) {
      std::fill(y + rows * kRow, y + (rows + 1) * kRow, -1.0F);
      y[rows * kRow] = static_cast<float>(rows);
    }
  }
  pass.SetTopShape(0, Shape{1, 1, rows, kRow});
}

}  // namespace

void RegisterDetectionOutput(Registry& registry) {
  registry.Add<DetectionOutput>("DetectionOutput",
                                Field<DetectionOutputParameter>{"detection_output_param", 204});
  registry.AddCheckCase(
      "DetectionOutput",
      CheckCase("detection_output_param { num_classes: 3 code_type: CENTER_SIZE }",
                {{2, 24}, {2, 18}, {1, 2, 24}})
          .Range(2, 0.1F, 0.2F));
}

}  // namespace moka::ssd
