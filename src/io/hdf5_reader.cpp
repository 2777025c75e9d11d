// Reads an HDF5 file without trusting it.
#include "io/hdf5_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "io/hdf5_apart.h"
#include "moka/error.h"

namespace moka {
namespace {

static_assert(std::endian::native == std::endian::little, "plain values are copied");

constexpr size_t kMostBlobs = 100'000;         // of a group
constexpr int64_t kMostContents = 1 << 25;     // bytes
constexpr int kSeconds = 60;                   // of the processor, for what takes milliseconds
constexpr int64_t kBytesPerSecond = 16 << 20;  // and for packed values: no processor is so slow

// What the child tells, as bytes.
class Packer {
 public:
  void Add(int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void Add(const std::string& text) {
    Add(static_cast<int64_t>(text.size()));
    bytes_ += text;
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// The child may have lost its mind on a damaged file: nothing it says is believed.
class Unpacker {
 public:
  Unpacker(const std::string& path, std::string_view bytes) : path_(path), rest_(bytes) {}

  int64_t Number() {
    int64_t value = 0;
    std::memcpy(&value, Take(sizeof value).data(), sizeof value);
    return value;
  }
  int64_t Number(int64_t most) {
    const int64_t value = Number();
    if (value < 0 || value > most) Fail();
    return value;
  }
  // How many things follow that take at least one number each.
  size_t Count() { return static_cast<size_t>(Number(static_cast<int64_t>(rest_.size() / 8))); }
  std::string Text() {
    return std::string(Take(static_cast<size_t>(Number(static_cast<int64_t>(rest_.size())))));
  }

 private:
  [[noreturn]] void Fail() const { throw Error(path_, ": damaged, HDF5 fails on it"); }
  std::string_view Take(size_t bytes) {
    if (bytes > rest_.size()) Fail();
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  const std::string& path_;
  std::string_view rest_;
};

void Pack(const std::optional<Hdf5Floats>& blob, Packer& packer) {
  packer.Add(blob.has_value());
  if (!blob) return;
  packer.Add(blob->shape.axes());
  for (int64_t size : blob->shape.sizes()) packer.Add(size);
  packer.Add(blob->begin);
  packer.Add(blob->value_bytes);
  packer.Add(blob->big_endian);
}

std::optional<Hdf5Floats> UnpackBlob(Unpacker& unpacker) {
  if (unpacker.Number(1) == 0) return std::nullopt;
  std::vector<int64_t> sizes(static_cast<size_t>(unpacker.Number(Shape::kMaxAxes)));
  for (int64_t& size : sizes) size = unpacker.Number();
  Hdf5Floats blob;
  blob.shape = Shape(sizes);
  blob.begin = unpacker.Number();
  blob.value_bytes = static_cast<int>(unpacker.Number(8));
  blob.big_endian = unpacker.Number(1) != 0;
  return blob;
}

std::string Pack(const Hdf5Contents& contents) {
  Packer packer;
  packer.Add(contents.sealed);
  packer.Add(contents.state);
  packer.Add(static_cast<int64_t>(contents.parts.size()));
  for (const Hdf5Blobs& part : contents.parts) {
    packer.Add(static_cast<int64_t>(part.groups.size()));
    for (const std::string& name : part.groups) packer.Add(name);
    packer.Add(static_cast<int64_t>(part.blobs.size()));
    for (const auto& blob : part.blobs) Pack(blob, packer);
  }
  return packer.Take();
}

Hdf5Contents Unpack(const std::string& path, const std::string& bytes) {
  Unpacker unpacker(path, bytes);
  Hdf5Contents contents;
  contents.sealed = unpacker.Number(1) != 0;
  contents.state = unpacker.Text();
  contents.parts.resize(unpacker.Count());
  for (Hdf5Blobs& part : contents.parts) {
    part.groups.resize(unpacker.Count());
    for (std::string& name : part.groups) name = unpacker.Text();
    part.blobs.resize(unpacker.Count());
    for (auto& blob : part.blobs) blob = UnpackBlob(unpacker);
  }
  return contents;
}

// 0, 1, 2, ...: the name of a blob is its place in the group.
size_t BlobIndex(const Hdf5Group& group, const std::string& name) {
  size_t index = 0;
  const char* end = name.data() + name.size();
  const auto [next, error] = std::from_chars(name.data(), end, index);
  if (error != std::errc() || next != end || std::to_string(index) != name) {
    group.Fail("it holds \"" + name + "\"; blobs are called 0, 1, 2, ...");
  }
  if (index >= kMostBlobs) {
    group.Fail("blob " + name + "; the last that is possible is " + std::to_string(kMostBlobs - 1));
  }
  return index;
}

template <typename Stored, typename Bits>
void ReadPlain(WireReader& file, bool big_endian, std::span<float> out) {
  std::array<Bits, 1024> piece;
  for (size_t at = 0; at < out.size(); at += piece.size()) {
    const size_t n = std::min(piece.size(), out.size() - at);
    file.Read(piece.data(), static_cast<int64_t>(n * sizeof(Bits)));
    for (size_t i = 0; i < n; ++i) {
      Bits bits = piece[i];
      if (big_endian) {
        auto* bytes = reinterpret_cast<unsigned char*>(&bits);
        std::reverse(bytes, bytes + sizeof bits);
      }
      out[at + i] = static_cast<float>(std::bit_cast<Stored>(bits));
    }
  }
}

}  // namespace

Hdf5Blobs ScanBlobs(const Hdf5Group& group, std::vector<std::string> groups) {
  Hdf5Blobs found{std::move(groups), {}};
  for (const std::string& name : group.Names()) {
    const size_t index = BlobIndex(group, name);
    if (index >= found.blobs.size()) found.blobs.resize(index + 1);
    found.blobs[index] = group.OpenDataset(name).Floats();
  }
  return found;
}

Hdf5Reader::Hdf5Reader(const std::string& path,
                       const std::function<Hdf5Contents(const Hdf5File&)>& scan)
    : file_(path) {
  const std::string bytes = ReadApart(path, kMostContents, kSeconds, [&] {
    const Hdf5File file(path, Hdf5File::kRead);
    Hdf5Contents contents = scan(file);
    contents.sealed = file.sealed();
    return Pack(contents);
  });
  contents_ = Unpack(path, bytes);
}

void Hdf5Reader::Read(size_t part, size_t index, std::span<float> out) {
  const Hdf5Blobs& from = contents_.parts.at(part);
  const std::string place = "/" + from.groups.back() + "/" + std::to_string(index);
  const std::optional<Hdf5Floats>& blob = from.blobs.at(index);
  if (!blob) throw Error(file_.path(), ": ", place, " is not in it: another layer has its values");
  if (static_cast<int64_t>(out.size()) != blob->shape.count()) {
    throw Error(file_.path(), ": ", place, " has ", blob->shape.count(), " values, ", out.size(),
                " are wanted");
  }
  if (out.empty()) return;
  if (blob->begin < 0) return ReadPacked(from, index, out);
  file_.Seek(blob->begin);
  if (blob->value_bytes == 8) {
    ReadPlain<double, uint64_t>(file_, blob->big_endian, out);
  } else if (blob->big_endian) {
    ReadPlain<float, uint32_t>(file_, true, out);
  } else {
    file_.Read(out.data(), static_cast<int64_t>(out.size_bytes()));
  }
}

void Hdf5Reader::ReadPacked(const Hdf5Blobs& part, size_t index, std::span<float> out) const {
  const auto size = static_cast<int64_t>(out.size_bytes());
  const int seconds = kSeconds + static_cast<int>(std::min<int64_t>(size / kBytesPerSecond, 86400));
  const std::string bytes = ReadApart(file_.path(), size, seconds, [&] {
    const Hdf5File file(file_.path(), Hdf5File::kRead);
    Hdf5Group group(file);
    for (const std::string& name : part.groups) group = group.OpenGroup(name);
    std::string values(out.size_bytes(), '\0');
    group.OpenDataset(std::to_string(index))
        .ReadFloats({reinterpret_cast<float*>(values.data()), out.size()});
    return values;
  });
  if (bytes.size() != out.size_bytes()) throw Error(file_.path(), ": damaged, HDF5 fails on it");
  std::memcpy(out.data(), bytes.data(), bytes.size());
}

}  // namespace moka
