// Writing the values of a net as a .caffemodel.
#include <map>
#include <string_view>

#include "io/caffemodel.h"
#include "moka/net.h"
#include "moka/weights.h"

namespace moka {

void SaveWeights(const std::string& path, const Net& net, bool diffs) {
  std::map<std::string, LayerInfo, std::less<>> layers;
  for (int i = 0; i < net.layer_count(); ++i) {
    LayerInfo info = net.layer(i);
    layers.emplace(info.name, std::move(info));
  }
  std::map<const Param*, const Tensor*> gradients;
  if (diffs) {
    for (const Learned& learned : net.learned()) gradients[learned.param] = learned.diff;
  }

  CaffemodelWriter writer(path, net.name());
  for (LayerDescription layer : net.description().layers) {
    if (!layer.common.has_phase()) layer.common.set_phase(net.phase());
    std::vector<BlobToWrite> blobs;
    const auto info = layers.find(layer.common.name());
    if (info != layers.end()) {
      for (const Param* param : info->second.params) {
        const auto gradient = gradients.find(param);
        blobs.push_back(
            {&param->values(), gradient == gradients.end() ? nullptr : gradient->second});
      }
    }
    writer.Add(layer, blobs);
  }
  writer.Commit();
}

}  // namespace moka
