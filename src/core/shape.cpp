// Shapes: every product is checked once, in the constructor.
#include "moka/shape.h"

#include <algorithm>
#include <vector>

#include "moka/error.h"

namespace moka {
namespace {

std::string Join(std::span<const int64_t> sizes) {
  if (sizes.empty()) return "()";
  std::string text;
  for (const int64_t size : sizes) {
    if (!text.empty()) text += 'x';
    text += std::to_string(size);
  }
  return text;
}

}  // namespace

Shape::Shape(std::span<const int64_t> sizes) {
  if (sizes.size() > kMaxAxes) {
    throw Error("shape ", Join(sizes), " has ", sizes.size(), " axes; at most ", kMaxAxes,
                " are possible");
  }
  // Zeros are left out, so that the product of any part fits as well.
  int64_t product = 1;
  for (const int64_t size : sizes) {
    if (size < 0) throw Error("shape ", Join(sizes), " has a negative size, ", size);
    if (size > 0 && __builtin_mul_overflow(product, size, &product)) {
      throw Error("shape ", Join(sizes),
                  " is too large: the product of its sizes exceeds 2^63 - 1");
    }
  }
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  axes_ = static_cast<int>(sizes.size());
}

int64_t Shape::count(int from, int to) const {
  int64_t product = 1;
  for (int axis = from; axis < to; ++axis) product *= (*this)[axis];
  return product;
}

int Shape::Axis(int64_t axis, std::string_view field) const {
  if (axis < -axes_ || axis >= axes_) {
    throw Error("axis ", axis, " is out of range for shape ", *this, ", which has ", axes_,
                axes_ == 1 ? " axis" : " axes")
        .At(std::string(field));
  }
  return static_cast<int>(axis < 0 ? axis + axes_ : axis);
}

Shape Shape::With(int axis, int64_t size) const { return Replace(axis, axis + 1, {&size, 1}); }

Shape Shape::Replace(int from, int to, std::span<const int64_t> sizes) const {
  const std::span<const int64_t> old = this->sizes();
  std::vector<int64_t> result(old.begin(), old.begin() + from);
  result.insert(result.end(), sizes.begin(), sizes.end());
  result.insert(result.end(), old.begin() + to, old.end());
  return Shape(result);
}

std::string ToString(const Shape& shape) { return Join(shape.sizes()); }
std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << ToString(shape); }

}  // namespace moka
