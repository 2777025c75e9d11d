// A BlobProto in a file. Fields: num 1, channels 2, height 3, width 4 (old), data 5, diff 6, shape
// 7 { dim 1 }, double_data 8.
#include "io/stored_blob.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "moka/error.h"

namespace moka {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

using Field = WireReader::Field;

enum BlobField { kNum = 1, kWidth = 4, kData = 5, kDiff = 6, kShape = 7, kDoubleData = 8 };

void ReadDims(WireReader& reader, int64_t end, std::vector<int64_t>& dims) {
  Field field;
  const auto add = [&](uint64_t dim) {
    dims.push_back(static_cast<int64_t>(dim));
    if (dims.size() > 1000) reader.Fail(field.at, "a shape of more than 1000 axes");
  };
  while (reader.Next(end, field)) {
    if (field.Is(1, WireReader::kVarint)) add(field.value);
    if (field.Is(1, WireReader::kBytes)) {
      while (reader.position() < field.end) add(reader.ReadVarint(field.end));
    }
    reader.Seek(field.end);
  }
}

// How many values of `size` bytes the field holds: packed, or one.
int64_t CountOf(const WireReader& reader, const Field& field, int64_t size) {
  if (field.type != WireReader::kBytes) return 1;
  if (field.size() % size != 0) {
    reader.Fail(field.at, std::to_string(field.size()) + " bytes are no whole number of values");
  }
  return field.size() / size;
}

bool HoldsFloats(const Field& field) {
  return field.Is(kData, WireReader::kBytes) || field.Is(kData, WireReader::kFixed32);
}
bool HoldsDoubles(const Field& field) {
  return field.Is(kDoubleData, WireReader::kBytes) || field.Is(kDoubleData, WireReader::kFixed64);
}

// The next values of the field that was just read, of one kind, to `out`.
template <typename Stored>
void ReadValues(WireReader& reader, const Field& field, int64_t count, float* out) {
  if (field.type != WireReader::kBytes) {
    Stored value;
    std::memcpy(&value, &field.value, sizeof value);
    *out = static_cast<float>(value);
  } else if constexpr (sizeof(Stored) == sizeof(float)) {
    reader.Read(out, field.size());
  } else {
    std::array<Stored, 1024> piece;
    while (count > 0) {
      const int64_t n = std::min<int64_t>(count, piece.size());
      reader.Read(piece.data(), n * static_cast<int64_t>(sizeof(Stored)));
      out = std::transform(piece.data(), piece.data() + n, out,
                           [](Stored value) { return static_cast<float>(value); });
      count -= n;
    }
  }
}

// Everything of a blob but the values of data and diff.
std::string BlobHead(const Shape& shape) {
  std::string dims, message, out;
  for (int64_t size : shape.sizes()) AppendVarint(dims, static_cast<uint64_t>(size));
  if (!dims.empty()) AppendHead(message, 1, static_cast<int64_t>(dims.size()));
  message += dims;
  AppendHead(out, kShape, static_cast<int64_t>(message.size()));
  return out + message;
}

std::string ValuesHead(int number, const Tensor& values) {
  std::string out;
  AppendHead(out, number, values.count() * static_cast<int64_t>(sizeof(float)));
  return out;
}

int64_t BlobBytes(const Shape& shape, const Tensor& values, const Tensor* diff) {
  const auto bytes = [](int number, const Tensor& tensor) {
    return static_cast<int64_t>(ValuesHead(number, tensor).size() + tensor.values().size_bytes());
  };
  return static_cast<int64_t>(BlobHead(shape).size()) + bytes(kData, values) +
         (diff == nullptr ? 0 : bytes(kDiff, *diff));
}

}  // namespace

bool StoredBlob::Fits(const Shape& wanted) const {
  if (!four_axes) return shape == wanted;
  if (wanted.axes() > 4) return false;
  for (int i = 0; i < 4; ++i) {
    const int axis = i - (4 - wanted.axes());
    if (shape[i] != (axis < 0 ? 1 : wanted[axis])) return false;
  }
  return true;
}

StoredBlob ScanBlob(WireReader& reader, int64_t begin, int64_t end) {
  StoredBlob blob;
  blob.begin = begin;
  blob.end = end;
  std::vector<int64_t> dims, old(4, 0);
  Field field;
  reader.Seek(begin);
  while (reader.Next(end, field)) {
    if (field.number >= kNum && field.number <= kWidth && field.type == WireReader::kVarint) {
      blob.four_axes = true;
      old[static_cast<size_t>(field.number - kNum)] = static_cast<int64_t>(field.value);
    } else if (field.Is(kShape, WireReader::kBytes)) {
      ReadDims(reader, field.end, dims);
    } else if (HoldsFloats(field)) {
      blob.floats += CountOf(reader, field, sizeof(float));
    } else if (HoldsDoubles(field)) {
      blob.doubles += CountOf(reader, field, sizeof(double));
    }
    reader.Seek(field.end);
  }
  try {
    blob.shape = Shape(std::span<const int64_t>(blob.four_axes ? old : dims));
  } catch (const Error& error) {
    reader.Fail(begin, error.message());
  }
  const int64_t count = blob.doubles > 0 ? blob.doubles : blob.floats;
  if (count != blob.shape.count()) {
    reader.Fail(begin, "a blob of shape " + ToString(blob.shape) + " has " + std::to_string(count) +
                           " values");
  }
  return blob;
}

void ReadBlob(WireReader& reader, const StoredBlob& blob, std::span<float> out) {
  float* next = out.data();
  Field field;
  reader.Seek(blob.begin);
  while (reader.Next(blob.end, field)) {
    if (blob.doubles > 0 && HoldsDoubles(field)) {
      const int64_t count = CountOf(reader, field, sizeof(double));
      ReadValues<double>(reader, field, count, next);
      next += count;
    } else if (blob.doubles == 0 && HoldsFloats(field)) {
      const int64_t count = CountOf(reader, field, sizeof(float));
      ReadValues<float>(reader, field, count, next);
      next += count;
    }
    reader.Seek(field.end);
  }
}

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void AppendHead(std::string& out, int number, int64_t bytes) {
  AppendVarint(out, static_cast<uint64_t>(number) << 3 | WireReader::kBytes);
  AppendVarint(out, static_cast<uint64_t>(bytes));
}

int64_t BlobFieldBytes(int number, const Shape& shape, const Tensor& values, const Tensor* diff) {
  const int64_t bytes = BlobBytes(shape, values, diff);
  std::string head;
  AppendHead(head, number, bytes);
  return static_cast<int64_t>(head.size()) + bytes;
}

void WriteBlobField(OutputFile& file, int number, const Shape& shape, const Tensor& values,
                    const Tensor* diff) {
  std::string head;
  AppendHead(head, number, BlobBytes(shape, values, diff));
  file.Write(head);
  file.Write(BlobHead(shape));
  for (const auto& [field, tensor] : {std::pair(kData, &values), std::pair(kDiff, diff)}) {
    if (tensor == nullptr) continue;
    file.Write(ValuesHead(field, *tensor));
    file.Write(tensor->data(), static_cast<int64_t>(tensor->values().size_bytes()));
  }
}

}  // namespace moka
