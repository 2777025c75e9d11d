// Binary .caffemodel files (NetParameter, current format): an index of the layers and blobs of one,
// and writing one.
#pragma once

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

// The layers of the file that have blobs, in file order. No values are read: ReadBlob does that.
// Throws Error if the file is damaged, no .caffemodel, or of a format that is not read yet.
std::vector<StoredLayer> ScanCaffemodel(WireReader& reader);

// One blob of a layer, in the shape it has there; diff may be null.
struct BlobToWrite {
  Shape shape;
  const Tensor* values = nullptr;
  const Tensor* diff = nullptr;
};

// Writes layer by layer; the file is there only after Commit.
class CaffemodelWriter {
 public:
  CaffemodelWriter(const std::string& path, const std::string& net_name);
  void Add(const LayerDescription& layer, const std::vector<BlobToWrite>& blobs);
  void Commit() { file_.Commit(); }

 private:
  OutputFile file_;
};

}  // namespace moka
