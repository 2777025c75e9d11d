// How long each value, diff and buffer of a net lives, and which may lie in the same memory.
#pragma once

#include <string>
#include <vector>

#include "moka/memory_plan.h"
#include "net/graph.h"

namespace moka {

// Steps: node i runs forward at step i and, in a net with backward, backward at step 2n - 1 - i.
struct LifetimeOptions {
  bool backward = true;
  bool separate = false;   // nothing shares memory
  bool parts = true;       // what is to stand side by side may be written there
  int threads = 1;         // for per-worker scratch
  std::vector<char> keep;  // by value: stays readable after a pass, in memory of its own
};

// One piece of memory and who uses it.
struct Storage {
  MemoryBlock block;
  bool kept = false;  // outside the arena
};

// What a node's Backward does with the diff of one bottom.
enum class DiffWrite {
  kNone,    // not wanted
  kAssign,  // the first contribution goes straight into the diff
  kAdd,     // written beside, then added
};

// Where everything lies, by index into `storages`; -1 is nowhere.
struct Lifetimes {
  struct NodeMemory {
    std::vector<int> saved;                              // by plan piece; -1 for scratch
    std::vector<int> scratch_forward, scratch_backward;  // by plan piece; -1 for saved ones
    std::vector<DiffWrite> diff_writes;                  // by bottom
    std::vector<int> beside;                             // by bottom: where a kAdd is written first
    std::vector<int> zeros;  // by top: zeros that stand in for a diff that nobody computes
  };
  std::vector<Storage> storages;
  std::vector<int> value, diff;  // by value
  // By value: one that is a part of another, which it shares the storage of; floats from the
  // beginning, and from one item to the next. Stride 0: it is none.
  std::vector<int64_t> offset, stride;
  // By value: whether its diff is a part of the diff of the same other value, there.
  std::vector<char> diff_is_part;
  std::vector<NodeMemory> nodes;
};

// A pure function of the graph after DecideGradients and FuseLayers. What is fused away has the
// place of what stands in for it.
Lifetimes FindLifetimes(const Graph& graph, const LifetimeOptions& options);

}  // namespace moka
