// y = (x - mean) * scale, cut out and mirrored.
#include <algorithm>

#include "moka/batches.h"
#include "moka/error.h"

namespace moka {
namespace {

// One row, or a whole plane if nothing is cut: no decisions for a pixel.
template <typename T>
void Row(const T* __restrict x, int64_t n, float mean, float scale, float* __restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] = (static_cast<float>(x[i]) - mean) * scale;
}
template <typename T>
void Row(const T* __restrict x, int64_t n, const float* __restrict mean, float scale,
         float* __restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] = (static_cast<float>(x[i]) - mean[i]) * scale;
}

void CheckMean(const TransformOptions& options, const Shape& item) {
  const size_t values = options.mean_values.size();
  if (options.mean && values > 0) {
    throw Error("mean_file and mean_value are both given; one of them says what to subtract")
        .At("transform_param.mean_value");
  }
  if (values > 1 && static_cast<int64_t>(values) != item[0]) {
    throw Error("mean_value is given ", values, " times, but the images are ", item,
                "; give it once, or once for each channel")
        .At("transform_param.mean_value");
  }
  if (options.mean && options.mean->shape() != item) {
    throw Error("the mean image is ", options.mean->shape(), ", but the images are ", item)
        .At("transform_param.mean_file");
  }
}

}  // namespace

ImageTransform::ImageTransform(const TransformOptions& options, const Shape& item)
    : options_(options), item_(item), shape_(item) {
  CheckMean(options, item);
  const int64_t crop = options.crop_size;
  if (crop == 0) return;
  if (crop < 0 || crop > item[1] || crop > item[2]) {
    throw Error("crop_size ", crop, " is larger than the image, ", item[1], "x", item[2])
        .At("transform_param.crop_size");
  }
  shape_ = Shape{item[0], crop, crop};
}

ImageTransform::Cut ImageTransform::Draw(const RandomStream& random, uint64_t position) const {
  const uint64_t spare_rows = static_cast<uint64_t>(item_[1] - shape_[1]);
  const uint64_t spare_columns = static_cast<uint64_t>(item_[2] - shape_[2]);
  Cut cut;
  cut.top = static_cast<int64_t>(spare_rows / 2);
  cut.left = static_cast<int64_t>(spare_columns / 2);
  if (options_.random_crop && options_.crop_size > 0) {
    cut.top = static_cast<int64_t>(random.Below(3 * position, spare_rows + 1));
    cut.left = static_cast<int64_t>(random.Below(3 * position + 1, spare_columns + 1));
  }
  cut.mirrored = options_.mirror && random.Below(3 * position + 2, 2) == 1;
  return cut;
}

template <typename T>
void ImageTransform::Run(const T* x, const Cut& cut, float* y) const {
  const bool whole = shape_ == item_ && !cut.mirrored;
  const int64_t rows = whole ? 1 : shape_[1];
  const int64_t columns = whole ? item_[1] * item_[2] : shape_[2];
  for (int64_t c = 0; c < item_[0]; ++c) {
    const auto& means = options_.mean_values;
    const float m = means.empty() ? 0 : means[means.size() == 1 ? 0 : static_cast<size_t>(c)];
    for (int64_t row = 0; row < rows; ++row, y += columns) {
      const int64_t from = (c * item_[1] + cut.top + row) * item_[2] + cut.left;
      if (options_.mean) {
        Row(x + from, columns, options_.mean->data() + from, options_.scale, y);
      } else {
        Row(x + from, columns, m, options_.scale, y);
      }
      if (cut.mirrored) std::reverse(y, y + columns);
    }
  }
}

void ImageTransform::Apply(std::span<const uint8_t> x, const RandomStream& random,
                           uint64_t position, std::span<float> y) const {
  Run(x.data(), Draw(random, position), y.data());
}
void ImageTransform::Apply(std::span<const float> x, const RandomStream& random, uint64_t position,
                           std::span<float> y) const {
  Run(x.data(), Draw(random, position), y.data());
}

}  // namespace moka
