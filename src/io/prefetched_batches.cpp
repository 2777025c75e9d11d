// One thread fills a ring of batches ahead of the one that is asked for.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "moka/batches.h"
#include "moka/context.h"

namespace moka {

// The ring holds batches [first_, made_); the thread makes made_ next, into slot made_ % depth. The
// slot that the owner reads from is never the thread's, since first_ moves on only after the
// reading.
class PrefetchedBatches::Worker {
 public:
  Worker(const Batches& batches, int depth, bool with_labels)
      : batches_(batches), slots_(static_cast<size_t>(depth)) {
    for (Slot& slot : slots_) {
      slot.images.resize(static_cast<size_t>(batches_.shape().count()));
      if (with_labels) slot.labels.resize(static_cast<size_t>(batches_.shape()[0]));
    }
    thread_ = std::thread([this] { Run(); });
  }
  ~Worker() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  bool with_labels() const { return !slots_[0].labels.empty(); }

  // Copies batch n if it was made or is being made; else returns false.
  bool Take(uint64_t seed, uint64_t n, std::span<float> images, std::span<float> labels) {
    std::unique_lock lock(mutex_);
    if (!running_ || seed != seed_ || n != first_) return false;
    ready_.wait(lock, [&] { return made_ > first_ || error_; });
    if (made_ == first_) {
      running_ = false;
      std::rethrow_exception(std::exchange(error_, nullptr));
    }
    lock.unlock();
    const Slot& slot = slots_[n % slots_.size()];
    std::ranges::copy(slot.images, images.begin());
    std::ranges::copy(slot.labels, labels.begin());
    lock.lock();
    ++first_;
    lock.unlock();
    wake_.notify_one();
    return true;
  }

  // Forgets what it has and prepares batches from n on.
  void StartAt(uint64_t seed, uint64_t n) {
    {
      std::lock_guard lock(mutex_);
      ++generation_;
      seed_ = seed;
      first_ = made_ = n;
      error_ = nullptr;
      running_ = true;
    }
    wake_.notify_one();
  }

 private:
  struct Slot {
    std::vector<float> images, labels;
  };

  void Run() {
    const FlushDenormals flush;  // as in the threads that make batches without us
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock,
                 [&] { return stop_ || (running_ && !error_ && made_ < first_ + slots_.size()); });
      if (stop_) return;
      const uint64_t seed = seed_, n = made_, generation = generation_;
      lock.unlock();
      Slot& slot = slots_[n % slots_.size()];
      std::exception_ptr error;
      try {
        batches_.Read(seed, n, slot.images, slot.labels);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (generation != generation_) continue;  // asked for something else meanwhile
      if (error) {
        error_ = error;
      } else {
        ++made_;
      }
      ready_.notify_one();
    }
  }

  Batches batches_;
  std::vector<Slot> slots_;

  std::mutex mutex_;
  std::condition_variable wake_, ready_;  // for the thread; for the owner
  bool stop_ = false, running_ = false;
  uint64_t seed_ = 0, first_ = 0, made_ = 0, generation_ = 0;
  std::exception_ptr error_;  // of batch made_
  std::thread thread_;
};

PrefetchedBatches::PrefetchedBatches(Batches batches, int depth)
    : batches_(std::move(batches)), depth_(depth) {}
PrefetchedBatches::~PrefetchedBatches() = default;

void PrefetchedBatches::Read(uint64_t seed, uint64_t n, std::span<float> images,
                             std::span<float> labels) {
  if (depth_ == 0) return batches_.Read(seed, n, images, labels);
  const bool with_labels = !labels.empty();
  if (!worker_ || worker_->with_labels() != with_labels) {
    worker_.reset();
    worker_ = std::make_unique<Worker>(batches_, depth_, with_labels);
  }
  if (worker_->Take(seed, n, images, labels)) return;
  worker_->StartAt(seed, n + 1);
  batches_.Read(seed, n, images, labels);
}

}  // namespace moka
