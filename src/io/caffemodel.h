// Binary .caffemodel files (NetParameter, current format): an index of the layers and blobs of one,
// and writing one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/output_file.h"
#include "io/stored_blob.h"
#include "io/wire_reader.h"
#include "moka/description.h"

namespace moka {

struct StoredLayer {
  std::string name;
  std::vector<StoredBlob> blobs;
};

struct StoredModel {
  std::vector<StoredLayer> layers;   // those that have blobs, in file order
  std::optional<uint32_t> checksum;  // of a file by Moka; it has been compared
};

// No values are kept: ReadBlob reads them. Throws Error if the file is damaged, no .caffemodel, or
// of a format that is not read yet.
StoredModel ScanCaffemodel(WireReader& reader);

// One blob of a layer, in the shape it has there; diff may be null.
struct BlobToWrite {
  Shape shape;
  const Tensor* values = nullptr;
  const Tensor* diff = nullptr;
};

struct LayerToWrite {
  const LayerDescription* layer = nullptr;
  Phase phase = TRAIN;  // written where the layer has none of its own
  std::vector<BlobToWrite> blobs;
};

// How long the file will be. Other readers can take no more than kMostModelBytes.
int64_t CaffemodelBytes(const std::string& net_name, const std::vector<LayerToWrite>& layers);
inline constexpr int64_t kMostModelBytes = (int64_t{1} << 31) - 1;

// Writes layer by layer; the file is there only once it is whole. Returns its checksum. Throws
// Error.
uint32_t WriteCaffemodel(const std::string& path, const std::string& net_name,
                         const std::vector<LayerToWrite>& layers);

}  // namespace moka
