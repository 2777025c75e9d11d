// OpenBLAS, kept to one thread: Moka cuts the work itself.
#include "math/blas.h"

#include <cblas.h>

#include <limits>
#include <mutex>
#include <string_view>

#include "moka/context.h"
#include "moka/error.h"

namespace moka::blas {
namespace {

enum Build { kSerial = 0, kPthreads = 1, kOpenMp = 2 };  // what openblas_get_parallel() returns

Build BuildOfOpenBlas() {
  static const Build build = static_cast<Build>(openblas_get_parallel());
  return build;
}

blasint Side(int64_t size) {
  if (size > std::numeric_limits<blasint>::max()) {
    throw Error("a matrix with a side of ", size, " is too large for OpenBLAS");
  }
  return static_cast<blasint>(size);
}

}  // namespace

void Prepare(const Context& context) {
  if (context.keep_blas_threads() || BuildOfOpenBlas() == kSerial) return;
  if (BuildOfOpenBlas() == kOpenMp) {
    // OpenMP keeps the number of threads for each thread apart, and the setter is not safe to call
    // from two at once.
    static thread_local bool done = false;
    if (done) return;
    static std::mutex mutex;
    std::lock_guard lock(mutex);
    openblas_set_num_threads(1);
    done = true;
    return;
  }
  static std::once_flag once;
  std::call_once(once, [] { openblas_set_num_threads(1); });
}

void Sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
           const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c,
           int64_t ldc) {
  static std::mutex mutex;
  std::unique_lock lock(mutex, std::defer_lock);
  if (BuildOfOpenBlas() == kSerial) lock.lock();
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, Side(m), Side(n), Side(k), alpha, a,
              Side(lda), b, Side(ldb), beta, c, Side(ldc));
}

bool HasSmallKernels() {
  static const bool has = [] {
    const std::string_view core = openblas_get_corename();
    return core == "SkylakeX" || core == "Cooperlake" || core == "SapphireRapids";
  }();
  return has;
}

}  // namespace moka::blas
