// Where values, diffs and scratch lie in one arena.
#include "moka/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace moka {
namespace {

bool AliveTogether(const MemoryBlock& a, const MemoryBlock& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The lowest offset at which `block` overlaps none of `placed` (sorted by offset) that live at the
// same time.
int64_t LowestFree(const MemoryBlock& block, const std::vector<const MemoryBlock*>& placed) {
  int64_t offset = 0;
  for (const MemoryBlock* other : placed) {
    if (!AliveTogether(block, *other)) continue;
    if (offset + block.bytes <= other->offset) break;
    offset = std::max(offset, other->offset + AlignedBytes(other->bytes));
  }
  return offset;
}

}  // namespace

MemoryPlan PlaceBlocks(std::vector<MemoryBlock> blocks) {
  MemoryPlan plan;
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<const MemoryBlock*> placed;
  for (const size_t i : order) {
    MemoryBlock& block = blocks[i];
    plan.bytes_apart += AlignedBytes(block.bytes);
    if (block.bytes == 0) {
      block.offset = 0;
      continue;
    }
    block.offset = LowestFree(block, placed);
    plan.bytes = std::max(plan.bytes, block.offset + AlignedBytes(block.bytes));
    const auto at = std::upper_bound(
        placed.begin(), placed.end(), &block,
        [](const MemoryBlock* a, const MemoryBlock* b) { return a->offset < b->offset; });
    placed.insert(at, &block);
  }
  plan.blocks = std::move(blocks);
  return plan;
}

}  // namespace moka
