// A shape and its floats.
#pragma once

#include <cstdint>
#include <span>

#include "moka/export.h"
#include "moka/shape.h"

namespace moka {

// Floats in row-major order (for images N x C x H x W), aligned to 64 bytes. Either owns its memory
// or stands in memory that somebody else owns and that must outlive it. Moves, never copies by
// itself: Clone() does. Not synchronised.
class MOKA_EXPORT Tensor {
 public:
  Tensor() = default;                         // shape (0), no memory
  explicit Tensor(const Shape& shape);        // owned, all 0
  Tensor(const Shape& shape, float* placed);  // placed in memory of at least shape.count() floats
  Tensor(const Shape& shape,
         std::span<const float> values);  // owned, a copy; throws Error if the counts differ
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;
  ~Tensor();

  const Shape& shape() const { return shape_; }
  int64_t count() const { return count_; }
  float* data() { return data_; }
  const float* data() const { return data_; }
  std::span<float> values() { return {data_, static_cast<size_t>(count_)}; }
  std::span<const float> values() const { return {data_, static_cast<size_t>(count_)}; }

  Tensor Clone() const;  // owned
  void Fill(float value);
  // Another shape over the same floats; the count must not grow beyond the memory (throws Error).
  void Reshape(const Shape& shape);

 private:
  Shape shape_{0};
  int64_t count_ = 0;
  int64_t capacity_ = 0;
  float* data_ = nullptr;
  bool owned_ = false;
};

// Memory for `bytes` bytes aligned to 64, uninitialised; freed by FreeAligned. Throws Error with
// the numbers when there is none, or when more than MemoryLimit() would be in use. Thread-safe.
MOKA_EXPORT void* AllocateAligned(int64_t bytes);
MOKA_EXPORT void FreeAligned(void* memory) noexcept;

// How many bytes of AllocateAligned this process may use at a time: all tensors, params and the
// memory of nets. At first the memory of the machine, or of the process's control group if that is
// less. Since plugin API 2.2.
MOKA_EXPORT int64_t MemoryLimit();
MOKA_EXPORT void SetMemoryLimit(int64_t bytes);  // throws Error if it is negative

}  // namespace moka
