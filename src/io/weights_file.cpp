// A file of weights, of either format.
#include "io/weights_file.h"

#include <new>

#include "io/hdf5.h"
#include "io/output_file.h"
#include "io/seal.h"
#include "moka/error.h"

namespace moka {
namespace {

std::vector<StoredBlob> BlobsOf(const StoredHdf5Layer& layer, const std::string& path) {
  std::vector<StoredBlob> blobs;
  for (const std::optional<Shape>& shape : layer.blobs) {
    if (!shape) {
      throw Error(path, ": layer \"", layer.name, "\" has ", layer.blobs.size(),
                  " blobs, and blob ", blobs.size(),
                  " is not in the file: Caffe leaves shared values out of HDF5 files; a binary "
                  ".caffemodel has them");
    }
    StoredBlob blob;
    blob.shape = *shape;
    blobs.push_back(blob);
  }
  return blobs;
}

}  // namespace

WeightsFile::WeightsFile(const std::string& path) try : path_(path) {
  reader_ = std::make_unique<WireReader>(path);
  if (!IsHdf5File(path)) {
    model_ = ScanCaffemodel(*reader_);
    return;
  }
  NeedHdf5("read", path);
  model_.checksum = CheckSeal(*reader_, false);  // before the library looks at it
  hdf5_ = std::make_unique<Hdf5Weights>(path);
  if (!model_.checksum) CheckSeal(*reader_, hdf5_->sealed());
  reader_.reset();
  for (size_t i = 0; i < hdf5_->layers().size(); ++i) {
    const StoredHdf5Layer& layer = hdf5_->layers()[i];
    if (layer.blobs.empty()) continue;
    model_.layers.push_back({layer.name, BlobsOf(layer, path)});
    in_hdf5_.push_back(i);
  }
} catch (const std::bad_alloc&) {
  throw Error(path, ": there is not enough memory to read it");
}

void WeightsFile::Read(size_t layer, size_t blob, std::span<float> out) {
  if (hdf5_ != nullptr) return hdf5_->Read(in_hdf5_[layer], blob, out);
  ReadBlob(*reader_, model_.layers[layer].blobs[blob], out);
}

bool IsHdf5Name(const std::string& path) { return path.ends_with(".h5"); }

uint32_t WriteWeightsFile(const std::string& path, const std::string& net_name,
                          const std::vector<LayerToWrite>& layers) {
  if (!IsHdf5Name(path)) return WriteCaffemodel(path, net_name, layers);
  NeedHdf5("write", path);
  std::vector<Hdf5Layer> hdf5;
  for (const LayerToWrite& layer : layers) {
    hdf5.push_back({layer.layer->common.name(), layer.blobs});
  }
  OutputFile file(path);
  WriteHdf5Weights(file.temporary(), hdf5);
  file.Adopt();
  const uint32_t checksum = file.checksum();
  file.Write(Seal(checksum));
  file.Commit();
  return checksum;
}

}  // namespace moka
