// Which layers do the work of those behind them: matches what layers offer and take, never types.
#include "net/fuse.h"

#include <algorithm>

namespace moka {
namespace {

class Fuser {
 public:
  Fuser(Graph& graph, const FuseOptions& options) : graph_(graph), options_(options) {}

  void Run() {
    for (Value& value : graph_.values) value.fused_away = value.diff_fused_away = false;
    for (Node& node : graph_.nodes) {
      node.takes.clear();
      node.fused_into = -1;
      node.fused_backward = false;
    }
    if (!options_.fuse) return;
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i) {
      InLayer(*node(i).description, node(i).type, [&] { Try(i); });
    }
  }

 private:
  Node& node(int i) { return graph_.nodes[static_cast<size_t>(i)]; }
  Value& value(int v) { return graph_.values[static_cast<size_t>(v)]; }

  void Try(int head) {
    if (node(head).tops.size() != 1 || node(head).fused_into >= 0) return;
    const StepTaker* taker = InterfaceOf<StepTaker>(node(head));
    if (taker == nullptr) return;
    std::vector<Taken> behind = Behind(head);
    std::vector<const ElementStep*> steps;
    for (const Taken& taken : behind) steps.push_back(taken.step);

    const bool backward = RunsBackward(head) ||
                          std::any_of(behind.begin(), behind.end(),
                                      [&](const Taken& taken) { return RunsBackward(taken.node); });
    if (backward) {
      size_t both = static_cast<size_t>(taker->TakesInBoth(steps));
      if (both > 0 && value(node(behind[both - 1].node).tops[0]).loss_weight != 0) --both;
      if (both > 0) {
        behind.resize(both);
        node(head).fused_traits = taker->TraitsInBoth(static_cast<int>(both));
        return Fuse(head, std::move(behind), true);
      }
    }
    const size_t taken = static_cast<size_t>(taker->TakesInForward(steps));
    behind.resize(std::min(taken, UnreadUpTo(head, behind)));
    if (!behind.empty()) Fuse(head, std::move(behind), false);
  }

  // The chain of steps behind a node, as long as nobody else looks at what lies between.
  std::vector<Taken> Behind(int head) {
    std::vector<Taken> chain;
    for (int v = node(head).tops[0];;) {
      if (options_.keep[static_cast<size_t>(v)] || value(v).loss_weight != 0 ||
          value(v).uses.size() != 1) {
        return chain;
      }
      const Use use = value(v).uses[0];
      const Node& next = node(use.node);
      if (next.fused_into >= 0 || next.tops.size() != 1) return chain;
      const ElementStep* step = InterfaceOf<ElementStep>(next);
      if (step == nullptr || value(next.tops[0]).shape.count() != value(v).shape.count() ||
          !Operands(head, next, use.bottom, *step)) {
        return chain;
      }
      chain.push_back({use.node, use.bottom, step});
      v = next.tops[0];
    }
  }

  // Whether what else the step needs is there when the head runs.
  bool Operands(int head, const Node& next, int bottom, const ElementStep& step) {
    if (step.kind() != ElementStep::kSum) return next.bottoms.size() == 1;
    if (next.bottoms.size() != 2) return false;
    const int producer = value(next.bottoms[static_cast<size_t>(1 - bottom)]).producer;
    const int into = node(producer).fused_into;
    return (into >= 0 ? into : producer) < head;
  }

  bool RunsBackward(int i) { return options_.backward && node(i).runs_backward; }

  // How many steps there are whose bottom and whose buffers no Backward wants to see.
  size_t UnreadUpTo(int head, const std::vector<Taken>& chain) {
    int before = head;
    for (size_t k = 0; k < chain.size(); ++k) {
      const Node& step = node(chain[k].node);
      const bool saves = std::any_of(step.plan.pieces.begin(), step.plan.pieces.end(),
                                     [](const Plan::Impl::Piece& piece) { return piece.saved; });
      if (RunsBackward(before) && BackwardReads(graph_, before).ReadsTop(0)) return k;
      if (RunsBackward(chain[k].node) &&
          (saves || BackwardReads(graph_, chain[k].node).ReadsBottom(chain[k].bottom))) {
        return k;
      }
      before = chain[k].node;
    }
    return chain.size();
  }

  void Fuse(int head, std::vector<Taken> chain, bool backward) {
    int before = head;
    for (const Taken& taken : chain) {
      Value& between = value(node(before).tops[0]);
      between.fused_away = true;
      between.diff_fused_away = backward;
      node(taken.node).fused_into = head;
      node(taken.node).fused_backward = backward;
      before = taken.node;
    }
    node(head).fused_backward = backward;
    node(head).takes = std::move(chain);
  }

  Graph& graph_;
  const FuseOptions& options_;
};

const Node& NodeAt(const Graph& graph, int i) { return graph.nodes[static_cast<size_t>(i)]; }

}  // namespace

void FuseLayers(Graph& graph, const FuseOptions& options) { Fuser(graph, options).Run(); }

std::vector<int> ForwardWork(const Graph& graph, int i) {
  const Node& node = NodeAt(graph, i);
  if (node.fused_into >= 0) return {};
  std::vector<int> work = {i};
  for (const Taken& taken : node.takes) work.push_back(taken.node);
  return work;
}

std::vector<int> BackwardWork(const Graph& graph, int i) {
  const Node& node = NodeAt(graph, i);
  if (node.taken_backward()) return {};
  if (!node.fused_backward) return node.runs_backward ? std::vector<int>{i} : std::vector<int>();
  std::vector<int> work = ForwardWork(graph, i);
  const bool any =
      std::any_of(work.begin(), work.end(), [&](int n) { return NodeAt(graph, n).runs_backward; });
  return any ? work : std::vector<int>();
}

int WrittenTop(const Graph& graph, int i, size_t t) {
  const Node& node = NodeAt(graph, i);
  return node.takes.empty() ? node.tops[t] : NodeAt(graph, node.takes.back().node).tops[0];
}

int ReadTopDiff(const Graph& graph, int i, size_t t) {
  const Node& node = NodeAt(graph, i);
  return node.fused_backward && node.fused_into < 0 ? WrittenTop(graph, i, t) : node.tops[t];
}

Reads BackwardReads(const Graph& graph, int i) {
  const auto any = [](const std::vector<char>& wants) {
    return std::find(wants.begin(), wants.end(), 1) != wants.end();
  };
  const LayerTraits& traits = NodeAt(graph, i).run_traits();
  Reads reads;
  for (const int n : BackwardWork(graph, i)) {
    const Node& node = NodeAt(graph, n);
    if (n == i && any(node.wants_bottom)) reads = reads | traits.bottom_gradient_reads();
    if (any(node.wants_param)) reads = reads | traits.param_gradient_reads();
  }
  return reads;
}

}  // namespace moka
