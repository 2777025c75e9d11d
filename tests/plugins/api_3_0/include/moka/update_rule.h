// How gradients become changes of the values: what `type` in a solver file names.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "moka/elementwise.h"
#include "moka/error.h"
#include "moka/export.h"
#include "moka/functions.h"
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
  float scale = 1;       // of the gradient: clip_gradients and 1 / iter_size
  float l2 = 0, l1 = 0;  // weight decay with decay_mult; one of them is 0
  float clip_value = std::numeric_limits<float>::infinity();
  int64_t iteration = 0;  // of this update, from 0

  // The gradient of the loss: the mean over iter_size, clipped. A NaN stays a NaN.
  float LossGradient(int64_t i) const { return Clamp(scale * dw[i], -clip_value, clip_value); }
  // What weight decay adds to it. Both kinds without a branch: a branch would cost more.
  float Decay(int64_t i) const {
    const float sign = static_cast<float>(w[i] > 0) - static_cast<float>(w[i] < 0);
    return l2 * w[i] + l1 * sign;
  }
  float Gradient(int64_t i) const { return LossGradient(i) + Decay(i); }
};

// Calls f(piece, i) for each element, in code for the best vectors that the processor has: see
// Vectorised in moka/elementwise.h for what f may do. The piece that f is given is a copy, so that
// the compiler knows that no store into w or history changes it.
template <typename F>
void UpdateEach(const UpdatePiece& piece, F f) {
  Vectorised([piece, f] {
#pragma GCC ivdep
    for (int64_t i = 0; i < piece.n; ++i) f(piece, i);
  });
}

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
  // Room for growth without breaking plugins: an optional interface by name and version, such as
  // LayerwiseRate, or nullptr.
  virtual const void* Interface(const char* name, int version) const;
};

// What a rule may know of a whole param before it is updated.
struct WholeParam {
  int axes = 0;              // of its shape
  double values_norm = 0;    // L2, in double and in a fixed order
  double gradient_norm = 0;  // likewise, of LossGradient
  float decay = 0;           // weight_decay with decay_mult
  float decay_mult = 1;
};

// An optional interface of an update rule: a rate for each param. The solver asks once per update
// for each param that learns; this costs one more pass over values and gradients.
class MOKA_EXPORT LayerwiseRate {
 public:
  virtual ~LayerwiseRate();
  // What the param's rate is multiplied with in this update.
  virtual double RateFactor(const WholeParam& param) const = 0;

  static constexpr const char* kName = "LayerwiseRate";
  static constexpr int kVersion = 1;
  // Whether UpdateRule::Interface is asked for this one; it returns a const LayerwiseRate*.
  static bool Is(std::string_view name, int version) {
    return name == kName && version == kVersion;
  }
};

}  // namespace moka
