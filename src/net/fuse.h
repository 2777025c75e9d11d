// Which layers do the work of those behind them (moka/fusion.h).
#pragma once

#include <vector>

#include "net/graph.h"

namespace moka {

struct FuseOptions {
  bool fuse = true;
  bool backward = true;    // Backward will run
  std::vector<char> keep;  // by value: must be there
};

// After DecideGradients, and again after each change of shapes.
void FuseLayers(Graph& graph, const FuseOptions& options);

// The nodes whose forward work node i does: itself and what it took; none if it was taken.
std::vector<int> ForwardWork(const Graph& graph, int i);
// The same for Backward; none if there is nothing to do.
std::vector<int> BackwardWork(const Graph& graph, int i);
// The value that a node writes as its top t: the last one's whose work it does.
int WrittenTop(const Graph& graph, int i, size_t t);
// The value whose diff its Backward reads.
int ReadTopDiff(const Graph& graph, int i, size_t t);
// What the values are that its Backward reads, given which gradients are wanted.
Reads BackwardReads(const Graph& graph, int i);

}  // namespace moka
