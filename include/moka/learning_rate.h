// How the learning rate falls: what `lr_policy` in a solver file names.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "moka/error.h"
#include "moka/export.h"
#include "moka/solver.pb.h"

namespace moka {

// One policy with its parameters. Its constructor takes (const SolverParameter&, const Message&...)
// and checks them. A pure function of the iteration, unless it has the interface LossDriven.
class MOKA_EXPORT LearningRatePolicy {
 public:
  virtual ~LearningRatePolicy();
  // What base_lr is multiplied with at an iteration (from 0); finite.
  virtual double Factor(int64_t iteration) const = 0;
  // Room for growth without breaking plugins: an optional interface by name and version, such as
  // LossDriven, or nullptr.
  virtual const void* Interface(const char* name, int version) const;
};

// An optional interface of a policy whose rates depend on the losses. Factor(i) may then be asked
// for the iteration observed last and for later ones, as if the loss fell from now on. What it
// remembers goes into snapshots.
class MOKA_EXPORT LossDriven {
 public:
  virtual ~LossDriven();
  // Tells of each iteration in turn, before its rate is asked for. The loss is the mean over the
  // last average_loss iterations.
  virtual void Observe(int64_t iteration, double smoothed_loss) = 0;
  virtual std::vector<double> State() const = 0;
  // Throws Error if State() could not have been this. An empty one is that of the beginning.
  virtual void CheckState(std::span<const double> state) const = 0;
  virtual void SetState(std::span<const double> state) = 0;

  static constexpr const char* kName = "LossDriven";
  static constexpr int kVersion = 1;
  // Whether LearningRatePolicy::Interface is asked for this one; it returns a const LossDriven*.
  static bool Is(std::string_view name, int version) {
    return name == kName && version == kVersion;
  }
};

}  // namespace moka
