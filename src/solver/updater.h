// Applies an update rule to all params of a net, in Caffe's order: clip the norm, average over
// iter_size, decay, update. Single elements are clipped after the average.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "moka/context.h"
#include "moka/net.h"
#include "moka/registry.h"
#include "moka/solver.pb.h"
#include "moka/tensor.h"
#include "moka/update_rule.h"

namespace moka {

// Owns the history. The net and the context outlive it. Params with lr_mult 0 are never touched.
class Updater {
 public:
  Updater(const SolverParameter& solver, const Registry& registry, std::span<const Learned> learned,
          Context& context);

  // The L2 norm of the gradients that have been added up, over all params that learn. In double, in
  // a fixed order.
  double GradientNorm();
  bool clips() const { return clip_ > 0; }
  // One update at this rate, in one pass over each param; a rule with LayerwiseRate needs one more
  // before. `norm` is GradientNorm(), looked at only if clips().
  void Apply(float rate, int64_t iteration, double norm);

  // As in a .solverstate: of all params the first ones, then the second ones.
  std::vector<Tensor>& history() { return history_; }
  // Whose it is: `layer "ip1", blob 0`.
  std::string HistoryName(size_t i) const;

 private:
  // Work is cut into pieces of so many elements, whatever the number of threads.
  static constexpr int64_t kGrain = 16 << 10;
  struct Piece {
    size_t param = 0;
    int64_t begin = 0, end = 0;
  };

  bool Learns(const Learned& learned) const;
  UpdatePiece At(const Piece& piece, float scale);
  // The rate of a param, and what a rule with LayerwiseRate makes of it.
  float RateOf(const Learned& learned, float rate, float scale);
  double LossGradientNorm(const Learned& learned, float scale);

  std::unique_ptr<UpdateRule> rule_;
  const LayerwiseRate* layerwise_;  // of rule_, or nullptr
  std::span<const Learned> learned_;
  Context& context_;
  const float clip_, clip_value_, decay_;
  const bool clip_after_normalize_, l1_;
  const int iter_size_;
  std::vector<Tensor> history_;
  std::vector<Piece> pieces_;
  // Of learned_, during Apply.
  std::vector<float*> values_;
  std::vector<float> rates_;
};

}  // namespace moka
