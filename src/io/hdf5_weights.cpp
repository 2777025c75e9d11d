// HDF5 weights (.caffemodel.h5).
#include "io/hdf5_weights.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "io/hdf5.h"
#include "io/hdf5_group.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr const char* kData = "data";
constexpr const char* kDiff = "diff";
constexpr size_t kMostBlobs = 1000;  // of a layer

// 0, 1, 2, ...: the name of a blob is its place among those of the layer.
size_t BlobIndex(const Hdf5Group& layer, const std::string& name) {
  size_t index = 0;
  const char* end = name.data() + name.size();
  const auto [next, error] = std::from_chars(name.data(), end, index);
  if (error != std::errc() || next != end || std::to_string(index) != name) {
    layer.Fail("it holds \"" + name + "\"; the blobs of a layer are called 0, 1, 2, ...");
  }
  if (index >= kMostBlobs) {
    layer.Fail("blob " + name + "; a layer has at most " + std::to_string(kMostBlobs));
  }
  return index;
}

std::vector<std::optional<Shape>> ScanBlobs(const Hdf5Group& layer) {
  std::vector<std::optional<Shape>> blobs;
  for (const std::string& name : layer.Names()) {
    const size_t index = BlobIndex(layer, name);
    const Hdf5Dataset dataset = layer.OpenDataset(name);
    dataset.CheckFloats();
    if (index >= blobs.size()) blobs.resize(index + 1);
    blobs[index] = dataset.shape();
  }
  return blobs;
}

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
  const Hdf5Call call;
  Hdf5File file(path, Hdf5File::kCreate);
  file.Seal();
  {
    const Hdf5Group root(file);
    WriteLayers(root, layers, kData, &BlobToWrite::values);
    if (std::ranges::any_of(layers, HasDiff)) {
      WriteLayers(root, layers, kDiff, &BlobToWrite::diff);
    }
  }
  file.Close();
}

struct Hdf5Weights::Impl {
  explicit Impl(const std::string& path) : file(path, Hdf5File::kRead) {}

  void Scan();

  Hdf5File file;
  std::vector<StoredHdf5Layer> layers;
  std::vector<std::string> links;  // the layers' names as they stand in the file
};

void Hdf5Weights::Impl::Scan() {
  const Hdf5Group root(file);
  if (!root.Has(kData)) {
    file.Fail(root.Has("history")
                  ? "this is a .solverstate.h5; training goes on from it with --snapshot, and "
                    "weights are in the .caffemodel.h5 beside it"
                  : "there is no group /data in it; is it a .caffemodel.h5?");
  }
  const Hdf5Group data = root.OpenGroup(kData);
  links = data.Names();
  if (links.empty()) data.Fail("there are no layers in it");
  for (const std::string& link : links) {
    layers.push_back({UnescapeHdf5Name(link), ScanBlobs(data.OpenGroup(link))});
  }
}

Hdf5Weights::Hdf5Weights(const std::string& path) {
  const Hdf5Call call;
  impl_ = std::make_unique<Impl>(path);
  impl_->Scan();
}
Hdf5Weights::~Hdf5Weights() = default;
Hdf5Weights::Hdf5Weights(Hdf5Weights&&) noexcept = default;
Hdf5Weights& Hdf5Weights::operator=(Hdf5Weights&&) noexcept = default;

const std::vector<StoredHdf5Layer>& Hdf5Weights::layers() const { return impl_->layers; }

bool Hdf5Weights::sealed() const { return impl_->file.sealed(); }

void Hdf5Weights::Read(size_t layer, size_t blob, std::span<float> out) const {
  const Hdf5Call call;
  const Hdf5Group group = Hdf5Group(impl_->file).OpenGroup(kData).OpenGroup(impl_->links.at(layer));
  if (!impl_->layers[layer].blobs.at(blob)) {
    group.Fail("blob " + std::to_string(blob) +
               " is not in it: it is shared with another layer, which has the values");
  }
  group.OpenDataset(std::to_string(blob)).ReadFloats(out);
}

}  // namespace moka
