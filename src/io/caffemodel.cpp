// Binary .caffemodel files. NetParameter: name 1, layers 2 (V1), layer 100; in a layer: name 1,
// blobs 7, its own parameters above.
#include "io/caffemodel.h"

#include "io/seal.h"
#include "moka/error.h"

namespace moka {
namespace {

using Field = WireReader::Field;

enum {
  kNetName = 1,
  kStateIteration = 1,
  kOldLayers = 2,
  kLayer = 100,
  kLayerName = 1,
  kBlobs = 7
};

StoredLayer ScanLayer(WireReader& reader, const Field& layer) {
  StoredLayer stored;
  Field field;
  while (reader.Next(layer.end, field)) {
    if (field.Is(kLayerName, WireReader::kBytes)) stored.name = reader.ReadBytes(field);
    if (field.Is(kBlobs, WireReader::kBytes)) {
      stored.blobs.push_back(ScanBlob(reader, field.begin, field.end));
    }
    reader.Seek(field.end);
  }
  return stored;
}

// Whether its first field says that it ends with a checksum.
bool StartsSealed(WireReader& reader) {
  std::string start(SealMark().size(), '\0');
  if (reader.size() < static_cast<int64_t>(start.size())) return false;
  reader.Read(start.data(), static_cast<int64_t>(start.size()));
  return start == SealMark();
}

std::string ModelHead(const std::string& net_name) {
  std::string head = SealMark();
  AppendHead(head, kNetName, static_cast<int64_t>(net_name.size()));
  return head + net_name;
}

// A layer's field: its head, then `bytes` bytes, which are common, the blobs, params.
struct LayerParts {
  explicit LayerParts(const LayerToWrite& layer);
  std::string head, common, params;
  int64_t bytes = 0;
};

LayerParts::LayerParts(const LayerToWrite& layer) {
  LayerParameter with_phase = layer.layer->common;
  if (!with_phase.has_phase()) with_phase.set_phase(layer.phase);
  with_phase.SerializePartialToString(&common);
  for (const ParamMessage& param : layer.layer->params) {
    AppendHead(params, param.number, static_cast<int64_t>(param.bytes.size()));
    params += param.bytes;
  }
  bytes = static_cast<int64_t>(common.size() + params.size());
  for (const BlobToWrite& blob : layer.blobs)
    bytes += BlobFieldBytes(kBlobs, blob.shape, *blob.values, blob.diff);
  AppendHead(head, kLayer, bytes);
}

}  // namespace

StoredModel ScanCaffemodel(WireReader& reader) {
  StoredModel model;
  bool any = false;
  Field field;
  reader.Seek(0);
  model.checksum = CheckSeal(reader, StartsSealed(reader));
  while (reader.Next(reader.size(), field)) {
    if (field.Is(kStateIteration, WireReader::kVarint)) {
      throw Error(reader.path(),
                  ": this is a .solverstate; training goes on from it with --snapshot, and weights "
                  "are in the .caffemodel beside it");
    }
    if (field.Is(kOldLayers, WireReader::kBytes)) {
      throw Error(reader.path(),
                  ": the old format (V1 `layers`) is not read yet; Caffe's "
                  "upgrade_net_proto_binary turns it into the current one");
    }
    if (field.Is(kLayer, WireReader::kBytes)) {
      any = true;
      StoredLayer layer = ScanLayer(reader, field);
      if (!layer.blobs.empty()) model.layers.push_back(std::move(layer));
    }
    reader.Seek(field.end);
  }
  if (!any) throw Error(reader.path(), ": there are no layers in it; is it a .caffemodel?");
  return model;
}

int64_t CaffemodelBytes(const std::string& net_name, const std::vector<LayerToWrite>& layers) {
  auto bytes = static_cast<int64_t>(ModelHead(net_name).size() + Seal(0).size());
  for (const LayerToWrite& layer : layers) {
    const LayerParts parts(layer);
    bytes += static_cast<int64_t>(parts.head.size()) + parts.bytes;
  }
  return bytes;
}

uint32_t WriteCaffemodel(const std::string& path, const std::string& net_name,
                         const std::vector<LayerToWrite>& layers) {
  const int64_t bytes = CaffemodelBytes(net_name, layers);
  if (bytes > kMostModelBytes) {
    throw Error("cannot write \"", path, "\": it would have ", bytes,
                " bytes, and a .caffemodel ends at ", kMostModelBytes,
                "; snapshot_format: HDF5 has no such limit");
  }
  OutputFile file(path);
  file.Write(ModelHead(net_name));
  for (const LayerToWrite& layer : layers) {
    const LayerParts parts(layer);
    file.Write(parts.head);
    file.Write(parts.common);
    for (const BlobToWrite& blob : layer.blobs)
      WriteBlobField(file, kBlobs, blob.shape, *blob.values, blob.diff);
    file.Write(parts.params);
  }
  const uint32_t checksum = file.checksum();
  file.Write(Seal(checksum));
  file.Commit();
  return checksum;
}

}  // namespace moka
