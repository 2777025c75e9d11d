// Included by each depthwise_kernels_v*.cpp after it has set the processor, within a namespace of
// its own that has kLanes. Nothing here may be shared between them (the linker would keep any one,
// and an old processor might get the code for a new one): no header of a library, and no function
// but builtins. So these headers have no guards and no includes of their own.
#include "math/depthwise_kernels_lanes.h"
#include "math/depthwise_kernels_tiles.h"
#ifdef MOKA_DEPTHWISE_STRIPS  // the processor has permutations
#include "math/depthwise_kernels_strip_rows.h"
#include "math/depthwise_kernels_strip_sums.h"
#endif

constexpr DepthwiseKernels kKernels = {.lanes = kLanes,
                                       .rows = TapRows,
                                       .sums = TapStripSums,
                                       .move = MoveLanes,
                                       .add_lanes = AddLanes,
                                       .gather = GatherRows,
                                       .interleave = InterleaveRows,
#ifdef MOKA_DEPTHWISE_STRIPS
                                       .strip_rows = StripRows,
                                       .strip_sums = StripSums
#else
                                       .strip_rows = nullptr,
                                       .strip_sums = nullptr
#endif
};

#undef MOKA_INLINE
