// MultiBoxLoss: the layer in multibox_loss.cpp, what it does in one sample in multibox_sample.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "boxes.h"
#include "loss.pb.h"
#include "moka/registry.h"
#include "multibox_loss.pb.h"
#include "multibox_matching.h"
#include "suppression.h"

namespace moka::ssd {

// What one sample adds.
struct SampleLoss {
  double loc = 0, conf = 0;
  int64_t matches = 0;
};

class MultiBoxLoss final : public Layer {
  using P = MultiBoxLossParameter;

 public:
  MultiBoxLoss(const LayerSpec& spec, const P& params, const LossParameter& loss);

  static LayerTraits Traits(const LayerSpec&, const P&, const LossParameter&) {
    return LayerTraits().Bottoms(4).Tops(1).Loss(0).NoGradient(2).NoGradient(3).BottomGradientReads(
        Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  // All about one sample that both passes need.
  struct Sample {
    const float *loc, *conf;  // (priors, locations, 4), (priors, classes)
    Priors priors;
    TruthRows truth;
    std::span<int32_t> matches;   // (slots, priors): rows of the ground truth
    std::span<uint8_t> negative;  // (priors): mined; empty without mining
    int64_t n = 0;

    int32_t match(int64_t slot, int64_t i) const {
      return matches[static_cast<size_t>(slot * priors.count + i)];
    }
  };
  // How far the location that is predicted for a prior is from its box, as codes.
  struct Distance {
    double d[4] = {};
    double per_code[4] = {};  // d d[k] / d code[k]; 0 for a side that costs nothing
    int64_t at = 0;           // where the code stands in the sample's locations
  };

  bool mines() const { return mining_ != P::NONE; }
  Sample At(Pass& pass, int64_t n);
  void MatchSample(Pass& pass, const Sample& s, std::span<Truth> truths, int worker);
  void Mine(Pass& pass, const Sample& s, int worker);
  std::span<const Box> Predicted(Pass& pass, const Sample& s, int64_t location, int worker);
  Distance DistanceOf(const Sample& s, int64_t slot, int64_t i) const;
  int64_t ClassOf(const Sample& s, int64_t i) const;
  bool IsOfClass(const Sample& s, int64_t i, int64_t c) const;
  bool CountsScores(const Sample& s, int64_t i) const;
  double LocLoss(const Distance& distance) const;
  double ConfLoss(const Sample& s, int64_t i) const;
  SampleLoss LossOf(const Sample& s) const;
  void LocBackward(const Sample& s, double scale, std::span<float> dx) const;
  void ConfBackward(const Sample& s, double scale, std::span<float> dx) const;

  const P::LocLossType loc_type_;
  const P::ConfLossType conf_type_;
  const double loc_weight_;
  const Labels labels_;
  const bool share_, match_priors_, bp_inside_;
  const Matching matching_;
  const Coding coding_;
  const P::MiningType mining_;
  const double neg_pos_ratio_;
  const float neg_overlap_;
  const int64_t sample_size_;
  bool suppresses_ = false;  // whether nms_param says so
  bool suppress_priors_ = false;
  Suppression suppression_;
  LossParameter::NormalizationMode normalization_;
  bool with_loc_ = true, with_conf_ = true;  // propagate_down

  int64_t samples_ = 0, priors_ = 0, rows_ = 0;
  int64_t locations_ = 1;  // boxes that are predicted for each prior
  int64_t slots_ = 1;      // matchings of a sample: one, or one for each class
  Buffer<int32_t> matches_;
  Buffer<uint8_t> negative_;
  Buffer<double> normaliser_;
  Buffer<Truth> truths_;
  Buffer<int64_t> starts_;
  Buffer<SampleLoss> losses_;
  Buffer<Box> boxes_, kept_;
  Buffer<float> overlap_;
  Buffer<int32_t> best_;
  Buffer<Scored> candidates_;
};

}  // namespace moka::ssd
