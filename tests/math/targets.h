// Runs kernels as another kind of processor would: AVX-512, AVX2, SSE4, one float at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "math/tile.h"
// Highway's own order: the targets that are not compiled first.
#include <hwy/highway.h>

namespace moka {

// Those that this processor can run, of those compiled.
inline std::vector<int64_t> RunnableTargets() {
  std::vector<int64_t> targets;
  for (const int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4, HWY_NEON, HWY_STATIC_TARGET}) {
    if ((hwy::SupportedTargets() | HWY_STATIC_TARGET) & HWY_TARGETS & target)
      targets.push_back(target);
  }
  return targets;
}

// While it lives, kernels run for this target.
class OnTarget {
 public:
  explicit OnTarget(int64_t target) { Choose(target); }
  ~OnTarget() { Choose(0); }
  OnTarget(const OnTarget&) = delete;
  OnTarget& operator=(const OnTarget&) = delete;

 private:
  static void Choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

}  // namespace moka
