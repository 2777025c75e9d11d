// Writing the values of a net as a .caffemodel.
#include <map>

#include "io/caffemodel.h"
#include "moka/net.h"
#include "moka/weights.h"

namespace moka {

void SaveWeights(const std::string& path, const Net& net, bool diffs) {
  std::map<const Param*, const Tensor*> gradients;
  if (diffs) {
    for (const Learned& learned : net.learned()) gradients[learned.param] = learned.diff;
  }

  CaffemodelWriter writer(path, net.name());
  // By number: two layers may have one name.
  for (int i = 0; i < net.layer_count(); ++i) {
    LayerDescription layer = net.description().layers[static_cast<size_t>(i)];
    if (!layer.common.has_phase()) layer.common.set_phase(net.phase());
    std::vector<BlobToWrite> blobs;
    const Weights::Entry* entry = net.weights().FindLayer(layer.common.name());
    const std::vector<const Param*> params = net.layer(i).params;
    for (size_t k = 0; k < params.size(); ++k) {
      const auto gradient = gradients.find(params[k]);
      blobs.push_back({entry->shapes[k], &params[k]->values(),
                       gradient == gradients.end() ? nullptr : gradient->second});
    }
    writer.Add(layer, blobs);
  }
  writer.Commit();
}

}  // namespace moka
