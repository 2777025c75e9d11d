// What stands between a source of examples and a batch: order, transform, prefetch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moka/data_source.h"
#include "moka/export.h"
#include "moka/random.h"
#include "moka/shape.h"
#include "moka/tensor.h"

namespace moka {

// What is done to each image: y = (x - mean) * scale, cut out and mirrored. (transform_param)
struct TransformOptions {
  float scale = 1;
  bool mirror = false;                  // flip left and right, at random for each item
  int64_t crop_size = 0;                // 0: the whole image
  bool random_crop = false;             // cut out at random; else from the centre
  std::vector<float> mean_values = {};  // none, one, or one for each channel
  // Or an image of the items' shape, channels x height x width.
  std::shared_ptr<const Tensor> mean = nullptr;
};

// Immutable; used from any thread.
class MOKA_EXPORT ImageTransform {
 public:
  // Throws Error, its field below transform_param: a crop larger than the image, a mean of another
  // shape, a wrong number of mean values, both kinds of mean.
  ImageTransform(const TransformOptions& options, const Shape& item);

  Shape shape() const { return shape_; }  // of the transformed item
  // Transforms an item into shape().count() floats. What is drawn depends on (random, position).
  void Apply(std::span<const uint8_t> x, const RandomStream& random, uint64_t position,
             std::span<float> y) const;
  void Apply(std::span<const float> x, const RandomStream& random, uint64_t position,
             std::span<float> y) const;

 private:
  struct Cut {
    int64_t top = 0, left = 0;
    bool mirrored = false;
  };
  Cut Draw(const RandomStream& random, uint64_t position) const;
  template <typename T>
  void Run(const T* x, const Cut& cut, float* y) const;

  TransformOptions options_;
  Shape item_, shape_;
};

// A mean image (.binaryproto, a BlobProto) as channels x height x width. Throws Error.
MOKA_EXPORT Tensor ReadMean(const std::string& path);
// A .binaryproto of any shape (a BlobProto). Throws Error. Since plugin API 2.2.
MOKA_EXPORT Tensor ReadBlob(const std::string& path);

// The order in which the items of an endless sequence come: epoch after epoch, each a permutation
// of all items if shuffled. A pure function of (seed, name, position); keeps the permutation of the
// last epoch that was asked for, so it is not to be shared by threads.
class MOKA_EXPORT ItemOrder {
 public:
  ItemOrder(int64_t size, bool shuffle) : size_(size), shuffle_(shuffle) {}
  int64_t At(uint64_t seed, std::string_view name, uint64_t position);

 private:
  int64_t size_;
  bool shuffle_;
  std::vector<int64_t> permutation_;  // of (seed_, name_, epoch_); empty at first
  uint64_t seed_ = 0, epoch_ = 0;
  std::string name_;
};

struct BatchOptions {
  std::string name;        // what random numbers depend on besides the seed: the layer's name
  int64_t batch_size = 0;  // > 0
  bool shuffle = false;    // another order in each epoch
  uint64_t rand_skip = 0;  // start at a random item among the first rand_skip ones
  TransformOptions transform;
};

// Batch n of the endless sequence, which wraps inside a batch where an epoch ends. A pure function
// of (source, options, seed, n). Not synchronised; copies share the source.
class MOKA_EXPORT Batches {
 public:
  // Throws as ImageTransform.
  Batches(std::shared_ptr<const DataSource> source, BatchOptions options);

  const DataSource& source() const { return *source_; }
  Shape shape() const;  // batch_size x channels x height x width
  // Writes batch n: shape().count() floats, and batch_size labels unless `labels` is empty.
  void Read(uint64_t seed, uint64_t n, std::span<float> images, std::span<float> labels);
  // The source's index of item i of batch n.
  int64_t Index(uint64_t seed, uint64_t n, int64_t i);

 private:
  uint64_t Position(uint64_t seed, uint64_t n, int64_t i) const;

  std::shared_ptr<const DataSource> source_;
  BatchOptions options_;
  ImageTransform transform_;
  ItemOrder order_;
};

// Batches prepared ahead by one thread. It guesses that batch n + 1 follows batch n; another
// question is answered at once, and it goes on from there. The same bits as Batches. Used by one
// thread.
class MOKA_EXPORT PrefetchedBatches {
 public:
  // Keeps `depth` batches ready (0: no thread). The thread starts with the first Read.
  PrefetchedBatches(Batches batches, int depth);
  ~PrefetchedBatches();
  PrefetchedBatches(const PrefetchedBatches&) = delete;
  PrefetchedBatches& operator=(const PrefetchedBatches&) = delete;

  // As Batches::Read. What the thread threw is thrown when its batch is asked for.
  void Read(uint64_t seed, uint64_t n, std::span<float> images, std::span<float> labels);

 private:
  class Worker;
  Batches batches_;
  int depth_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace moka
