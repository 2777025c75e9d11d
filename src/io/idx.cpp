// IDX, MNIST's format: a magic number, the sizes of all axes, the bytes; numbers are big-endian.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "moka/data_source.h"
#include "moka/error.h"
#include "moka/file.h"

namespace moka {
namespace {

constexpr uint32_t kImages = 2051;  // 0x0803: bytes, three axes
constexpr uint32_t kLabels = 2049;  // 0x0801: bytes, one axis

uint32_t BigEndian(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return value;
}

std::string Describe(uint32_t magic) {
  if (magic == kImages) return "images (2051)";
  if (magic == kLabels) return "labels (2049)";
  return std::to_string(magic);
}

// The contents of a file with this magic number and as many bytes as its header says; `sizes` gets
// the header's sizes.
std::string ReadIdx(const std::string& path, uint32_t magic, std::span<int64_t> sizes) {
  std::string contents = ReadMaybeGzip(path);
  const size_t header = 4 + 4 * sizes.size();
  if (contents.size() < 4) {
    throw Error(path, ": truncated: ", contents.size(), " bytes are too few for an IDX header of ",
                header);
  }
  const uint32_t found = BigEndian(contents, 0);
  if (found != magic) {
    const bool swapped = found == kImages || found == kLabels;
    throw Error(path, ": its magic number says ", Describe(found), ", not ", Describe(magic),
                swapped ? "; are images and labels swapped?" : "; is this an IDX file?");
  }
  if (contents.size() < header) {
    throw Error(path, ": truncated: ", contents.size(), " bytes are too few for an IDX header of ",
                header);
  }
  std::string says;
  int64_t expected = 1;
  bool overflow = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    sizes[i] = BigEndian(contents, 4 + 4 * i);
    says += (i == 0 ? "" : " x ") + std::to_string(sizes[i]);
    overflow |= __builtin_mul_overflow(expected, sizes[i], &expected);
  }
  if (std::ranges::count(sizes, 0) > 0)
    throw Error(path, ": holds no items: its header says ", says);
  if (overflow) throw Error(path, ": its header says ", says, " bytes, more than can be");
  const int64_t actual = static_cast<int64_t>(contents.size() - header);
  if (actual < expected) {
    throw Error(path, ": truncated: its header says ", says, " = ", expected, " bytes, but only ",
                actual, " follow");
  }
  if (actual > expected) {
    throw Error(path, ": ", actual - expected, " trailing bytes: its header says ", says, " = ",
                expected, " bytes, but ", actual, " follow");
  }
  return contents;
}

class Idx final : public DataSource {
 public:
  Idx(std::string path, std::string images, const Shape& item, std::string labels)
      : path_(std::move(path)),
        images_(std::move(images)),
        labels_(std::move(labels)),
        item_(item),
        size_(static_cast<int64_t>(images_.size() - kImageHeader) / item.count()) {}

  int64_t size() const override { return size_; }
  Shape item_shape() const override { return item_; }
  std::span<const uint8_t> Bytes(int64_t index) const override {
    const auto* data = reinterpret_cast<const uint8_t*>(images_.data()) + kImageHeader;
    return {data + index * item_.count(), static_cast<size_t>(item_.count())};
  }
  void Read(int64_t index, std::span<float> values) const override {
    std::ranges::copy(Bytes(index), values.begin());
  }
  bool has_labels() const override { return !labels_.empty(); }
  int64_t label(int64_t index) const override {
    return static_cast<uint8_t>(labels_[kLabelHeader + static_cast<size_t>(index)]);
  }
  std::string Name(int64_t index) const override {
    return path_ + " item " + std::to_string(index);
  }

  static constexpr size_t kImageHeader = 16, kLabelHeader = 8;

 private:
  // The files as they are, headers included: a copy of the pixels would double the memory.
  std::string path_, images_, labels_;
  Shape item_;
  int64_t size_;
};

template <typename F>
auto Blame(const char* field, F&& read) {
  try {
    return read();
  } catch (Error& error) {
    throw error.At(field);
  }
}

}  // namespace

std::unique_ptr<DataSource> OpenIdx(const std::string& images, const std::string& labels) {
  std::array<int64_t, 3> sizes = {};
  std::array<int64_t, 1> count = {};
  std::string pixels = Blame("source", [&] { return ReadIdx(images, kImages, sizes); });
  std::string classes;
  if (!labels.empty()) {
    classes = Blame("labels", [&] { return ReadIdx(labels, kLabels, count); });
    if (count[0] != sizes[0]) {
      throw Error(images, " holds ", sizes[0], " images, but ", labels, " holds ", count[0],
                  " labels")
          .At("labels");
    }
  }
  return std::make_unique<Idx>(images, std::move(pixels), Shape{1, sizes[1], sizes[2]},
                               std::move(classes));
}

bool LooksLikeIdx(const std::string& path) {
  std::error_code ignored;
  // A pipe gives its bytes once, and not to whoever only looks.
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  std::array<uint8_t, 4> begin = {0xff, 0xff, 0xff, 0xff};
  if (gzFile file = gzopen(path.c_str(), "rb")) {  // reads plain files, too
    gzread(file, begin.data(), begin.size());
    gzclose(file);
  }
  // Two zeros, the type of the values (8 is a byte), the number of axes.
  return begin[0] == 0 && begin[1] == 0 && begin[2] == 8 && begin[3] >= 1 && begin[3] <= 4;
}

}  // namespace moka
