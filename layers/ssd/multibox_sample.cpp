// MultiBoxLoss in one sample: matching, mining, its part of the loss and of the gradients.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "multibox_loss.h"
#include "multibox_scores.h"
#include "smooth_l1.h"

namespace moka::ssd {

// The boxes that are predicted, one for each prior, of the location numbered `location`.
std::span<const Box> MultiBoxLoss::Predicted(Pass& pass, const Sample& s, int64_t location,
                                             int worker) {
  const std::span<Box> boxes = pass.Get(boxes_, worker);
  for (int64_t i = 0; i < priors_; ++i) {
    boxes[static_cast<size_t>(i)] = coding_.Decode(s.priors.box(i), s.priors.variance(i),
                                                   s.loc + 4 * (i * locations_ + location));
  }
  return boxes;
}

void MultiBoxLoss::MatchSample(Pass& pass, const Sample& s, std::span<Truth> truths, int worker) {
  std::fill(s.matches.begin(), s.matches.end(), kUnmatched);
  if (truths.empty()) return;
  for (int64_t slot = 0; slot < slots_; ++slot) {
    if (slots_ > 1 && slot == labels_.background) continue;
    std::span<const Box> boxes;
    if (match_priors_) {
      const std::span<Box> copies = pass.Get(boxes_, worker);
      for (int64_t i = 0; i < priors_; ++i) copies[static_cast<size_t>(i)] = s.priors.box(i);
      boxes = copies;
    } else {
      boxes = Predicted(pass, s, slot, worker);
    }
    matching_.Run(
        boxes, truths, slots_ > 1 ? static_cast<int32_t>(slot) : -1,
        s.matches.subspan(static_cast<size_t>(slot * priors_), static_cast<size_t>(priors_)),
        pass.Get(overlap_, worker), pass.Get(best_, worker));
  }
}

// The class of prior i: that of its box, or the background. If several classes have matched it, the
// last of them.
int64_t MultiBoxLoss::ClassOf(const Sample& s, int64_t i) const {
  for (int64_t slot = slots_ - 1; slot >= 0; --slot) {
    const int32_t row = s.match(slot, i);
    if (row >= 0) return labels_.ClassOf(s.truth.label(row));
  }
  return labels_.background;
}

bool MultiBoxLoss::IsOfClass(const Sample& s, int64_t i, int64_t c) const {
  if (slots_ > 1 && c != labels_.background) return s.match(c, i) >= 0;
  return ClassOf(s, i) == c;
}

bool MultiBoxLoss::CountsScores(const Sample& s, int64_t i) const {
  return !mines() || s.match(0, i) >= 0 || s.negative[static_cast<size_t>(i)] != 0;
}

MultiBoxLoss::Distance MultiBoxLoss::DistanceOf(const Sample& s, int64_t slot, int64_t i) const {
  const int32_t row = s.match(slot, i);
  const Box prior = s.priors.box(i);
  const float* variance = s.priors.variance(i);
  for (int k = 0; k < 4; ++k) {
    if (!(variance[k] > 0)) {
      throw Error("variance ", variance[k], " of prior ", i, " is not more than 0").Sample(s.n);
    }
  }
  const Code target = coding_.Encode(prior, variance, s.truth.box(row));
  Distance distance;
  distance.at = 4 * (i * locations_ + (share_ ? 0 : labels_.ClassOf(s.truth.label(row))));
  const float* code = s.loc + distance.at;
  const Box box = bp_inside_ && !match_priors_ ? coding_.Decode(prior, variance, code) : prior;
  const float sides[4] = {box.x0, box.y0, box.x1, box.y1};
  for (int k = 0; k < 4; ++k) {
    if (bp_inside_ && IsOutside(sides[k])) continue;
    distance.per_code[k] = coding_.uses_variance ? 1 : 1.0 / variance[k];
    distance.d[k] = (static_cast<double>(code[k]) - target.v[k]) * distance.per_code[k];
  }
  return distance;
}

double MultiBoxLoss::LocLoss(const Distance& distance) const {
  double sum = 0;
  for (const double d : distance.d) sum += loc_type_ == P::L2 ? d * d / 2 : SmoothL1().Value(d);
  return sum;
}

double MultiBoxLoss::ConfLoss(const Sample& s, int64_t i) const {
  const float* x = s.conf + i * labels_.classes;
  if (conf_type_ == P::SOFTMAX) return SoftmaxScores{x, labels_.classes}.Loss(ClassOf(s, i));
  return LogisticScores{x, labels_.classes}.Loss([&](int64_t c) { return IsOfClass(s, i, c); });
}

// Chooses the priors that count, those of the greatest loss first.
void MultiBoxLoss::Mine(Pass& pass, const Sample& s, int worker) {
  const bool hard = mining_ == P::HARD_EXAMPLE;
  const std::span<const float> overlap = pass.Get(overlap_, worker);
  const std::span<Scored> candidates = pass.Get(candidates_, worker);
  int64_t count = 0, matched = 0;
  for (int64_t i = 0; i < priors_; ++i) {
    const int32_t match = s.match(0, i);
    if (match >= 0) ++matched;
    if (!hard && !(match == kUnmatched && overlap[static_cast<size_t>(i)] < neg_overlap_)) continue;
    double loss = ConfLoss(s, i);
    if (hard && match >= 0) loss += LocLoss(DistanceOf(s, 0, i));
    // A NaN is the first to be taken, so that the loss shows it.
    if (std::isnan(loss)) loss = std::numeric_limits<double>::infinity();
    candidates[static_cast<size_t>(count++)] = {static_cast<float>(loss), static_cast<int32_t>(i)};
  }
  const auto wanted = static_cast<int64_t>(std::min(
      hard ? static_cast<double>(sample_size_) : static_cast<double>(matched) * neg_pos_ratio_,
      static_cast<double>(count)));
  if (suppresses_) {
    if (!suppress_priors_) Predicted(pass, s, 0, worker);
    const std::span<const Box> predicted = pass.Get(boxes_, worker);
    count = suppression_.Keep(
        candidates.data(), count,
        [&](int64_t i) {
          return suppress_priors_ ? s.priors.box(i) : predicted[static_cast<size_t>(i)];
        },
        pass.Get(kept_, worker).data(), 1e-5F);
  } else {
    SortBestFirst(candidates.data(), candidates.data() + count);
  }
  for (int64_t k = 0; k < std::min(wanted, count); ++k)
    s.negative[static_cast<size_t>(candidates[static_cast<size_t>(k)].index)] = 1;
  for (int64_t i = 0; i < priors_; ++i) {
    uint8_t& mined = s.negative[static_cast<size_t>(i)];
    int32_t& match = s.matches[static_cast<size_t>(i)];
    if (hard && match >= 0 && mined == 0) match = kUnmatched;
    if (match != kUnmatched) mined = 0;
  }
}

SampleLoss MultiBoxLoss::LossOf(const Sample& s) const {
  SampleLoss sum;
  for (int64_t i = 0; i < priors_; ++i) {
    for (int64_t slot = 0; slot < slots_; ++slot) {
      if (s.match(slot, i) < 0) continue;
      ++sum.matches;
      if (with_loc_) sum.loc += LocLoss(DistanceOf(s, slot, i));
    }
    if (with_conf_ && CountsScores(s, i)) sum.conf += ConfLoss(s, i);
  }
  return sum;
}

void MultiBoxLoss::LocBackward(const Sample& s, double scale, std::span<float> dx) const {
  std::fill(dx.begin(), dx.end(), 0.0F);
  for (int64_t slot = 0; slot < slots_; ++slot) {
    for (int64_t i = 0; i < priors_; ++i) {
      if (s.match(slot, i) < 0) continue;
      const Distance distance = DistanceOf(s, slot, i);
      for (int64_t k = 0; k < 4; ++k) {
        const double d = distance.d[k];
        const double slope = loc_type_ == P::L2 ? d : SmoothL1().Slope(d);
        dx[static_cast<size_t>(distance.at + k)] =
            static_cast<float>(scale * slope * distance.per_code[k]);
      }
    }
  }
}

void MultiBoxLoss::ConfBackward(const Sample& s, double scale, std::span<float> dx) const {
  const int64_t classes = labels_.classes;
  for (int64_t i = 0; i < priors_; ++i) {
    float* d = dx.data() + i * classes;
    const float* x = s.conf + i * classes;
    if (!CountsScores(s, i) || scale == 0) {
      std::fill(d, d + classes, 0.0F);
    } else if (conf_type_ == P::SOFTMAX) {
      SoftmaxScores{x, classes}.Gradient(ClassOf(s, i), scale, d);
    } else {
      LogisticScores{x, classes}.Gradient([&](int64_t c) { return IsOfClass(s, i, c); }, scale, d);
    }
  }
}

}  // namespace moka::ssd
