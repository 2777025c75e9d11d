// Denormals to zero: arithmetic with them is a hundred times slower, and they mean nothing to a
// net.
#include "moka/context.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace moka {

#if defined(__SSE2__)
namespace {
constexpr unsigned kFlushToZero = 0x8000;     // results
constexpr unsigned kDenormalsAreZero = 0x40;  // operands
}  // namespace

FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) {
  _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero);
}
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() : saved_(0) {}
FlushDenormals::~FlushDenormals() { static_cast<void>(saved_); }
#endif

}  // namespace moka
