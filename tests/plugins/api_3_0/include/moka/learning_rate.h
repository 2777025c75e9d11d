// How the learning rate falls: what `lr_policy` in a solver file names.
#pragma once

#include <cstdint>

#include "moka/error.h"
#include "moka/export.h"
#include "moka/solver.pb.h"

namespace moka {

// One policy with its parameters. Its constructor takes (const SolverParameter&, const Message&...)
// and checks them. A pure function of the iteration.
class MOKA_EXPORT LearningRatePolicy {
 public:
  virtual ~LearningRatePolicy();
  // What base_lr is multiplied with at an iteration (from 0); finite.
  virtual double Factor(int64_t iteration) const = 0;
  // Room for growth without breaking plugins: an optional interface by name and version, or
  // nullptr.
  virtual const void* Interface(const char* name, int version) const;
};

}  // namespace moka
