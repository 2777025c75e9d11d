// MultiBoxLoss: (loc_weight sum of the locations' losses + sum of the scores' losses) / normaliser.
// Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016.
// Bottoms: locations (N x 4n, or N x 4nC without share_location), scores (N x nC), priors (1 x 2 x
// 4n), ground truth (1 x 1 x G x 8: sample, class, number, x0, y0, x1, y1, difficult; a sample of
// -1: nothing in the row).
// Losses: priors that are given a box of the ground truth have a loss of their location, and of
// their scores for its class; of the others those that are mined have one of their scores for the
// background. A sample without ground truth has no negatives to be mined. propagate_down, where it
// is given, says which of both counts.
// Normaliser (loss_param): VALID's number of matched priors, FULL's N n, BATCH_SIZE's N, or 1.
// Caffe: labels, samples and boxes of the ground truth are not checked, or in part; with
// encode_variance_in_target the gradient lacks 1 / variance; LOGISTIC without mining counts the
// targets of later samples in the wrong places, and those of unmatched priors not at all (here: the
// background); nms_param without top_k mines nothing (here: top_k is all); which of priors of equal
// loss are mined is left open (here: the first).
#include "multibox_loss.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "moka/layer.pb.h"

namespace moka::ssd {
namespace {

LossParameter::NormalizationMode Normalization(const LossParameter& params) {
  if (params.has_normalization() || !params.has_normalize()) return params.normalization();
  return params.normalize() ? LossParameter::VALID : LossParameter::BATCH_SIZE;
}

// Throws for `field` of multibox_loss_param, unless it holds.
template <typename... What>
void Require(bool holds, const char* field, const What&... what) {
  if (!holds) throw Error(field, what...).At(std::string("multibox_loss_param.") + field);
}

}  // namespace

MultiBoxLoss::MultiBoxLoss(const LayerSpec& spec, const P& params, const LossParameter& loss)
    : Layer(spec),
      loc_type_(params.loc_loss_type()),
      conf_type_(params.conf_loss_type()),
      loc_weight_(params.loc_weight()),
      labels_{params.num_classes(), params.background_label_id(), params.map_object_to_agnostic(),
              params.use_difficult_gt()},
      share_(params.share_location()),
      match_priors_(params.use_prior_for_matching()),
      bp_inside_(params.bp_inside()),
      matching_{params.match_type(), params.overlap_threshold(),
                params.ignore_cross_boundary_bbox()},
      coding_{params.code_type(), !params.encode_variance_in_target()},
      mining_(params.mining_type()),
      neg_pos_ratio_(params.neg_pos_ratio()),
      neg_overlap_(params.neg_overlap()),
      sample_size_(params.sample_size()),
      suppress_priors_(params.use_prior_for_nms()),
      normalization_(Normalization(loss)) {
  const int64_t classes = labels_.classes;
  const auto finite = [](const char* field, float value) {
    Require(std::isfinite(value), field, " must be finite, but is ", value);
  };
  Require(classes >= 1 && classes <= std::numeric_limits<int32_t>::max(), "num_classes",
          " must be given, from 1 to ", std::numeric_limits<int32_t>::max(), ", but is ", classes);
  Require(labels_.background < classes, "background_label_id", " must be below num_classes ",
          classes, ", but is ", labels_.background);
  Require(!labels_.all_one || (classes == 2 && labels_.background == 0), "map_object_to_agnostic",
          " needs num_classes 2 and background_label_id 0, but they are ", classes, " and ",
          labels_.background);
  finite("loc_weight", params.loc_weight());
  finite("overlap_threshold", params.overlap_threshold());
  finite("neg_overlap", params.neg_overlap());
  Require(params.neg_pos_ratio() > 0 && std::isfinite(params.neg_pos_ratio()), "neg_pos_ratio",
          " must be more than 0, and finite, but is ", params.neg_pos_ratio());
  Require(mining_ != P::HARD_EXAMPLE || sample_size_ > 0, "sample_size",
          " must be more than 0, but is ", sample_size_);
  Require(!params.has_do_neg_mining() || params.do_neg_mining() == mines(), "do_neg_mining", " is ",
          params.do_neg_mining() ? "true" : "false", ", but mining_type is ",
          P::MiningType_Name(mining_));
  Require(!mines() || share_, "mining_type", " is ", P::MiningType_Name(mining_),
          ", which needs share_location");
  if (params.has_nms_param()) {
    suppression_ = Suppression::Of(params.nms_param(), "multibox_loss_param.nms_param");
    suppression_.eta = 1;
    suppresses_ = suppression_.threshold > 0;
  }
  const LayerParameter& common = spec.common();
  if (common.propagate_down_size() > 0) with_loc_ = common.propagate_down(0);
  if (common.propagate_down_size() > 1) with_conf_ = common.propagate_down(1);
}

void MultiBoxLoss::Reshape(Shapes bottom, Plan& plan) {
  const Shape& truth = bottom[3];
  if (truth.axes() == 0 || truth[truth.axes() - 1] != TruthRows::kRow) {
    throw Error("bottom 3 must be ground truth, rows of ", TruthRows::kRow,
                " values, but its shape is ", truth);
  }
  rows_ = truth.count() / TruthRows::kRow;
  if (rows_ > std::numeric_limits<int32_t>::max()) {
    throw Error("there are ", rows_, " rows of ground truth, more than ",
                std::numeric_limits<int32_t>::max());
  }
  locations_ = share_ ? 1 : labels_.classes;
  slots_ = share_ || match_priors_ ? 1 : labels_.classes;
  priors_ = CountPriors(bottom, locations_, labels_.classes);
  samples_ = bottom[0].size_or_1(0);
  plan.top(0) = Shape();
  matches_ = plan.Saved<int32_t>(Shape{samples_, slots_, priors_}.count());
  negative_ = plan.Saved<uint8_t>(mines() ? Shape{samples_, priors_}.count() : 0);
  normaliser_ = plan.Saved<double>(1);
  truths_ = plan.Scratch<Truth>(rows_);
  starts_ = plan.Scratch<int64_t>(samples_ + 1);
  losses_ = plan.Scratch<SampleLoss>(samples_);
  boxes_ = plan.Scratch<Box>(priors_, true);
  overlap_ = plan.Scratch<float>(priors_, true);
  best_ = plan.Scratch<int32_t>(priors_, true);
  candidates_ = plan.Scratch<Scored>(mines() ? priors_ : 0, true);
  kept_ = plan.Scratch<Box>(suppresses_ ? std::min(priors_, suppression_.top_k) : 0, true);
}

MultiBoxLoss::Sample MultiBoxLoss::At(Pass& pass, int64_t n) {
  const auto of = [n](auto all, int64_t each) {
    return all.subspan(static_cast<size_t>(n * each), static_cast<size_t>(each));
  };
  return {pass.bottom(0).data() + n * priors_ * locations_ * 4,
          pass.bottom(1).data() + n * priors_ * labels_.classes,
          {pass.bottom(2).data(), priors_},
          {pass.bottom(3).data(), rows_},
          of(pass.Get(matches_), slots_ * priors_),
          of(pass.Get(negative_), mines() ? priors_ : 0),
          n};
}

void MultiBoxLoss::Forward(ForwardPass& pass) {
  const std::span<Truth> truths = pass.Get(truths_);
  const std::span<int64_t> starts = pass.Get(starts_);
  GroupBySample({pass.bottom(3).data(), rows_}, labels_, truths, starts);
  const std::span<SampleLoss> losses = pass.Get(losses_);
  pass.ParallelFor(samples_, 1, [&](int64_t begin, int64_t end, int worker) {
    for (auto n = static_cast<size_t>(begin); n < static_cast<size_t>(end); ++n) {
      const Sample s = At(pass, static_cast<int64_t>(n));
      const auto first = static_cast<size_t>(starts[n]);
      const auto count = static_cast<size_t>(starts[n + 1]) - first;
      MatchSample(pass, s, truths.subspan(first, count), worker);
      std::fill(s.negative.begin(), s.negative.end(), uint8_t{0});
      if (mines() && count > 0) Mine(pass, s, worker);
      losses[n] = LossOf(s);
    }
  });
  SampleLoss sum;
  for (const SampleLoss& loss : losses) {
    sum.loc += loss.loc;
    sum.conf += loss.conf;
    sum.matches += loss.matches;
  }
  double normaliser = 1;
  if (normalization_ == LossParameter::FULL) normaliser = static_cast<double>(samples_ * priors_);
  if (normalization_ == LossParameter::VALID) normaliser = static_cast<double>(sum.matches);
  if (normalization_ == LossParameter::BATCH_SIZE) normaliser = static_cast<double>(samples_);
  normaliser = std::max(1.0, normaliser);
  pass.Get(normaliser_)[0] = normaliser;
  const double loss = (with_loc_ ? loc_weight_ * sum.loc : 0) + (with_conf_ ? sum.conf : 0);
  pass.top(0).data()[0] = static_cast<float>(loss / normaliser);
}

void MultiBoxLoss::Backward(BackwardPass& pass) {
  const double scale = pass.top_diff(0).data()[0] / pass.Get(normaliser_)[0];
  pass.ParallelFor(samples_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Sample s = At(pass, n);
      const auto of = [&](int bottom, int64_t each) {
        return pass.bottom_diff(bottom).values().subspan(static_cast<size_t>(n * each),
                                                         static_cast<size_t>(each));
      };
      if (pass.wants_bottom(0))
        LocBackward(s, with_loc_ ? scale * loc_weight_ : 0, of(0, 4 * priors_ * locations_));
      if (pass.wants_bottom(1))
        ConfBackward(s, with_conf_ ? scale : 0, of(1, priors_ * labels_.classes));
    }
  });
}

void RegisterMultiBoxLoss(Registry& registry) {
  registry.Add<MultiBoxLoss>("MultiBoxLoss",
                             Field<MultiBoxLossParameter>{"multibox_loss_param", 201},
                             Field<LossParameter>{"loss_param", 101});
  // A box of no size is matched by nothing: what is checked are the scores.
  registry.AddCheckCase("MultiBoxLoss",
                        CheckCase("multibox_loss_param { num_classes: 2 background_label_id: 1 "
                                  "mining_type: NONE }",
                                  {{2, 8}, {2, 4}, {1, 2, 8}, {1, 1, 3, 8}})
                            .Labels(3, 1));
}

}  // namespace moka::ssd
