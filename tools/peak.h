// What the machine can do at most, measured: multiply-adds and bytes in a second.
#pragma once

#include "moka/context.h"

namespace moka::tool {

// GFLOP/s of a loop of nothing but multiply-adds, 2 operations each, in the widest vectors that the
// processor has, on all threads of `context`; the best of several runs. Some 20 ms.
double PeakGflops(Context& context);

// GB/s of a copy between arrays of 64 MB each, on all threads: bytes read plus bytes written, the
// best of several runs; 0 if --max_memory leaves no room for them. Some 100 ms.
double CopyGigabytes(Context& context);

}  // namespace moka::tool
