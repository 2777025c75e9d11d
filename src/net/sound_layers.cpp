// What is wrong with single layers, whatever the phase: for files that have errors of syntax, too.
#include "net/filter.h"
#include "net/graph.h"
#include "net/schema_impl.h"

namespace moka {
namespace {

// The blobs written so far, in any phase, and words that may be blobs.
struct Known {
  std::set<std::string> blobs;
  const std::set<std::string>& lost;
};

void CheckLayerAlone(const Registry& registry, const NetDescription& net, LayerDescription layer,
                     const Known& known) {
  LayerParameter& common = layer.common;
  CheckRules(common);
  const LayerType& type = TypeOf(layer, net, registry);
  const LayerSpec spec(layer, registry);
  const LayerTraits traits = type.traits(spec);
  for (int i = 0; i < common.bottom_size(); ++i) {
    const std::string& name = common.bottom(i);
    if (known.blobs.count(name) + known.lost.count(name) == 0)
      throw UnknownBottom(net, common, i, {known.blobs.begin(), known.blobs.end()});
  }
  // A loss that names no top gets one of its own.
  while (traits.any_loss() && common.top_size() < traits.least_tops())
    common.add_top(common.name());
  CheckCounts(common, traits);
  type.create(spec);
}

}  // namespace

std::vector<Error> CheckSoundLayers(const Registry& registry, const NetDescription& net,
                                    const std::set<std::string>& lost) {
  Problems problems;
  Known known{{}, lost};
  for (const LayerDescription& layer : net.layers) {
    problems.Try(layer, registry.Find(layer.common.type()),
                 [&] { CheckLayerAlone(registry, net, layer, known); });
    known.blobs.insert(layer.common.top().begin(), layer.common.top().end());
    if (layer.common.top_size() == 0) known.blobs.insert(layer.common.name());
  }
  return problems.Take();
}

}  // namespace moka
