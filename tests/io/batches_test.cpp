#include "moka/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "moka/error.h"

namespace moka {
namespace {

using Items = std::vector<int64_t>;
using Floats = std::vector<float>;

// Item i has one channel and label i; its pixels are i, i + 0.5, i + 1, ... or, as bytes, i, i + 1,
// ...
class Numbers final : public DataSource {
 public:
  Numbers(int64_t size, const Shape& item, bool bytes = false) : size_(size), item_(item) {
    if (!bytes) return;
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < item.count(); ++j) bytes_.push_back(static_cast<uint8_t>(i + j));
    }
  }
  int64_t size() const override { return size_; }
  Shape item_shape() const override { return item_; }
  std::span<const uint8_t> Bytes(int64_t index) const override {
    if (bytes_.empty()) return {};
    return {bytes_.data() + index * item_.count(), static_cast<size_t>(item_.count())};
  }
  void Read(int64_t index, std::span<float> values) const override {
    if (index == broken) throw Error("item ", index, " is broken");
    for (size_t j = 0; j < values.size(); ++j) {
      values[j] = static_cast<float>(index) + 0.5f * static_cast<float>(j);
    }
  }
  bool has_labels() const override { return true; }
  int64_t label(int64_t index) const override { return index; }
  std::string Name(int64_t index) const override { return "number " + std::to_string(index); }

  int64_t broken = -1;

 private:
  int64_t size_;
  Shape item_;
  std::vector<uint8_t> bytes_;
};

Batches MakeBatches(int64_t size, const BatchOptions& options, const Shape& item = {1, 1, 1}) {
  return Batches(std::make_shared<Numbers>(size, item), options);
}

BatchOptions Options(int64_t batch_size, bool shuffle = false) {
  BatchOptions options;
  options.name = "data";
  options.batch_size = batch_size;
  options.shuffle = shuffle;
  return options;
}

Items IndicesOf(Batches& batches, uint64_t seed, uint64_t n) {
  Items items;
  for (int64_t i = 0; i < batches.shape()[0]; ++i) items.push_back(batches.Index(seed, n, i));
  return items;
}

// Images, then labels.
template <typename B>
Floats ReadBatch(B& batches, const Shape& shape, uint64_t seed, uint64_t n) {
  Floats images(static_cast<size_t>(shape.count()), -1), labels(static_cast<size_t>(shape[0]), -1);
  batches.Read(seed, n, images, labels);
  images.insert(images.end(), labels.begin(), labels.end());
  return images;
}

TEST(Batches, ComeInOrderAndWrapInsideABatch) {
  Batches batches = MakeBatches(5, Options(3));
  EXPECT_EQ(IndicesOf(batches, 1, 0), (Items{0, 1, 2}));
  EXPECT_EQ(IndicesOf(batches, 1, 1), (Items{3, 4, 0}));
  EXPECT_EQ(IndicesOf(batches, 1, 4), (Items{2, 3, 4}));
  EXPECT_EQ(ReadBatch(batches, batches.shape(), 1, 1), (Floats{3, 4, 0, 3, 4, 0}));
}

TEST(Batches, MayHoldMoreThanAllItems) {
  Batches batches = MakeBatches(2, Options(5));
  EXPECT_EQ(IndicesOf(batches, 1, 1), (Items{1, 0, 1, 0, 1}));
}

TEST(Batches, HoldEachItemOnceInAnEpochInAnotherOrderEachTime) {
  Batches batches = MakeBatches(100, Options(100, true));
  Items all(100);
  std::iota(all.begin(), all.end(), 0);
  const Items first = IndicesOf(batches, 1, 0), second = IndicesOf(batches, 1, 1);
  EXPECT_NE(first, all);
  EXPECT_NE(first, second);
  for (Items items : {first, second}) {
    std::ranges::sort(items);
    EXPECT_EQ(items, all);
  }
}

TEST(Batches, DependOnSeedAndName) {
  Batches batches = MakeBatches(100, Options(100, true));
  BatchOptions other = Options(100, true);
  other.name = "other";
  Batches named = MakeBatches(100, other);
  EXPECT_NE(IndicesOf(batches, 1, 0), IndicesOf(batches, 2, 0));
  EXPECT_NE(IndicesOf(batches, 1, 0), IndicesOf(named, 1, 0));
}

TEST(Batches, AreTheSameInWhateverOrderTheyAreAskedFor) {
  Batches batches = MakeBatches(10, Options(4, true));
  std::vector<Items> forth;
  for (uint64_t n = 0; n < 8; ++n) forth.push_back(IndicesOf(batches, 7, n));
  for (uint64_t n = 8; n-- > 0;) EXPECT_EQ(IndicesOf(batches, 7, n), forth[n]) << n;
}

TEST(Batches, ShuffleWithoutPreference) {
  // Over 3,000 epochs of 3 items each of the 6 orders comes about 500 times (sigma 20).
  Batches batches = MakeBatches(3, Options(3, true));
  std::map<Items, int> counts;
  for (uint64_t n = 0; n < 3000; ++n) ++counts[IndicesOf(batches, 3, n)];
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [items, count] : counts) EXPECT_NEAR(count, 500, 100);
}

TEST(Batches, StartAtARandomItemIfAskedTo) {
  BatchOptions options = Options(1);
  options.rand_skip = 10;
  Batches batches = MakeBatches(100, options);
  std::set<int64_t> starts;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    starts.insert(batches.Index(seed, 0, 0));
    EXPECT_EQ(batches.Index(seed, 5, 0), batches.Index(seed, 0, 0) + 5);
  }
  EXPECT_EQ(starts.size(), 10u);
  EXPECT_EQ(*starts.rbegin(), 9);
}

TEST(Batches, AreTheSameFromBytesAsFromFloats) {
  const Numbers numbers(4, {2, 2, 2}, true);
  Floats from_bytes(8), from_floats(8);
  TransformOptions options;
  options.scale = 0.00390625f;
  options.mean_values = {2, 3};
  options.mirror = true;
  const ImageTransform transform(options, {2, 2, 2});
  const auto bytes = numbers.Bytes(3);
  const Floats floats(bytes.begin(), bytes.end());
  for (uint64_t position = 0; position < 8; ++position) {
    const RandomStream random(1, "data", 1, 0);
    transform.Apply(bytes, random, position, from_bytes);
    transform.Apply(floats, random, position, from_floats);
    EXPECT_EQ(from_bytes, from_floats);
  }
}

TEST(Batches, LeaveLabelsAloneIfNobodyWantsThem) {
  Batches batches = MakeBatches(5, Options(3));
  Floats images(3);
  batches.Read(1, 0, images, {});
  EXPECT_EQ(images, (Floats{0, 1, 2}));
}

class PrefetchedBatchesTest : public testing::TestWithParam<int> {};

TEST_P(PrefetchedBatchesTest, HasTheBitsOfBatchesWhateverIsAskedFor) {
  BatchOptions options = Options(7, true);
  options.transform.mirror = true;
  options.transform.crop_size = 2;
  options.transform.random_crop = true;
  Batches plain = MakeBatches(50, options, {2, 3, 4});
  PrefetchedBatches prefetched(plain, GetParam());
  const Shape shape = plain.shape();
  const std::vector<std::pair<uint64_t, uint64_t>> asked = {
      {1, 0}, {1, 1},  {1, 2},  {1, 3}, {1, 4}, {1, 5}, {1, 6}, {1, 6}, {1, 7},
      {1, 8}, {1, 30}, {1, 31}, {1, 2}, {1, 3}, {2, 4}, {2, 5}, {1, 6}, {1, 7}};
  for (const auto& [seed, n] : asked) {
    EXPECT_EQ(ReadBatch(prefetched, shape, seed, n), ReadBatch(plain, shape, seed, n)) << n;
  }
}

TEST_P(PrefetchedBatchesTest, RunsLong) {
  Batches plain = MakeBatches(33, Options(8, true));
  PrefetchedBatches prefetched(plain, GetParam());
  for (uint64_t n = 0; n < 500; ++n) {
    ASSERT_EQ(ReadBatch(prefetched, plain.shape(), 1, n), ReadBatch(plain, plain.shape(), 1, n));
  }
}

TEST_P(PrefetchedBatchesTest, ThrowsWhenTheBrokenBatchIsAskedForAndGoesOnAfterIt) {
  auto source = std::make_shared<Numbers>(10, Shape{1, 1, 1});
  source->broken = 5;
  Batches plain(source, Options(2));
  PrefetchedBatches prefetched(plain, GetParam());
  Floats images(2), labels(2);
  for (int round = 0; round < 3; ++round) {
    prefetched.Read(1, 0, images, labels);
    prefetched.Read(1, 1, images, labels);
    EXPECT_EQ(images, (Floats{2, 3}));
    for (int again = 0; again < 2; ++again) {
      try {
        prefetched.Read(1, 2, images, labels);
        ADD_FAILURE();
      } catch (const Error& error) {
        EXPECT_EQ(error.message(), "item 5 is broken");
      }
    }
    prefetched.Read(1, 3, images, labels);
    EXPECT_EQ(images, (Floats{6, 7}));
  }
}

TEST_P(PrefetchedBatchesTest, EndsWhileItsThreadIsBusy) {
  for (int round = 0; round < 20; ++round) {
    Batches plain = MakeBatches(33, Options(8, true), {3, 20, 20});
    PrefetchedBatches prefetched(plain, GetParam());
    Floats images(static_cast<size_t>(plain.shape().count()));
    for (uint64_t n = 0; n < static_cast<uint64_t>(round % 4); ++n) {
      prefetched.Read(1, n, images, {});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Depths, PrefetchedBatchesTest, testing::Values(0, 1, 2, 4, 9));

}  // namespace
}  // namespace moka
