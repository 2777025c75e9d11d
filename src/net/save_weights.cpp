// Writing the values of a net as a .caffemodel.
#include "net/save_weights.h"

#include "io/weights_file.h"
#include "moka/weights.h"

namespace moka {

std::vector<LayerToWrite> LayersToWrite(const Net& net, bool diffs,
                                        const std::map<const Param*, const Tensor*>& instead) {
  std::map<const Param*, const Tensor*> gradients;
  if (diffs) {
    for (const Learned& learned : net.learned()) gradients[learned.param] = learned.diff;
  }
  const auto find = [](const auto& map, const Param* param, const Tensor* otherwise) {
    const auto found = map.find(param);
    return found == map.end() ? otherwise : found->second;
  };

  std::vector<LayerToWrite> layers;
  // By number: two layers may have one name.
  for (int i = 0; i < net.layer_count(); ++i) {
    LayerToWrite layer{&net.description().layers[static_cast<size_t>(i)], net.phase(), {}};
    const Weights::Entry* entry = net.weights().FindLayer(layer.layer->common.name());
    const std::vector<const Param*> params = net.layer(i).params;
    for (size_t k = 0; k < params.size(); ++k) {
      layer.blobs.push_back({entry->shapes[k], find(instead, params[k], &params[k]->values()),
                             find(gradients, params[k], nullptr)});
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

void SaveWeights(const std::string& path, const Net& net, bool diffs) {
  WriteWeightsFile(path, net.name(), LayersToWrite(net, diffs));
}

}  // namespace moka
