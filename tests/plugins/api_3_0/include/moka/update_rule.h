// How gradients become changes of the values: what `type` in a solver file names.
#pragma once

#include <array>
#include <cstdint>

#include "moka/error.h"
#include "moka/export.h"
#include "moka/solver.pb.h"

namespace moka {

inline constexpr int kMostHistories = 4;

// Some elements of one param, to be updated in one go. Made by the solver, read by rules.
struct UpdatePiece {
  int64_t n = 0;
  float* w = nullptr;
  const float* dw = nullptr;
  std::array<float*, kMostHistories> history = {};  // as many as the rule asks for, n floats each
  float rate = 0;                                   // with lr_mult
  float scale = 1;                                  // of the gradient: clipping and 1 / iter_size
  float l2 = 0, l1 = 0;   // weight decay with decay_mult; one of them is 0
  int64_t iteration = 0;  // of this update, from 0

  // The gradient of the loss with its decay term.
  float Gradient(int64_t i) const {
    const float sign = static_cast<float>(w[i] > 0) - static_cast<float>(w[i] < 0);
    return scale * dw[i] + l2 * w[i] + l1 * sign;
  }
};

// One rule with its parameters. Its constructor takes (const SolverParameter&, const Message&...)
// and checks them. Immutable: the history is handed in, and kept in snapshots. What all rules have
// in common (clipping, iter_size, weight decay, threads) is done by the solver.
class MOKA_EXPORT UpdateRule {
 public:
  virtual ~UpdateRule();
  // How many values each element of a param remembers from update to update, at most
  // kMostHistories; they begin as 0.
  virtual int histories() const = 0;
  // Changes w and history. Called from several threads at once, for different pieces; each element
  // by itself, whatever the pieces.
  virtual void Update(const UpdatePiece& piece) const = 0;
  // Room for growth without breaking plugins: an optional interface by name and version, or
  // nullptr.
  virtual const void* Interface(const char* name, int version) const;
};

}  // namespace moka
