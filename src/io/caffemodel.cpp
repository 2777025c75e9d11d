// Binary .caffemodel files. NetParameter: name 1, layers 2 (V1), layer 100; in a layer: name 1,
// blobs 7, its own parameters above.
#include "io/caffemodel.h"

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

bool IsHdf5(WireReader& reader) {
  char start[4] = {};
  if (reader.size() < 8) return false;
  reader.Read(start, 4);
  reader.Seek(0);
  return std::string_view(start, 4) == "\x89HDF";
}

}  // namespace

std::vector<StoredLayer> ScanCaffemodel(WireReader& reader) {
  if (IsHdf5(reader)) {
    throw Error(reader.path(), ": HDF5 weights are not read yet, only binary .caffemodel files");
  }
  std::vector<StoredLayer> layers;
  bool any = false;
  Field field;
  reader.Seek(0);
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
      if (!layer.blobs.empty()) layers.push_back(std::move(layer));
    }
    reader.Seek(field.end);
  }
  if (!any) throw Error(reader.path(), ": there are no layers in it; is it a .caffemodel?");
  return layers;
}

CaffemodelWriter::CaffemodelWriter(const std::string& path, const std::string& net_name)
    : file_(path) {
  std::string head;
  AppendHead(head, kNetName, static_cast<int64_t>(net_name.size()));
  file_.Write(head);
  file_.Write(net_name);
}

void CaffemodelWriter::Add(const LayerDescription& layer, const std::vector<BlobToWrite>& blobs) {
  std::string common, params, head;
  layer.common.SerializePartialToString(&common);
  for (const ParamMessage& param : layer.params) {
    AppendHead(params, param.number, static_cast<int64_t>(param.bytes.size()));
    params += param.bytes;
  }
  auto bytes = static_cast<int64_t>(common.size() + params.size());
  for (const BlobToWrite& blob : blobs)
    bytes += BlobFieldBytes(kBlobs, blob.shape, *blob.values, blob.diff);
  AppendHead(head, kLayer, bytes);
  file_.Write(head);
  file_.Write(common);
  for (const BlobToWrite& blob : blobs)
    WriteBlobField(file_, kBlobs, blob.shape, *blob.values, blob.diff);
  file_.Write(params);
}

}  // namespace moka
