// Reads a BlobProto, as Caffe's compute_image_mean writes one.
#include <algorithm>

#include "moka/batches.h"
#include "moka/blob.pb.h"
#include "moka/error.h"
#include "moka/file.h"

namespace moka {
namespace {

Shape ShapeOf(const BlobProto& blob) {
  if (!blob.has_shape()) return {blob.num(), blob.channels(), blob.height(), blob.width()};
  const auto& dim = blob.shape().dim();
  return Shape(std::span(dim.data(), static_cast<size_t>(dim.size())));
}

BlobProto Parse(const std::string& path, const char* what) {
  const std::string bytes = ReadFile(path);
  BlobProto blob;
  if (!blob.ParseFromString(bytes)) throw Error(path, ": not ", what, ": no BlobProto");
  return blob;
}

Shape ShapeOf(const BlobProto& blob, const std::string& path) {
  try {
    return ShapeOf(blob);
  } catch (Error& error) {
    throw error.Prefix(path + ": ");
  }
}

Tensor Values(const BlobProto& blob, const Shape& shape, const std::string& path) {
  const bool doubles = blob.double_data_size() > 0;
  const int64_t values = doubles ? blob.double_data_size() : blob.data_size();
  if (values != shape.count()) {
    throw Error(path, ": holds ", values, " values, but its shape is ", shape, " = ",
                shape.count());
  }
  Tensor tensor(shape);
  if (doubles) {
    std::ranges::transform(blob.double_data(), tensor.data(),
                           [](double value) { return static_cast<float>(value); });
  } else {
    std::ranges::copy(blob.data(), tensor.data());
  }
  return tensor;
}

}  // namespace

Tensor ReadBlob(const std::string& path) {
  const BlobProto blob = Parse(path, "a blob");
  return Values(blob, ShapeOf(blob, path), path);
}

Tensor ReadMean(const std::string& path) {
  const BlobProto blob = Parse(path, "a mean image");
  Shape shape = ShapeOf(blob, path);
  if (shape.axes() == 4 && shape[0] == 1) shape = Shape{shape[1], shape[2], shape[3]};
  if (shape.axes() != 3) {
    throw Error(path, ": a mean image is channels x height x width, not ", shape);
  }
  return Values(blob, shape, path);
}

}  // namespace moka
