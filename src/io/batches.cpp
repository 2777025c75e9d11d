// Batch n: items n * batch_size, n * batch_size + 1, ... of the endless, shuffled sequence.
#include "moka/batches.h"

#include <numeric>
#include <utility>

namespace moka {
namespace {

// Which sequence of random numbers of a name is for what.
enum Stream : uint32_t { kShuffle, kTransform, kSkip };

}  // namespace

int64_t ItemOrder::At(uint64_t seed, std::string_view name, uint64_t position) {
  const uint64_t size = static_cast<uint64_t>(size_);
  const uint64_t epoch = position / size;
  if (!shuffle_) return static_cast<int64_t>(position % size);
  if (permutation_.empty() || seed != seed_ || epoch != epoch_ || name != name_) {
    // Fisher and Yates.
    permutation_.resize(size);
    std::iota(permutation_.begin(), permutation_.end(), 0);
    const RandomStream random(seed, name, kShuffle, epoch);
    for (uint64_t i = size - 1; i > 0; --i) {
      std::swap(permutation_[i], permutation_[random.Below(i, i + 1)]);
    }
    seed_ = seed;
    epoch_ = epoch;
    name_ = name;
  }
  return permutation_[position % size];
}

Batches::Batches(std::shared_ptr<const DataSource> source, BatchOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      transform_(options_.transform, source_->item_shape()),
      order_(source_->size(), options_.shuffle) {}

Shape Batches::shape() const {
  const Shape item = transform_.shape();
  return {options_.batch_size, item[0], item[1], item[2]};
}

uint64_t Batches::Position(uint64_t seed, uint64_t n, int64_t i) const {
  uint64_t skip = 0;
  if (options_.rand_skip > 0) {
    skip = RandomStream(seed, options_.name, kSkip, 0).Below(0, options_.rand_skip);
  }
  return n * static_cast<uint64_t>(options_.batch_size) + static_cast<uint64_t>(i) + skip;
}

int64_t Batches::Index(uint64_t seed, uint64_t n, int64_t i) {
  return order_.At(seed, options_.name, Position(seed, n, i));
}

void Batches::Read(uint64_t seed, uint64_t n, std::span<float> images, std::span<float> labels) {
  const RandomStream random(seed, options_.name, kTransform, 0);
  const uint64_t first = Position(seed, n, 0);
  const size_t count = static_cast<size_t>(transform_.shape().count());
  std::vector<float> values;
  for (size_t i = 0; i < static_cast<size_t>(options_.batch_size); ++i) {
    const int64_t index = order_.At(seed, options_.name, first + i);
    const std::span<float> y = images.subspan(i * count, count);
    if (const std::span<const uint8_t> x = source_->Bytes(index); !x.empty()) {
      transform_.Apply(x, random, first + i, y);
    } else {
      values.resize(static_cast<size_t>(source_->item_shape().count()));
      source_->Read(index, values);
      transform_.Apply(std::span<const float>(values), random, first + i, y);
    }
    if (!labels.empty()) labels[i] = static_cast<float>(source_->label(index));
  }
}

}  // namespace moka
