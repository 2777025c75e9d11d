// Where values, diffs and scratch lie in one arena: a pure function of their sizes and lifetimes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moka/export.h"

namespace moka {

// A piece of memory that is alive from step `first` to step `last`, both included. Steps count the
// forward passes of the layers, then the backward ones in reverse.
struct MemoryBlock {
  enum class Kind { kValue, kDiff, kSaved, kScratch };

  std::string name;  // "conv1", "conv1 diff", "conv1 saved 0", "scratch"
  Kind kind = Kind::kValue;
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
  int64_t offset = -1;  // in the arena; a multiple of 64
};

struct MemoryPlan {
  std::vector<MemoryBlock> blocks;
  int64_t bytes = 0;        // of the arena
  int64_t bytes_apart = 0;  // what it would be if nothing were shared
  int64_t kept_bytes = 0;   // inputs, outputs and kept blobs, outside the arena
  int64_t param_bytes = 0, gradient_bytes = 0;
};

// Bytes rounded up to whole cache lines of 64.
constexpr int64_t AlignedBytes(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Gives each block an offset such that blocks which live at the same time do not overlap: largest
// first, each at the lowest offset that is free. Blocks of no bytes get offset 0.
MOKA_EXPORT MemoryPlan PlaceBlocks(std::vector<MemoryBlock> blocks);

}  // namespace moka
