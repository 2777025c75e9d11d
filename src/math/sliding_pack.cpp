// Weights as the kernels read them: blocks of outputs, in each [depth][outputs of the block].
#include "math/sliding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/sliding_pack.cpp"
#include "math/tile.h"
// Highway's own order: the targets first.
#include <hwy/foreach_target.h>

#include "math/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {
namespace {

// `rows` outputs from w's on.
void PackBlock(const SlidingProduct& p, const float* w, const WeightSteps& s, int64_t rows,
               float* HWY_RESTRICT packed) {
  const bool dense = s.column == 1 && s.row == p.w.taps && s.channel == p.taps();
  if (dense) {
    TurnRows(w, rows, s.output, p.depth(), packed, rows);
    return;
  }
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t i = 0; i < p.h.taps; ++i) {
      for (int64_t j = 0; j < p.w.taps; ++j, packed += rows) {
        const float* HWY_RESTRICT from = w + c * s.channel + i * s.row + j * s.column;
        if (s.output == 1) {
          for (int64_t o = 0; o < rows; ++o) packed[o] = from[o];
        } else {
          for (int64_t o = 0; o < rows; ++o) packed[o] = from[o * s.output];
        }
      }
    }
  }
}

}  // namespace
}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {
namespace {

HWY_EXPORT(PackBlock);

}  // namespace

void PackSlidingWeights(Context& context, const SlidingProduct& p, const float* w,
                        const WeightSteps& steps, float* packed) {
  const int64_t rows = SlidingRowBlock(p);
  const int64_t grain = 1 + 16384 / (1 + rows * p.depth());
  context.ParallelFor((p.outputs + rows - 1) / rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t o = block * rows;
      HWY_DYNAMIC_DISPATCH(PackBlock)
      (p, w + o * steps.output, steps, p.outputs - o < rows ? p.outputs - o : rows,
       packed + o * p.depth());
    }
  });
}

}  // namespace moka
#endif
