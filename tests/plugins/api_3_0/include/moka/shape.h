// Sizes of a tensor along each axis, with products that are checked.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "moka/export.h"

namespace moka {

// Up to 8 sizes, each >= 0. A value; the product of all sizes always fits in 63 bits (the
// constructor throws otherwise), so that count() and its parts never overflow. No axes at all is a
// scalar: count 1.
class MOKA_EXPORT Shape {
 public:
  static constexpr int kMaxAxes = 8;

  Shape() = default;
  // Throws Error: more than 8 axes, a negative size, a product beyond 2^63 - 1.
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);

  int axes() const { return axes_; }
  int64_t operator[](int axis) const {
    return sizes_[static_cast<size_t>(axis)];
  }  // 0 <= axis < axes()
  std::span<const int64_t> sizes() const { return {sizes_.data(), static_cast<size_t>(axes_)}; }

  // The product of all sizes; of [from, to); from an axis to the end.
  int64_t count() const { return count(0, axes_); }
  int64_t count(int from, int to) const;
  int64_t count_from(int axis) const { return count(axis, axes_); }

  // Turns a negative axis into one counted from the front. `axis` must be in [-axes(), axes()):
  // throws Error otherwise, at `field` if it is known: "softmax_param.axis".
  int Axis(int64_t axis, std::string_view field = {}) const;
  // The size along an axis, or 1 where there is none (Caffe's view of a blob as N x C x H x W).
  int64_t size_or_1(int axis) const { return axis < axes_ ? (*this)[axis] : 1; }

  // The same shape with one size changed; with [from, to) replaced by `sizes`. Throw as the
  // constructor.
  Shape With(int axis, int64_t size) const;
  Shape Replace(int from, int to, std::span<const int64_t> sizes) const;

  friend bool operator==(const Shape& a, const Shape& b) = default;

 private:
  std::array<int64_t, kMaxAxes> sizes_ = {};
  int axes_ = 0;
};

// "64x1x28x28"; a scalar is "()".
MOKA_EXPORT std::string ToString(const Shape& shape);
MOKA_EXPORT std::ostream& operator<<(std::ostream& out, const Shape& shape);

using Shapes = std::span<const Shape>;

}  // namespace moka
