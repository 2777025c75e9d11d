// Refusals that update rules and learning-rate policies share.
#pragma once

#include <cmath>
#include <string>

#include "moka/error.h"
#include "moka/solver.pb.h"

namespace moka {

// A share of the past that is kept: momentum and its kin.
inline float BelowOne(const std::string& field, float value) {
  if (value >= 0 && value < 1) return value;
  throw Error(field, " ", value, " must be at least 0 and below 1").At(field);
}

inline float Momentum(const SolverParameter& solver) {
  return BelowOne("momentum", solver.momentum());
}

inline void RefuseMomentum(const SolverParameter& solver) {
  if (solver.momentum() == 0) return;
  throw Error("solver type \"", solver.type(), "\" has no momentum, but momentum is ",
              solver.momentum(), "; leave it out")
      .At("momentum");
}

inline float Positive(const std::string& field, float value) {
  if (value > 0 && std::isfinite(value)) return value;
  throw Error(field, " ", value, " must be above 0 and finite").At(field);
}

// What keeps a division by a root away from 0.
inline float Delta(const SolverParameter& solver) { return Positive("delta", solver.delta()); }

inline void RequireField(const SolverParameter& solver, const std::string& field, bool there) {
  if (there) return;
  throw Error("lr_policy \"", solver.lr_policy(), "\" needs ", field, ", which is missing")
      .At("lr_policy");
}

// The number of iterations over which a policy stretches.
inline int MaxIter(const SolverParameter& solver) {
  RequireField(solver, "max_iter", solver.has_max_iter());
  if (solver.max_iter() > 0) return solver.max_iter();
  throw Error("max_iter ", solver.max_iter(), " must be above 0 for lr_policy \"",
              solver.lr_policy(), '"')
      .At("max_iter");
}

// min_lr as a share of base_lr.
inline double LowestFactor(const SolverParameter& solver) {
  const float least = solver.min_lr();
  if (!(least >= 0) || !std::isfinite(least))
    throw Error("min_lr ", least, " must be a number from 0 up").At("min_lr");
  if (least > solver.base_lr())
    throw Error("min_lr ", least, " is above base_lr, ", solver.base_lr()).At("min_lr");
  return solver.base_lr() > 0 ? double{least} / solver.base_lr() : 0;
}

}  // namespace moka
