// The thread pool. A call opens a job; workers that are awake in time join it and take pieces; the
// caller takes pieces too, then closes the job and waits for those who joined. So nobody ever waits
// for a thread that still sleeps. Each worker begins with its own share of neighbouring pieces,
// then helps others with theirs: what it wrote in one job, it finds in its cache in the next.
#include "moka/context.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include "moka/error.h"

namespace moka {
namespace {

constexpr int kMostThreads = 1024;
constexpr int kMostThreadsByDefault = 64;
// Waking a sleeper takes about this long, so spinning for longer than that would not pay.
constexpr auto kSpin = std::chrono::microseconds(20);

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// Spins until done() or for kSpin; returns done().
template <typename Done>
bool SpinUntil(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

int UsableCores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  int count = 0;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) count = CPU_COUNT(&cores);
  if (count == 0) count = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(count, 1, kMostThreadsByDefault);
}

uint64_t DrawSeed() {
  std::random_device device;
  // 31 bits: short enough to be typed again, and valid as a seed in a solver file.
  return device() & 0x7FFFFFFF;
}

// Signals go to the application's own threads: the pool's block them all, and threads inherit what
// their creator blocks.
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }

 private:
  sigset_t saved_;
};

}  // namespace

class Context::Pool {
 public:
  Pool(int threads, uint64_t seed, bool keep_blas_threads);
  ~Pool() { Stop(); }

  int threads() const { return threads_; }
  void Run(int64_t count, int64_t grain, RangeBody body);

  std::atomic<uint64_t> seed;
  const bool keep_blas_threads;

 private:
  // A call of ParallelFor in progress.
  struct Job {
    Job(int64_t count, int64_t grain, RangeBody body)
        : count(count), grain(grain), pieces(count > 0 ? (count - 1) / grain + 1 : 0), body(body) {}
    void RunPiece(int64_t piece, int worker) const {
      const int64_t begin = piece * grain;
      body(begin, grain < count - begin ? begin + grain : count, worker);
    }

    const int64_t count, grain, pieces;
    const RangeBody body;
    std::mutex mutex;  // guards what follows
    int64_t failed_piece = 0;
    std::exception_ptr failure;
  };

  // A worker's pieces.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};  // the first that nobody has taken
    int64_t end = 0;
  };

  void Work(int worker);
  void CutShares(int64_t pieces);
  void TakePieces(Job& job, int worker);
  void TakeShare(Job& job, int worker, int owner);
  void Fail(Job& job, int64_t piece, int owner);
  bool Join();
  void Leave();
  void WaitForLeavers();
  void Stop();

  const int threads_;
  std::mutex one_call_;  // held through a call: a second thread's call waits
  Job* job_ = nullptr;   // valid while joined, as is shares_
  std::vector<Share> shares_;
  // kOpen while the job may be joined, plus the number of workers in it.
  static constexpr uint32_t kOpen = 1u << 31;
  alignas(64) std::atomic<uint32_t> state_{0};
  // Rises with every job; what sleeping workers wait on.
  alignas(64) std::atomic<uint32_t> round_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;

  // The pools in whose pieces this thread is, the innermost first, so that nested calls run inline.
  struct Frame {
    const Pool* pool;
    int worker;
    const Frame* outer;
  };
  const Frame* Inside() const;
  static thread_local const Frame* innermost_;
};

thread_local const Context::Pool::Frame* Context::Pool::innermost_ = nullptr;

const Context::Pool::Frame* Context::Pool::Inside() const {
  const Frame* frame = innermost_;
  while (frame != nullptr && frame->pool != this) frame = frame->outer;
  return frame;
}

Context::Pool::Pool(int threads, uint64_t seed, bool keep_blas_threads)
    : seed(seed),
      keep_blas_threads(keep_blas_threads),
      threads_(threads),
      shares_(static_cast<size_t>(threads)) {
  const BlockSignals block;
  try {
    for (int worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { Work(worker); });
    }
  } catch (const std::system_error& error) {
    const size_t started = workers_.size() + 1;
    Stop();
    throw Error("cannot start thread ", started + 1, " of ", threads, ": ", error.code().message());
  }
}

void Context::Pool::Stop() {
  stopping_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Context::Pool::Work(int worker) {
  const FlushDenormals flush;
  while (true) {
    // Read before Join(): a job that is opened later changes the round, and the wait below returns
    // at once.
    const uint32_t round = round_.load();
    if (stopping_.load()) return;
    if (Join()) {
      TakePieces(*job_, worker);
      Leave();
    }
    if (!SpinUntil([&] { return round_.load(std::memory_order_acquire) != round; })) {
      round_.wait(round);
    }
  }
}

bool Context::Pool::Join() {
  uint32_t state = state_.load(std::memory_order_relaxed);
  while (state & kOpen) {
    // acquire: what the caller wrote before it opened the job.
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void Context::Pool::Leave() {
  // The last one out of a closed job wakes the caller. release: what the pieces wrote.
  if (state_.fetch_sub(1) == 1) state_.notify_one();
}

void Context::Pool::WaitForLeavers() {
  state_.fetch_and(~kOpen);
  if (SpinUntil([&] { return state_.load(std::memory_order_acquire) == 0; })) return;
  for (uint32_t state; (state = state_.load()) != 0;) state_.wait(state);
}

void Context::Pool::CutShares(int64_t pieces) {
  const int64_t each = pieces / threads_, more = pieces % threads_;
  int64_t begin = 0;
  for (int64_t i = 0; i < threads_; ++i) {
    Share& share = shares_[static_cast<size_t>(i)];
    share.next.store(begin, std::memory_order_relaxed);
    begin = share.end = begin + each + (i < more ? 1 : 0);
  }
}

void Context::Pool::TakePieces(Job& job, int worker) {
  const Frame frame{this, worker, innermost_};
  innermost_ = &frame;
  for (int i = 0; i < threads_; ++i) TakeShare(job, worker, (worker + i) % threads_);
  innermost_ = frame.outer;
}

void Context::Pool::TakeShare(Job& job, int worker, int owner) {
  Share& share = shares_[static_cast<size_t>(owner)];
  while (share.next.load(std::memory_order_relaxed) < share.end) {
    const int64_t piece = share.next.fetch_add(1, std::memory_order_relaxed);
    if (piece >= share.end) return;
    try {
      job.RunPiece(piece, worker);
    } catch (...) {
      Fail(job, piece, owner);
    }
  }
}

// Only lower pieces matter now: those of the same share are taken already, those of the shares
// before are still to be run, so that the lowest failure will be known.
void Context::Pool::Fail(Job& job, int64_t piece, int owner) {
  const std::lock_guard lock(job.mutex);
  if (!job.failure || piece < job.failed_piece) {
    job.failed_piece = piece;
    job.failure = std::current_exception();
  }
  for (size_t i = static_cast<size_t>(owner); i < shares_.size(); ++i)
    shares_[i].next.store(shares_[i].end, std::memory_order_relaxed);
}

void Context::Pool::Run(int64_t count, int64_t grain, RangeBody body) {
  const FlushDenormals flush;  // as the workers do: the bits do not depend on who takes a piece
  Job job(count, std::max<int64_t>(grain, 1), body);
  const Frame* const outer = Inside();
  if (outer != nullptr || threads_ == 1 || job.pieces <= 1) {
    const int worker = outer != nullptr ? outer->worker : 0;
    for (int64_t piece = 0; piece < job.pieces; ++piece) job.RunPiece(piece, worker);
    return;
  }
  const std::lock_guard lock(one_call_);
  job_ = &job;
  CutShares(job.pieces);
  state_.store(kOpen);  // it was 0: the last job is closed and empty
  round_.fetch_add(1);
  round_.notify_all();
  TakePieces(job, 0);
  WaitForLeavers();
  if (job.failure) std::rethrow_exception(job.failure);
}

Context::Context(const ContextOptions& options) {
  if (options.threads < 0 || options.threads > kMostThreads) {
    throw Error("threads is ", options.threads, "; it must be 0 (one for each core) to ",
                kMostThreads)
        .At("threads");
  }
  const int threads = options.threads == 0 ? UsableCores() : options.threads;
  const uint64_t seed = options.seed < 0 ? DrawSeed() : static_cast<uint64_t>(options.seed);
  pool_ = std::make_unique<Pool>(threads, seed, options.keep_blas_threads);
}

Context::~Context() = default;

int Context::threads() const { return pool_->threads(); }
uint64_t Context::seed() const { return pool_->seed.load(); }
void Context::set_seed(uint64_t seed) { pool_->seed.store(seed); }
bool Context::keep_blas_threads() const { return pool_->keep_blas_threads; }

void Context::ParallelFor(int64_t count, int64_t grain, RangeBody body) {
  pool_->Run(count, grain, body);
}

}  // namespace moka
