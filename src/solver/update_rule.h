// An update rule: how gradients become changes of the values. One rule a file (sgd.cpp); what all
// have in common (clipping, iter_size, weight decay, threads) is in updater.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moka/solver.pb.h"

namespace moka {

// Some elements of one param, to be updated in one go.
struct UpdatePiece {
  int64_t n = 0;
  float* w = nullptr;
  const float* dw = nullptr;
  std::array<float*, 2> history = {};  // as many as the rule asks for
  float rate = 0;                      // with lr_mult
  float scale = 1;                     // of the gradient: clipping and 1 / iter_size
  float l2 = 0, l1 = 0;                // weight decay with decay_mult; one of them is 0
  int64_t iteration = 0;

  // The gradient of the loss with its decay term.
  float Gradient(int64_t i) const {
    const float sign = static_cast<float>(w[i] > 0) - static_cast<float>(w[i] < 0);
    return scale * dw[i] + l2 * w[i] + l1 * sign;
  }
};

// Stateless: the history is handed in. Called from several threads at once, for different pieces.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;
  // How many values each element of a param remembers: 1 or 2. In a .solverstate all params' first
  // ones come first.
  virtual int histories() const = 0;
  virtual void Update(const UpdatePiece& piece) const = 0;
};

// The rule that `type` names (reading a file turns solver_type into it). Throws Error with the
// field: unknown, not there yet, or its parameters make no sense.
std::unique_ptr<UpdateRule> MakeUpdateRule(const SolverParameter& solver);

std::unique_ptr<UpdateRule> MakeSgd(const SolverParameter& solver);

}  // namespace moka
