// What losses have in common: sums of a loss over the pieces of the work, and what they are divided
// by, as loss_param says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "loss.pb.h"
#include "moka/layer.h"

namespace moka {

inline std::optional<int> IgnoreLabel(const LossParameter& params) {
  return params.has_ignore_label() ? std::optional<int>(params.ignore_label()) : std::nullopt;
}

// `otherwise`: the mode if the file gives none.
inline LossParameter::NormalizationMode Normalization(
    const LossParameter& params,
    LossParameter::NormalizationMode otherwise = LossParameter::VALID) {
  if (params.has_normalization()) return params.normalization();
  if (params.has_normalize()) {
    return params.normalize() ? LossParameter::VALID : LossParameter::BATCH_SIZE;
  }
  return otherwise;
}

// What the sum of the losses is divided by; `counted` is how many predictions are not ignored.
inline double Normaliser(LossParameter::NormalizationMode mode, int64_t samples,
                         int64_t predictions, int64_t counted) {
  int64_t n = 1;
  switch (mode) {
    case LossParameter::FULL:
      n = predictions;
      break;
    case LossParameter::VALID:
      n = counted;
      break;
    case LossParameter::BATCH_SIZE:
      n = samples;
      break;
    case LossParameter::NONE:
      break;
  }
  return static_cast<double>(std::max<int64_t>(1, n));
}

// For a loss that has neither class weights nor smoothed labels. Throws Error if they are asked
// for.
inline void RefuseClassWeights(const LossParameter& params) {
  const char* field = params.has_label_smoothing()         ? "label_smoothing"
                      : params.has_weight_by_label_freqs() ? "weight_by_label_freqs"
                      : params.class_weighting_size() > 0  ? "class_weighting"
                                                           : nullptr;
  if (field)
    throw Error(field, " is for SoftmaxWithLoss only").At(std::string("loss_param.") + field);
}

// What one piece of the work adds to a loss.
struct LossSum {
  double loss = 0;
  int64_t counted = 0;
};

inline int64_t Pieces(int64_t count, int64_t grain) { return (count + grain - 1) / grain; }

// The sum of what piece(begin, end) gives, in order: the same bits for any number of threads.
// `parts` has room for Pieces(count, grain).
template <typename Piece>
LossSum SumPieces(Pass& pass, int64_t count, int64_t grain, std::span<LossSum> parts,
                  const Piece& piece) {
  pass.ParallelFor(count, grain, [&](int64_t begin, int64_t end) {
    parts[static_cast<size_t>(begin / grain)] = piece(begin, end);
  });
  LossSum sum;
  for (const LossSum& part : parts) {
    sum.loss += part.loss;
    sum.counted += part.counted;
  }
  return sum;
}

}  // namespace moka
