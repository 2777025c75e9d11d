// What a computation runs on: a thread pool and a seed. Passed in, never global.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "moka/export.h"

namespace moka {

// A borrowed callable body(begin, end, worker); never outlives the call it is passed to.
class RangeBody {
 public:
  template <typename F>
  RangeBody(const F& body)  // NOLINT: implicit, so that lambdas pass
      : object_(&body), call_([](const void* object, int64_t begin, int64_t end, int worker) {
          const F& f = *static_cast<const F*>(object);
          if constexpr (std::is_invocable_v<const F&, int64_t, int64_t, int>) {
            f(begin, end, worker);
          } else {
            f(begin, end);
          }
        }) {}
  void operator()(int64_t begin, int64_t end, int worker) const {
    call_(object_, begin, end, worker);
  }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int64_t, int);
};

struct ContextOptions {
  int threads = 0;    // 0: one for each core that this process may use
  int64_t seed = -1;  // negative: drawn from the system
  bool keep_blas_threads =
      false;  // leave OpenBLAS's process-wide thread count alone; results may then depend on it
};

// Thread pool and seed. One pass uses it at a time from one thread; several Contexts may live side
// by side.
class MOKA_EXPORT Context {
 public:
  explicit Context(const ContextOptions& options = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  int threads() const;
  uint64_t seed() const;
  void set_seed(uint64_t seed);
  bool keep_blas_threads() const;

  // Calls body(begin, end) or body(begin, end, worker) over [0, count), cut into pieces of `grain`
  // items (the last may be shorter). The cut depends on count and grain alone, never on the number
  // of threads. 0 <= worker < threads(); a worker runs one piece at a time. Returns when all is
  // done. Nested calls run inline, as worker of the outer piece; but a single piece, as worker 0,
  // leaves the pool to what it calls. If pieces throw, the exception of the lowest piece is
  // rethrown, after all have ended; later pieces may then not be run.
  void ParallelFor(int64_t count, int64_t grain, RangeBody body);

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

// While it lives, denormal numbers are flushed to zero in this thread (pieces of ParallelFor always
// do).
class MOKA_EXPORT FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_;
};

}  // namespace moka
