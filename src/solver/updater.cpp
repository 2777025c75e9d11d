// Applies an update rule to all params of a net, in Caffe's order: clip the norm, average over
// iter_size, decay, update. Single elements are clipped after the average.
#include "solver/updater.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "moka/math.h"

namespace moka {

Updater::Updater(const SolverParameter& solver, const Registry& registry,
                 std::span<const Learned> learned, Context& context)
    : rule_(registry.MakeUpdateRule(solver)),
      layerwise_(static_cast<const LayerwiseRate*>(
          rule_->Interface(LayerwiseRate::kName, LayerwiseRate::kVersion))),
      learned_(learned),
      context_(context),
      clip_(solver.clip_gradients()),
      clip_value_(solver.clip_value() > 0 ? solver.clip_value()
                                          : std::numeric_limits<float>::infinity()),
      decay_(solver.weight_decay()),
      clip_after_normalize_(solver.clip_after_normalize()),
      l1_(solver.regularization_type() == "L1"),
      iter_size_(solver.iter_size()) {
  for (int h = 0; h < rule_->histories(); ++h) {
    for (const Learned& one : learned_) history_.emplace_back(one.param->shape());
  }
  values_.resize(learned_.size());
  rates_.resize(learned_.size());
  for (size_t p = 0; p < learned_.size(); ++p) {
    if (!Learns(learned_[p])) continue;
    const int64_t count = learned_[p].param->shape().count();
    for (int64_t i = 0; i < count; i += kGrain) {
      pieces_.push_back({p, i, std::min(count, i + kGrain)});
    }
  }
}

bool Updater::Learns(const Learned& learned) const {
  return learned.diff != nullptr && learned.param->lr_mult != 0;
}

std::string Updater::HistoryName(size_t i) const {
  const Learned& learned = learned_[i % learned_.size()];
  return "layer \"" + learned.layer + "\", blob " + std::to_string(learned.index);
}

double Updater::GradientNorm() {
  FlushDenormals flush;
  double sum = 0;
  for (const Learned& one : learned_) {
    if (Learns(one)) sum += SumOfSquares(context_, one.diff->values());
  }
  return std::sqrt(sum);
}

double Updater::LossGradientNorm(const Learned& learned, float scale) {
  const Tensor& diff = *learned.diff;
  if (std::isinf(clip_value_)) return scale * std::sqrt(SumOfSquares(context_, diff.values()));
  std::vector<double> sums(static_cast<size_t>((diff.count() + kGrain - 1) / kGrain));
  context_.ParallelFor(diff.count(), kGrain, [&](int64_t begin, int64_t end) {
    UpdatePiece piece;
    piece.dw = diff.data();
    piece.scale = scale;
    piece.clip_value = clip_value_;
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) {
      const double g = piece.LossGradient(i);
      sum += g * g;
    }
    sums[static_cast<size_t>(begin / kGrain)] = sum;
  });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

float Updater::RateOf(const Learned& learned, float rate, float scale) {
  const Param& param = *learned.param;
  const float own = rate * param.lr_mult;
  if (layerwise_ == nullptr) return own;
  WholeParam whole;
  whole.axes = param.shape().axes();
  whole.values_norm = std::sqrt(SumOfSquares(context_, param.values().values()));
  whole.gradient_norm = LossGradientNorm(learned, scale);
  whole.decay = decay_ * param.decay_mult;
  whole.decay_mult = param.decay_mult;
  return static_cast<float>(own * layerwise_->RateFactor(whole));
}

UpdatePiece Updater::At(const Piece& piece, float scale) {
  const Learned& learned = learned_[piece.param];
  UpdatePiece at;
  at.n = piece.end - piece.begin;
  at.w = values_[piece.param] + piece.begin;
  at.dw = learned.diff->data() + piece.begin;
  for (int h = 0; h < rule_->histories(); ++h) {
    const size_t i = static_cast<size_t>(h) * learned_.size() + piece.param;
    at.history[static_cast<size_t>(h)] = history_[i].data() + piece.begin;
  }
  at.rate = rates_[piece.param];
  at.scale = scale;
  (l1_ ? at.l1 : at.l2) = decay_ * learned.param->decay_mult;
  at.clip_value = clip_value_;
  return at;
}

void Updater::Apply(float rate, int64_t iteration, double norm) {
  FlushDenormals flush;
  // Caffe compares the norm of the sum over iter_size, so its threshold depends on iter_size.
  const double most = clip_after_normalize_ ? double{clip_} * iter_size_ : clip_;
  const double clipping = clips() && norm > most ? most / norm : 1;
  const auto scale = static_cast<float>(clipping / iter_size_);
  for (size_t p = 0; p < learned_.size(); ++p) {
    if (!Learns(learned_[p])) continue;
    rates_[p] = RateOf(learned_[p], rate, scale);
    values_[p] = learned_[p].param->Change().data();
  }
  context_.ParallelFor(static_cast<int64_t>(pieces_.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      UpdatePiece piece = At(pieces_[static_cast<size_t>(i)], scale);
      piece.iteration = iteration;
      rule_->Update(piece);
    }
  });
}

}  // namespace moka
