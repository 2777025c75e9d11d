// HDF5 weights (.caffemodel.h5).
#include "io/hdf5_weights.h"

#include <algorithm>
#include <set>

#include "io/hdf5.h"
#include "io/hdf5_group.h"
#include "io/hdf5_reader.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr const char* kData = "data";
constexpr const char* kDiff = "diff";

// Two of one name cannot stand in one group; better known before the first byte.
void CheckNames(const std::string& path, const std::vector<Hdf5Layer>& layers) {
  std::set<std::string> names;
  for (const Hdf5Layer& layer : layers) {
    if (!names.insert(layer.name).second) {
      throw Error("cannot write \"", path, "\": two layers are called \"", layer.name,
                  "\", which HDF5 files cannot hold");
    }
  }
}

void WriteLayers(const Hdf5Group& root, const std::vector<Hdf5Layer>& layers, const char* where,
                 const Tensor* BlobToWrite::*what) {
  const Hdf5Group group = root.AddGroup(where);
  for (const Hdf5Layer& layer : layers) {
    const Hdf5Group own = group.AddGroup(EscapeHdf5Name(layer.name));
    for (size_t i = 0; i < layer.blobs.size(); ++i) {
      const BlobToWrite& blob = layer.blobs[i];
      if (blob.*what != nullptr) own.AddFloats(std::to_string(i), blob.shape, *(blob.*what));
    }
  }
}

bool HasDiff(const Hdf5Layer& layer) {
  return std::ranges::any_of(layer.blobs, [](const auto& blob) { return blob.diff != nullptr; });
}

}  // namespace

void WriteHdf5Weights(const std::string& path, const std::vector<Hdf5Layer>& layers) {
  CheckNames(path, layers);
  WriteHdf5(path, [&](const Hdf5Group& root) {
    WriteLayers(root, layers, kData, &BlobToWrite::values);
    if (std::ranges::any_of(layers, HasDiff)) {
      WriteLayers(root, layers, kDiff, &BlobToWrite::diff);
    }
  });
}

namespace {

Hdf5Contents Scan(const Hdf5File& file) {
  const Hdf5Group root(file);
  if (!root.Has(kData)) {
    file.Fail(root.Has("history")
                  ? "this is a .solverstate.h5; training goes on from it with --snapshot, and "
                    "weights are in the .caffemodel.h5 beside it"
                  : "there is no group /data in it; is it a .caffemodel.h5?");
  }
  const Hdf5Group data = root.OpenGroup(kData);
  Hdf5Contents contents;
  for (const std::string& link : data.Names()) {
    contents.parts.push_back(ScanBlobs(data.OpenGroup(link), {kData, link}));
  }
  if (contents.parts.empty()) data.Fail("there are no layers in it");
  return contents;
}

}  // namespace

struct Hdf5Weights::Impl {
  Hdf5Reader reader;
  std::vector<StoredHdf5Layer> layers;
};

Hdf5Weights::Hdf5Weights(const std::string& path) : impl_(new Impl{Hdf5Reader(path, Scan), {}}) {
  for (const Hdf5Blobs& part : impl_->reader.contents().parts) {
    StoredHdf5Layer layer{UnescapeHdf5Name(part.groups.back()), {}};
    for (const auto& blob : part.blobs) {
      layer.blobs.push_back(blob ? std::optional(blob->shape) : std::nullopt);
    }
    impl_->layers.push_back(std::move(layer));
  }
}
Hdf5Weights::~Hdf5Weights() = default;
Hdf5Weights::Hdf5Weights(Hdf5Weights&&) noexcept = default;
Hdf5Weights& Hdf5Weights::operator=(Hdf5Weights&&) noexcept = default;

const std::vector<StoredHdf5Layer>& Hdf5Weights::layers() const { return impl_->layers; }

bool Hdf5Weights::sealed() const { return impl_->reader.contents().sealed; }

void Hdf5Weights::Read(size_t layer, size_t blob, std::span<float> out) const {
  impl_->reader.Read(layer, blob, out);
}

}  // namespace moka
