// Makes the layers of a connected net: their params, shapes and wishes for memory.
#include "net/setup.h"

#include <map>
#include <set>

namespace moka {
namespace {

// 4 TB: keeps sums of sizes in bytes far from overflow.
constexpr int64_t kMostElements = int64_t{1} << 40;

std::vector<Shape> BottomShapes(const Graph& graph, const Node& node) {
  std::vector<Shape> shapes;
  for (const int value : node.bottoms)
    shapes.push_back(graph.values[static_cast<size_t>(value)].shape);
  return shapes;
}

// Who owns a param that is shared by name.
struct Owner {
  std::string layer;
  ParamSpec spec;
  std::shared_ptr<Param> param;
  bool made = false;  // by this net, not by one that shares its weights
};

class ParamBinder {
 public:
  ParamBinder(Weights& weights, const Context& context) : weights_(weights), context_(context) {}

  void Bind(Node& node, const Setup::Impl& setup) {
    registry_ = node.registry;
    const LayerParameter& common = node.description->common;
    const int count = static_cast<int>(setup.requests.size());
    if (common.param_size() > count) {
      throw Error("has ", common.param_size(), " param { } entries, but ", count, " params")
          .At("param");
    }
    if (count > 0 && !named_.insert(common.name()).second) {
      throw Error("another layer with params has this name; weights are kept by name").At("name");
    }
    for (int k = 0; k < count; ++k) {
      const ParamSpec spec = k < common.param_size() ? common.param(k) : ParamSpec();
      try {
        node.params.push_back(Get(common.name(), k, setup.requests[static_cast<size_t>(k)], spec));
      } catch (Error& error) {
        throw error.At("param[" + std::to_string(k) + "]");
      }
    }
  }

 private:
  std::shared_ptr<Param> Get(const std::string& layer, int k, const Setup::Impl::Request& request,
                             const ParamSpec& spec) {
    if (spec.has_name() && !spec.name().empty()) {
      auto owner = owners_.find(spec.name());
      if (owner == owners_.end()) {
        bool made = false;
        std::shared_ptr<Param> param = FindOrMake(layer, k, request, spec, made);
        owner = owners_.emplace(spec.name(), Owner{layer, spec, std::move(param), made}).first;
      } else {
        CheckSharing(owner->second, request, spec);
        if (!weights_.Find(layer, k)) weights_.Add(layer, k, owner->second.param, request.shape);
      }
      return owner->second.param;
    }
    bool made = false;
    return FindOrMake(layer, k, request, spec, made);
  }

  std::shared_ptr<Param> FindOrMake(const std::string& layer, int k,
                                    const Setup::Impl::Request& request, const ParamSpec& spec,
                                    bool& made) {
    if (std::shared_ptr<Param> param = weights_.Find(layer, k)) {
      if (param->shape() != request.shape) {
        throw Error(request.name, " is ", request.shape, " here, but ", param->shape(),
                    " in the net that it shares its weights with");
      }
      return param;
    }
    const std::string name = !spec.name().empty() ? spec.name() : layer + "." + request.name;
    auto param = std::make_shared<Param>(name, request.shape, request.learned);
    param->lr_mult = request.learned ? spec.lr_mult() : 0;
    param->decay_mult = request.learned ? spec.decay_mult() : 0;
    FillNew(*registry_, request, context_.seed(), *param);
    weights_.Add(layer, k, param, request.shape);
    made = true;
    return param;
  }

  static void CheckSharing(Owner& owner, const Setup::Impl::Request& request,
                           const ParamSpec& spec) {
    const Shape& shape = owner.param->shape();
    const bool permissive = spec.share_mode() == ParamSpec::PERMISSIVE;
    if (permissive ? shape.count() != request.shape.count() : shape != request.shape) {
      throw Error("shares \"", spec.name(), "\" with layer \"", owner.layer, "\", where it is ",
                  shape, "; here it is ", request.shape,
                  permissive ? "" : " (share_mode: PERMISSIVE asks for equal counts only)");
    }
    CheckMultiplier("lr_mult", owner, owner.spec.has_lr_mult(), owner.spec.lr_mult(),
                    spec.has_lr_mult(), spec.lr_mult());
    CheckMultiplier("decay_mult", owner, owner.spec.has_decay_mult(), owner.spec.decay_mult(),
                    spec.has_decay_mult(), spec.decay_mult());
    // Whoever states a multiplier first states it for all, in the net that makes the param.
    if (!owner.made) return;
    if (!owner.spec.has_lr_mult() && spec.has_lr_mult()) {
      owner.spec.set_lr_mult(spec.lr_mult());
      owner.param->lr_mult = spec.lr_mult();
    }
    if (!owner.spec.has_decay_mult() && spec.has_decay_mult()) {
      owner.spec.set_decay_mult(spec.decay_mult());
      owner.param->decay_mult = spec.decay_mult();
    }
  }

  static void CheckMultiplier(const char* what, const Owner& owner, bool owner_has, float owners,
                              bool has, float ours) {
    if (owner_has && has && owners != ours) {
      throw Error("has ", what, " ", ours, " for a param that layer \"", owner.layer,
                  "\" shares with ", what, " ", owners);
    }
  }

  Weights& weights_;
  const Context& context_;
  const Registry* registry_ = nullptr;  // of the node that is being bound
  std::map<std::string, Owner> owners_;
  std::set<std::string> named_;
};

void SetUpNode(Graph& graph, Node& node, ParamBinder& binder) {
  Setup::Impl impl;
  Setup setup(impl);
  const std::vector<Shape> bottoms = BottomShapes(graph, node);
  node.layer->SetUp(bottoms, setup);
  binder.Bind(node, impl);
  ReshapeNode(graph, node);
}

}  // namespace

void CheckSize(const Shape& shape, size_t top) {
  if (shape.count() > kMostElements) {
    throw Error("top ", top, " would be ", shape, ", ", shape.count(),
                " numbers; that is too large");
  }
}

void ReshapeNode(Graph& graph, Node& node) {
  node.reshaped = false;  // until it is done
  node.bottom_shapes = BottomShapes(graph, node);
  node.plan = Plan::Impl();
  node.plan.tops.resize(node.tops.size());
  Plan plan(node.plan);
  node.layer->Reshape(node.bottom_shapes, plan);
  for (size_t i = 0; i < node.tops.size(); ++i) {
    const Shape& shape = node.plan.tops[i];
    CheckSize(shape, i);
    graph.values[static_cast<size_t>(node.tops[i])].shape = shape;
  }
  node.reshaped = true;
}

void SetUpLayers(Graph& graph, Weights& weights, const Context& context, Problems& problems) {
  ParamBinder binder(weights, context);
  std::set<int> unknown;  // values of layers with problems
  for (Node& node : graph.nodes) {
    bool known = true;
    for (const int value : node.bottoms) known = known && unknown.count(value) == 0;
    const bool good = problems.Try(*node.description, node.type, [&] {
      node.layer = node.type->create(node.spec());  // whose parameters are checked in any case
      if (known) SetUpNode(graph, node, binder);
    });
    if (!good || !known) unknown.insert(node.tops.begin(), node.tops.end());
  }
}

void ReshapeLayers(Graph& graph) {
  for (Node& node : graph.nodes) {
    // What stands in a fed value's shape was set by the caller.
    if (node.traits.fed_from_outside()) continue;
    InLayer(*node.description, node.type, [&] { ReshapeNode(graph, node); });
  }
}

}  // namespace moka
