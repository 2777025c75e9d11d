// A BlobProto in a file: values with their shape, read and written without a second copy of the
// values.
#pragma once

#include <cstdint>
#include <span>

#include "io/output_file.h"
#include "io/wire_reader.h"
#include "moka/shape.h"
#include "moka/tensor.h"

namespace moka {

// Where the values of a blob lie in a file, and what shape they have.
struct StoredBlob {
  Shape shape;
  bool four_axes = false;  // an old blob: its shape is num x channels x height x width
  int64_t begin = 0, end = 0;
  int64_t floats = 0, doubles = 0;  // how many values of each kind; doubles win

  // Whether the values fit a param of this shape. An old blob may have leading ones where `wanted`
  // has no axes.
  bool Fits(const Shape& wanted) const;
};

// Looks at the blob that stands in [begin, end): packed or not, float or double. Throws Error if it
// is damaged or has another number of values than its shape.
StoredBlob ScanBlob(WireReader& reader, int64_t begin, int64_t end);
// Reads its values; out.size() is blob.shape.count().
void ReadBlob(WireReader& reader, const StoredBlob& blob, std::span<float> out);

// A blob as field `number` of a message: how many bytes it takes, and writing it as one of `shape`,
// which has as many elements. diff may be null.
int64_t BlobFieldBytes(int number, const Shape& shape, const Tensor& values, const Tensor* diff);
void WriteBlobField(OutputFile& file, int number, const Shape& shape, const Tensor& values,
                    const Tensor* diff);

// Appends a number as protobuf writes it; the head of a field of `bytes` bytes.
void AppendVarint(std::string& out, uint64_t value);
void AppendHead(std::string& out, int number, int64_t bytes);

}  // namespace moka
