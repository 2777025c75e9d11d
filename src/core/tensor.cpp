// Tensors.
#include "moka/tensor.h"

#include <algorithm>
#include <utility>

#include "moka/error.h"

namespace moka {
namespace {

constexpr int64_t kMost = int64_t{1} << 46;  // beyond what processes can address

int64_t Bytes(const Shape& shape) {
  if (shape.count() > kMost / static_cast<int64_t>(sizeof(float))) {
    throw Error("no memory for a tensor of shape ", shape, ": ", shape.count(), " floats");
  }
  return shape.count() * static_cast<int64_t>(sizeof(float));
}

}  // namespace

Tensor::Tensor(const Shape& shape)
    : shape_(shape),
      count_(shape.count()),
      capacity_(count_),
      data_(static_cast<float*>(AllocateAligned(Bytes(shape)))),
      owned_(true) {
  Fill(0);
}

Tensor::Tensor(const Shape& shape, float* placed)
    : shape_(shape), count_(shape.count()), capacity_(count_), data_(placed) {}

Tensor::Tensor(const Shape& shape, std::span<const float> values) {
  if (static_cast<int64_t>(values.size()) != shape.count()) {
    throw Error("shape ", shape, " has ", shape.count(), " elements, but ", values.size(),
                " values were given");
  }
  data_ = static_cast<float*>(AllocateAligned(Bytes(shape)));
  owned_ = true;
  shape_ = shape;
  count_ = capacity_ = shape.count();
  std::copy(values.begin(), values.end(), data_);
}

Tensor::Tensor(Tensor&& other) noexcept { *this = std::move(other); }

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  if (this == &other) return *this;
  if (owned_) FreeAligned(data_);
  shape_ = std::exchange(other.shape_, Shape{0});
  count_ = std::exchange(other.count_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  data_ = std::exchange(other.data_, nullptr);
  owned_ = std::exchange(other.owned_, false);
  return *this;
}

Tensor::~Tensor() {
  if (owned_) FreeAligned(data_);
}

Tensor Tensor::Clone() const { return Tensor(shape_, values()); }

void Tensor::Fill(float value) { std::fill_n(data_, count_, value); }

void Tensor::Reshape(const Shape& shape) {
  if (shape.count() > capacity_) {
    throw Error("shape ", shape, " needs ", shape.count(),
                " elements, but the tensor has memory for ", capacity_);
  }
  shape_ = shape;
  count_ = shape.count();
}

}  // namespace moka
