// Memory for the passes of one net, or of several that run in turn.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "moka/error.h"
#include "moka/net.h"
#include "moka/tensor.h"

namespace moka {

class Workspace {
 public:
  Workspace() = default;
  ~Workspace() { FreeAligned(memory_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // At least so many bytes; what was there is lost when it grows.
  void Reserve(int64_t bytes) {
    if (bytes <= bytes_) return;
    void* fresh = AllocateAligned(bytes);  // if there is none, the old memory stays
    FreeAligned(memory_);
    memory_ = fresh;
    bytes_ = bytes;
    user_ = nullptr;
    ++generation_;
  }
  std::byte* data() const { return static_cast<std::byte*>(memory_); }
  int64_t bytes() const { return bytes_; }
  // Rises when the memory moves.
  uint64_t generation() const { return generation_; }

  // Whose values lie here: the net that last ran Forward.
  const void* user() const { return user_; }
  void set_user(const void* user) { user_ = user; }

  // Held during a pass; a second pass at the same time is refused.
  class Lock {
   public:
    explicit Lock(Workspace& workspace) : workspace_(workspace) {
      if (workspace_.busy_.test_and_set()) {
        throw Error("another pass runs on this net's workspace; one at a time");
      }
    }
    ~Lock() { workspace_.busy_.clear(); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    Workspace& workspace_;
  };

 private:
  void* memory_ = nullptr;
  int64_t bytes_ = 0;
  uint64_t generation_ = 0;
  const void* user_ = nullptr;
  std::atomic_flag busy_;
};

}  // namespace moka
