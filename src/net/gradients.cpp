// Which gradients a net needs.
#include "net/gradients.h"

namespace moka {
namespace {

// From the losses upwards: what a gradient can come from.
void FindLossPaths(Graph& graph) {
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    bool leads = false;
    for (const int top : node->tops) {
      Value& value = graph.values[static_cast<size_t>(top)];
      value.leads_to_loss = value.leads_to_loss || value.loss_weight != 0;
      leads = leads || value.leads_to_loss;
    }
    if (!leads) continue;
    const auto& down = node->description->common.propagate_down();
    for (size_t i = 0; i < node->bottoms.size(); ++i) {
      const bool stopped = !down.empty() && !down[static_cast<int>(i)];
      if (node->traits.differentiable(static_cast<int>(i)) && !stopped) {
        graph.values[static_cast<size_t>(node->bottoms[i])].leads_to_loss = true;
      }
    }
  }
}

bool LeadsToLoss(const Graph& graph, const Node& node) {
  for (const int top : node.tops) {
    if (graph.values[static_cast<size_t>(top)].leads_to_loss) return true;
  }
  return false;
}

bool IsTrained(const Param& param) { return param.learned() && param.lr_mult != 0; }

// Whether the node's tops depend, differentiably, on something that is learned or asked for, be
// there a loss below or not: it is a mistake to feed such a value to a bottom without gradient.
bool Carries(const Graph& graph, const Node& node) {
  if (!node.traits.has_backward()) return false;
  for (const auto& param : node.params) {
    if (IsTrained(*param)) return true;
  }
  const auto& down = node.description->common.propagate_down();
  for (size_t i = 0; i < node.bottoms.size(); ++i) {
    const int bottom = static_cast<int>(i);
    if (!node.traits.differentiable(bottom)) continue;
    const bool carries = graph.values[static_cast<size_t>(node.bottoms[i])].carries_gradient;
    if (down.empty() ? carries : down[bottom]) return true;
  }
  return false;
}

bool WantsBottom(const Graph& graph, const Node& node, int i, bool force) {
  const Value& value = graph.values[static_cast<size_t>(node.bottoms[static_cast<size_t>(i)])];
  const auto& down = node.description->common.propagate_down();
  if (!down.empty() && !down[i]) return false;
  const bool asked = !down.empty() && down[i];
  if (node.traits.differentiable(i)) return value.carries_gradient || asked || force;
  if (value.carries_gradient) {
    throw Error("blob \"", value.name, "\" depends on learned params, but ",
                node.description->common.type(),
                " has no gradient for it; say propagate_down: false for it (and true for the "
                "others) to train without")
        .At("bottom[" + std::to_string(i) + "]");
  }
  if (asked) {
    throw Error(node.description->common.type(), " has no gradient for \"", value.name, "\"")
        .At("propagate_down[" + std::to_string(i) + "]");
  }
  return false;
}

void DecideNode(Graph& graph, Node& node, bool force) {
  const bool leads = LeadsToLoss(graph, node);
  node.wants_bottom.assign(node.bottoms.size(), 0);
  node.wants_param.assign(node.params.size(), 0);
  if (leads && !node.traits.has_backward()) {
    for (const int top : node.tops) {
      if (graph.values[static_cast<size_t>(top)].loss_weight != 0) {
        throw Error("cannot be a loss: ", node.description->common.type(), " has no gradient")
            .At("loss_weight");
      }
    }
  }
  node.runs_backward = false;
  for (size_t i = 0; leads && i < node.bottoms.size(); ++i) {
    node.wants_bottom[i] = WantsBottom(graph, node, static_cast<int>(i), force);
    node.runs_backward = node.runs_backward || node.wants_bottom[i] != 0;
  }
  for (size_t k = 0; leads && k < node.params.size(); ++k) {
    node.wants_param[k] = node.traits.has_backward() && IsTrained(*node.params[k]);
    node.runs_backward = node.runs_backward || node.wants_param[k] != 0;
  }
  const bool carries = Carries(graph, node);
  for (const int top : node.tops) {
    graph.values[static_cast<size_t>(top)].carries_gradient = carries;
  }
}

}  // namespace

void DecideGradients(Graph& graph, bool force_backward, Problems& problems) {
  FindLossPaths(graph);
  for (Node& node : graph.nodes) {
    problems.Try(*node.description, node.type, [&] { DecideNode(graph, node, force_backward); });
  }
  for (Node& node : graph.nodes) {
    for (size_t i = 0; i < node.bottoms.size(); ++i) {
      Value& value = graph.values[static_cast<size_t>(node.bottoms[i])];
      value.has_diff = value.has_diff || node.wants_bottom[i] != 0;
    }
    for (const int top : node.tops) {
      Value& value = graph.values[static_cast<size_t>(top)];
      value.has_diff = value.has_diff || (node.runs_backward && value.loss_weight != 0);
    }
  }
}

}  // namespace moka
