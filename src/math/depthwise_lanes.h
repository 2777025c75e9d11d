// Vectors of 16 floats (two registers, or four, on older processors), for the kernels of depthwise
// convolution.
#pragma once

#include <cstdint>
#include <cstring>

namespace moka {

template <int n>
struct FloatLanes {
  typedef float Type __attribute__((vector_size(n * 4)));
};
typedef FloatLanes<16>::Type Lanes16;
typedef FloatLanes<8>::Type Lanes8;
typedef int32_t Mask16 __attribute__((vector_size(64)));

// By reference: how vectors are passed would differ between processors.
__attribute__((always_inline)) inline void Load(const float* x, Lanes16& v) {
  std::memcpy(&v, x, sizeof v);
}
__attribute__((always_inline)) inline void Store(const Lanes16& v, float* y) {
  std::memcpy(y, &v, sizeof v);
}

template <int n>
__attribute__((always_inline)) inline void CopyLanes(const float* x, float* y) {
  typename FloatLanes<n>::Type v;
  std::memcpy(&v, x, sizeof v);
  std::memcpy(y, &v, sizeof v);
}

// y[k] = x[2 k]. The upper half is read from one earlier, so that nothing beyond the last is read.
template <int n>
__attribute__((always_inline)) inline void EvenLanes(const float* x, float* y) {
  typename FloatLanes<n>::Type low, high, v;
  std::memcpy(&low, x, sizeof low);
  std::memcpy(&high, x + n - 1, sizeof high);
  if constexpr (n == 16) {
    v = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29,
                                31);
  } else if constexpr (n == 8) {
    v = __builtin_shufflevector(low, high, 0, 2, 4, 6, 9, 11, 13, 15);
  } else {
    v = __builtin_shufflevector(low, high, 0, 2, 5, 7);
  }
  std::memcpy(y, &v, sizeof v);
}

// y = even[0], odd[0], even[1], ...
template <int n>
__attribute__((always_inline)) inline void InterleaveLanes(const float* even, const float* odd,
                                                           float* y) {
  typename FloatLanes<n>::Type a, b, low, high;
  std::memcpy(&a, even, sizeof a);
  std::memcpy(&b, odd, sizeof b);
  if constexpr (n == 16) {
    low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    high =
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  } else {
    static_assert(n == 4);
    low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  }
  std::memcpy(y, &low, sizeof low);
  std::memcpy(y + n, &high, sizeof high);
}

}  // namespace moka
