// The memory under tensors: aligned, counted, and never more than the limit.
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>

#include "moka/error.h"
#include "moka/tensor.h"

namespace moka {
namespace {

constexpr int64_t kAlignment = 64;      // a cache line, and the widest vector
constexpr int64_t kHugePage = 2 << 20;  // what one entry of the TLB can map

// What the machine has, or less if this process's control group may use less.
int64_t MachineMemory() {
  int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::ifstream file("/sys/fs/cgroup/memory.max");
  int64_t most = 0;
  if (file >> most) bytes = std::min(bytes, most);
  return bytes;
}

std::atomic<int64_t>& Limit() {
  static std::atomic<int64_t> limit = MachineMemory();
  return limit;
}
std::atomic<int64_t> in_use = 0;

// What the allocator really gave: FreeAligned is told no size.
int64_t SizeOf(void* memory) { return static_cast<int64_t>(malloc_usable_size(memory)); }

}  // namespace

int64_t MemoryLimit() { return Limit(); }

void SetMemoryLimit(int64_t bytes) {
  if (bytes < 0) throw Error("the limit of the memory is ", bytes, " bytes");
  Limit() = bytes;
}

void* AllocateAligned(int64_t bytes) {
  if (bytes < 0) throw Error("no memory for ", bytes, " bytes");
  const int64_t limit = Limit(), used = in_use;
  if (bytes > limit - used) {
    throw Error("no memory for ", bytes, " bytes: ", used, " are in use of the ", limit,
                " that there may be");
  }
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
  const size_t size = static_cast<size_t>(std::max(bytes, kAlignment));
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<size_t>(alignment), size) != 0) {
    throw Error("no memory for ", bytes, " bytes");
  }
  in_use += SizeOf(memory);
#ifdef MADV_HUGEPAGE
  // Fewer page faults and TLB misses; only advice, so that a refusal does not matter.
  if (bytes >= kHugePage) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

void FreeAligned(void* memory) noexcept {
  if (memory == nullptr) return;
  in_use -= SizeOf(memory);
  std::free(memory);
}

}  // namespace moka
