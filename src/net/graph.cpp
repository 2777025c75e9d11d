// The wiring of a net: which layer reads which value.
#include "net/graph.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace moka {
namespace {

std::string Number(int count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// "needs 2 bottoms, has 1", for a number that is not between least and most.
void CheckArity(int has, int least, int most, const char* what) {
  if (has >= least && has <= most) return;
  std::string needs = Number(least, what);
  if (most >= LayerTraits::kAnyNumber) {
    needs = "at least " + needs;
  } else if (most != least) {
    needs = std::to_string(least) + " to " + Number(most, what);
  }
  if (most == 0) needs = std::string("no ") + what;
  throw Error("needs ", needs, ", has ", has).At(what);
}

// The plugins that a net says it needs, for a type that nobody brings.
std::string MissingPlugins(const NetDescription& net) {
  std::string names;
  for (const std::string& name : net.requires_plugins) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? ""
                       : "; the net requires the plugins " + names + ": load them with --plugin";
}

// A blob that a later layer writes is a matter of order, not of spelling.
std::string WhyUnknown(const NetDescription& net, const std::string& name,
                       const std::vector<std::string>& known) {
  for (const LayerDescription& layer : net.layers) {
    const auto& tops = layer.common.top();
    if (std::find(tops.begin(), tops.end(), name) != tops.end()) {
      return "; " + layer.Label() + " writes it, but stands later in the file";
    }
  }
  return DidYouMean(name, known);
}

class Connector {
 public:
  Connector(NetDescription& net, const Registry& registry, Problems& problems)
      : net_(net), registry_(registry), problems_(problems) {}

  Graph Run() {
    for (LayerDescription& layer : net_.layers) {
      bool connected = false;
      problems_.Try(layer, registry_.Find(layer.common.type()), [&] { connected = Add(layer); });
      if (!connected) {
        for (const std::string& top : layer.common.top()) unknown_.insert(top);
        if (layer.common.top_size() == 0) unknown_.insert(layer.common.name());
      }
    }
    return std::move(graph_);
  }

 private:
  // False if the layer reads from one that has a problem.
  bool Add(LayerDescription& layer) {
    Node node;
    node.description = &layer;
    const LayerParameter& common = layer.common;
    node.registry = &registry_;
    node.type = &TypeOf(layer, net_, registry_);
    node.training = (common.has_phase() ? common.phase() : net_.state.phase()) == TRAIN;
    node.traits = node.type->traits(node.spec());
    const bool known = FindBottoms(common, node);
    AddAutomaticTops(layer, node.traits);
    CheckCounts(common, node.traits);
    if (!known) {
      node.type->create(node.spec());  // shapes are unknown, but parameters can be checked
      return false;
    }
    CheckTops(common);

    const int index = static_cast<int>(graph_.nodes.size());
    for (int i = 0; i < common.bottom_size(); ++i) {
      graph_.values[static_cast<size_t>(node.bottoms[static_cast<size_t>(i)])].uses.push_back(
          {index, i});
    }
    for (int i = 0; i < common.top_size(); ++i) AddValue(common, index, i, node);
    graph_.nodes.push_back(std::move(node));
    return true;
  }

  bool FindBottoms(const LayerParameter& common, Node& node) {
    bool known = true;
    for (int i = 0; i < common.bottom_size(); ++i) {
      const std::string& name = common.bottom(i);
      const auto found = graph_.last_value.find(name);
      if (unknown_.count(name) != 0) {
        known = false;
      } else if (found == graph_.last_value.end()) {
        std::vector<std::string> names(unknown_.begin(), unknown_.end());
        for (const auto& entry : graph_.last_value) names.push_back(entry.first);
        throw UnknownBottom(net_, common, i, names);
      } else {
        node.bottoms.push_back(found->second);
      }
    }
    return known;
  }

  void AddAutomaticTops(LayerDescription& layer, const LayerTraits& traits) {
    if (!traits.any_loss()) return;
    for (int i = layer.common.top_size(); i < traits.least_tops(); ++i) {
      std::string name = layer.common.name();
      if (i > 0) name += "_" + std::to_string(i);
      while (graph_.last_value.count(name) != 0) name += "_loss";
      layer.common.add_top(name);
    }
  }

  // A name that exists may be written again only by a layer that reads it (in place).
  void CheckTops(const LayerParameter& common) const {
    std::set<std::string> seen;
    for (int i = 0; i < common.top_size(); ++i) {
      const std::string& name = common.top(i);
      const std::string field = "top[" + std::to_string(i) + "]";
      if (!seen.insert(name).second) throw Error("writes \"", name, "\" twice").At(field);
      const auto found = graph_.last_value.find(name);
      const auto& bottoms = common.bottom();
      if (found == graph_.last_value.end() ||
          std::find(bottoms.begin(), bottoms.end(), name) != bottoms.end()) {
        continue;
      }
      const Value& value = graph_.values[static_cast<size_t>(found->second)];
      const LayerDescription& other =
          *graph_.nodes[static_cast<size_t>(value.producer)].description;
      const std::string where = ToString(other.place);
      throw Error("top blob \"", name, "\" is already written by ", other.Label(),
                  where.empty() ? "" : " at " + where, "; give it another name")
          .At(field);
    }
  }

  void AddValue(const LayerParameter& common, int node, int top, Node& entry) {
    Value value;
    value.name = common.top(top);
    value.producer = node;
    value.top = top;
    value.loss_weight = entry.traits.is_loss(top) ? 1.f : 0.f;
    if (top < common.loss_weight_size()) value.loss_weight = common.loss_weight(top);
    const int id = static_cast<int>(graph_.values.size());
    graph_.last_value[value.name] = id;
    unknown_.erase(value.name);
    entry.tops.push_back(id);
    graph_.values.push_back(std::move(value));
  }

  NetDescription& net_;
  const Registry& registry_;
  Problems& problems_;
  Graph graph_;
  std::set<std::string> unknown_;  // written by layers with problems
};

}  // namespace

const LayerType& TypeOf(const LayerDescription& layer, const NetDescription& net,
                        const Registry& registry) {
  if (!layer.common.has_type()) throw Error("has no type");
  try {
    return registry.Get(layer.common.type());
  } catch (Error& error) {
    throw error.At("type").Suffix(MissingPlugins(net));
  }
}

Error UnknownBottom(const NetDescription& net, const LayerParameter& common, int i,
                    const std::vector<std::string>& known) {
  const std::string& name = common.bottom(i);
  return Error("unknown bottom blob \"", name, "\"", WhyUnknown(net, name, known))
      .At("bottom[" + std::to_string(i) + "]");
}

void CheckFactors(const LayerParameter& common) {
  const auto check = [](float value, const std::string& name, const std::string& field) {
    if (std::isfinite(value)) return;
    throw Error(name, " is ", value, "; it must be a finite number").At(field);
  };
  for (int i = 0; i < common.loss_weight_size(); ++i) {
    check(common.loss_weight(i), "loss_weight", "loss_weight[" + std::to_string(i) + "]");
  }
  for (int i = 0; i < common.param_size(); ++i) {
    const std::string param = "param[" + std::to_string(i) + "].";
    check(common.param(i).lr_mult(), "lr_mult", param + "lr_mult");
    check(common.param(i).decay_mult(), "decay_mult", param + "decay_mult");
  }
}

void CheckCounts(const LayerParameter& common, const LayerTraits& traits) {
  CheckFactors(common);
  CheckArity(common.bottom_size(), traits.least_bottoms(), traits.most_bottoms(), "bottom");
  CheckArity(common.top_size(), traits.least_tops(), traits.most_tops(), "top");
  if (traits.same_number() && common.top_size() != common.bottom_size()) {
    throw Error("needs as many tops as bottoms, has ", Number(common.bottom_size(), "bottom"),
                " and ", Number(common.top_size(), "top"))
        .At("top");
  }
  if (common.loss_weight_size() > common.top_size()) {
    throw Error("has ", common.loss_weight_size(), " loss weights for ",
                Number(common.top_size(), "top"))
        .At("loss_weight");
  }
  if (common.propagate_down_size() > 0 && common.propagate_down_size() != common.bottom_size()) {
    throw Error("has ", common.propagate_down_size(), " propagate_down for ",
                Number(common.bottom_size(), "bottom"))
        .At("propagate_down");
  }
}

Graph Connect(NetDescription& net, const Registry& registry, Problems& problems) {
  return Connector(net, registry, problems).Run();
}

std::vector<std::string> SplitNames(const Graph& graph, int value) {
  const Value& v = graph.values[static_cast<size_t>(value)];
  const size_t readers = v.uses.size() + (v.loss_weight != 0 ? 1 : 0);  // a loss counts as a reader
  std::vector<std::string> names;
  if (v.uses.empty() || readers < 2) return names;
  const std::string& layer =
      graph.nodes[static_cast<size_t>(v.producer)].description->common.name();
  for (size_t k = 0; k < readers; ++k) {
    names.push_back(v.name + "_" + layer + "_" + std::to_string(v.top) + "_split_" +
                    std::to_string(k));
  }
  return names;
}

}  // namespace moka
