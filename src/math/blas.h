// OpenBLAS, kept to one thread: Moka cuts the work itself. blas.cpp is the only file that includes
// cblas.h.
#pragma once

#include <cstdint>

namespace moka {
class Context;
}

namespace moka::blas {

// Sets OpenBLAS to one thread, once for the process (an OpenMP build: once for each thread), unless
// the context says to leave it alone. That is felt by whoever else uses OpenBLAS in this process.
// Call it before Sgemm on the thread that will call Sgemm.
void Prepare(const Context& context);

// Row-major c (m, n) = alpha op(a) op(b) + beta c, as cblas_sgemm; no side may be 0. From any
// thread; a serial build of OpenBLAS, which may not be entered twice at a time, is guarded by a
// mutex. Throws Error if a number is beyond 32 bits.
void Sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
           const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c,
           int64_t ldc);

// Whether this OpenBLAS has the AVX-512 kernels that multiply small matrices (m n k <= 10^6)
// without packing them. They reach 95-100 % of the peak where the packing ones reach 60-95 %.
bool HasSmallKernels();

}  // namespace moka::blas
