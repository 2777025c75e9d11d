// The wiring of a net: which layer reads which value. A blob name that is written twice (in place)
// names two values.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "layer/pass_impl.h"
#include "moka/description.h"
#include "moka/fusion.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "net/problems.h"

namespace moka {

struct Use {
  int node = 0;
  int bottom = 0;
};

// One write of a blob name.
struct Value {
  std::string name;
  int producer = 0;  // node
  int top = 0;       // which of its tops
  std::vector<Use> uses;
  Shape shape;
  float loss_weight = 0;

  // Decided later (gradients.h).
  bool carries_gradient =
      false;  // depends on something that is learned, or a gradient was asked for
  bool leads_to_loss = false;
  bool has_diff = false;  // somebody computes a gradient for it

  // Decided later (fuse.h).
  bool fused_away = false;       // it is never there
  bool diff_fused_away = false;  // nor is its diff
};

// A node whose work another does as well.
struct Taken {
  int node = 0;
  int bottom = 0;  // where what the taker's top would be goes in
  const ElementStep* step = nullptr;
};

// A layer in its place.
struct Node {
  LayerDescription* description = nullptr;
  const LayerType* type = nullptr;
  LayerTraits traits;
  std::vector<int> bottoms, tops;  // values
  const Registry* registry = nullptr;
  bool training = false;
  std::unique_ptr<Layer> layer;

  // From set-up (setup.h).
  std::vector<std::shared_ptr<Param>> params;
  std::vector<Shape> bottom_shapes;  // that the layer was last reshaped for
  Plan::Impl plan;
  bool reshaped = false;  // the last Reshape went well

  // Decided later (gradients.h).
  bool runs_backward = false;
  std::vector<char> wants_bottom, wants_param;

  // Decided later (fuse.h).
  std::vector<Taken> takes;     // whose work this one does, in order
  int fused_into = -1;          // the node that does this one's work in Forward
  bool fused_backward = false;  // and in Backward; of a taker: it does so for those it takes
  LayerTraits fused_traits;     // of a taker, if fused_backward

  bool taken_backward() const { return fused_into >= 0 && fused_backward; }
  const LayerTraits& run_traits() const {
    return fused_into < 0 && fused_backward ? fused_traits : traits;
  }
  LayerSpec spec() const { return LayerSpec(*description, *registry, training); }
};

// An optional interface of a node's layer, or null. A layer that cannot tell offers none.
template <typename I>
const I* InterfaceOf(const Node& node) {
  try {
    return static_cast<const I*>(node.layer->Interface(I::kName, I::kVersion));
  } catch (...) {
    return nullptr;
  }
}

// Nodes in the order of the file, which is the order they run in.
struct Graph {
  std::vector<Node> nodes;
  std::vector<Value> values;
  std::map<std::string, int, std::less<>> last_value;  // by name: the last one written
};

// Connects the layers of `net`, which, as the registry, must outlive the graph; automatic tops of
// losses are written into it. Problems found: unknown types and bottoms, wrong numbers of bottoms,
// tops, loss weights; a top that another layer writes. A layer with a problem is left out. Of what
// reads from it only counts and parameters are checked; then it is left out in silence.
Graph Connect(NetDescription& net, const Registry& registry, Problems& problems);

// The type of a layer; throws Error: it has none, or an unknown one.
const LayerType& TypeOf(const LayerDescription& layer, const NetDescription& net,
                        const Registry& registry);

// What is said of bottom i of a layer, which is none of the blobs `known` so far.
Error UnknownBottom(const NetDescription& net, const LayerParameter& common, int i,
                    const std::vector<std::string>& known);

// Throws Error if a layer has too few or too many bottoms, tops, loss weights or propagate_down;
// or a loss weight, lr_mult or decay_mult that is not finite.
void CheckCounts(const LayerParameter& common, const LayerTraits& traits);

// The names Caffe would give to the copies of a value with several uses: blob_layer_top_split_0,
// ...
std::vector<std::string> SplitNames(const Graph& graph, int value);

}  // namespace moka
