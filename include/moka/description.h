// A net as data: what a file says, each piece with the place it came from.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "moka/error.h"
#include "moka/export.h"
#include "moka/layer.pb.h"
#include "moka/net_state.pb.h"
#include "moka/solver.pb.h"
#include "moka/traits.h"

namespace moka {

class Registry;
struct LayerType;

// One parameter message of a layer, serialised: what `relu_param { ... }` says.
struct ParamMessage {
  std::string field;  // "relu_param"
  int number = 0;     // on the wire
  std::string bytes;
};

// Where fields stand: by path below the layer or solver ("convolution_param.kernel_size",
// "bottom[1]"); repeated fields have an entry for each element and one, without index, for the
// first.
using Places = std::map<std::string, Place, std::less<>>;

class MOKA_EXPORT LayerDescription {
 public:
  LayerParameter
      common;  // name, type, bottom, top, loss_weight, param, include, exclude, ...; no blobs
  std::vector<ParamMessage> params;  // in file order
  Place place;                       // of `layer` itself
  Places places;

  // `layer "conv1" (Convolution)`, or `layer "conv1"` if it names no type.
  std::string Label() const;
  // The place of a field path, or of its nearest parent that has one, or of the layer.
  Place PlaceOf(std::string_view path) const;
};

// What a layer declares about itself, for phase TRAIN. Throws Error with label and place: no type
// or an unknown one, or what its Traits function throws; if that is no Error, it names the plugin.
MOKA_EXPORT LayerTraits TraitsOf(const Registry& registry, const LayerDescription& layer);
// Of a layer of that type without parameters. Throws Error: what its Traits function throws.
MOKA_EXPORT LayerTraits TraitsOf(const Registry& registry, const LayerType& type);

struct NetDescription {
  std::string name;
  std::vector<LayerDescription> layers;
  NetState state;
  bool force_backward = false;
  std::vector<std::string> requires_plugins;
  std::vector<std::string>
      notices;       // recognised but without effect here; told once by whoever runs the net
  std::string file;  // empty if it came from no file
};

struct SolverDescription {
  SolverParameter common;  // without the nets that stand inside (net_param, ...)
  std::optional<NetDescription> net_param, train_net_param;
  std::vector<NetDescription> test_net_params;
  Places places;
  std::vector<std::string> notices;
  std::string file;
};

}  // namespace moka
