// CIFAR-10's binary format: records of one label and 3 x 32 x 32 pixels, plane after plane.
#include <algorithm>
#include <utility>
#include <vector>

#include "moka/data_source.h"
#include "moka/error.h"
#include "moka/file.h"

namespace moka {
namespace {

constexpr int64_t kPixels = 3 * 32 * 32;
constexpr int64_t kRecord = 1 + kPixels;

struct File {
  std::string path;
  std::string contents;
  int64_t first = 0;  // index of its first item

  int64_t size() const { return static_cast<int64_t>(contents.size()) / kRecord; }
  const uint8_t* Record(int64_t index) const {
    return reinterpret_cast<const uint8_t*>(contents.data()) + (index - first) * kRecord;
  }
};

void CheckRecords(const File& file) {
  const int64_t bytes = static_cast<int64_t>(file.contents.size());
  if (bytes == 0) throw Error(file.path, ": holds no items");
  if (bytes % kRecord != 0) {
    throw Error(file.path, ": ", bytes, " bytes are ", bytes / kRecord, " CIFAR-10 records of ",
                kRecord, " bytes and ", bytes % kRecord, " more; ",
                LooksLikeIdx(file.path) ? "it begins as an IDX file does"
                                        : "truncated, or not CIFAR-10's binary format?");
  }
  for (int64_t i = file.first; i < file.first + file.size(); ++i) {
    if (const int label = *file.Record(i); label > 9) {
      throw Error(file.path, ": record ", i - file.first, " has label ", label,
                  ", but CIFAR-10's are 0 to 9; is this its binary format?");
    }
  }
}

class Cifar10 final : public DataSource {
 public:
  explicit Cifar10(std::vector<File> files) : files_(std::move(files)) {}

  int64_t size() const override { return files_.back().first + files_.back().size(); }
  Shape item_shape() const override { return {3, 32, 32}; }
  std::span<const uint8_t> Bytes(int64_t index) const override {
    return {Find(index).Record(index) + 1, static_cast<size_t>(kPixels)};
  }
  void Read(int64_t index, std::span<float> values) const override {
    std::ranges::copy(Bytes(index), values.begin());
  }
  bool has_labels() const override { return true; }
  int64_t label(int64_t index) const override { return *Find(index).Record(index); }
  std::string Name(int64_t index) const override {
    const File& file = Find(index);
    return file.path + " item " + std::to_string(index - file.first);
  }

 private:
  const File& Find(int64_t index) const {
    return *std::prev(std::ranges::upper_bound(files_, index, {}, &File::first));
  }
  std::vector<File> files_;
};

}  // namespace

std::unique_ptr<DataSource> OpenCifar10(std::span<const std::string> paths) {
  std::vector<File> files;
  int64_t first = 0;
  try {
    if (paths.empty()) throw Error("no file is named");
    for (const std::string& path : paths) {
      files.push_back({path, ReadMaybeGzip(path), first});
      CheckRecords(files.back());
      first += files.back().size();
    }
  } catch (Error& error) {
    throw error.At("source");
  }
  return std::make_unique<Cifar10>(std::move(files));
}

}  // namespace moka
