// Data: batches of labelled images from files, shuffled, transformed and prepared ahead.
//
// Batch n of a run is a function of the seed, the layer's name and n, the number of the pass: a
// resumed training goes on with the very batch that comes next.
#include "moka/batches.h"
#include "moka/data.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "sources.h"
#include "transform.pb.h"

namespace moka {
namespace {

// Moves a field from its old place in data_param into transform_param, as Caffe does.
template <typename T>
void Move(const char* field, bool old_set, const T& old, bool is_set, const T& now, auto&& set) {
  if (!old_set) return;
  if (is_set && old != now) {
    throw Error(field, " is given twice: ", old, " in data_param and ", now, " in transform_param")
        .At(std::string("data_param.") + field);
  }
  set(old);
}

TransformationParameter Upgrade(const DataParameter& params, TransformationParameter t) {
  Move("scale", params.has_scale(), params.scale(), t.has_scale(), t.scale(),
       [&](float scale) { t.set_scale(scale); });
  Move("mean_file", params.has_mean_file(), params.mean_file(), t.has_mean_file(), t.mean_file(),
       [&](const std::string& file) { t.set_mean_file(file); });
  Move("crop_size", params.has_crop_size(), params.crop_size(), t.has_crop_size(), t.crop_size(),
       [&](uint32_t size) { t.set_crop_size(size); });
  Move("mirror", params.has_mirror(), params.mirror(), t.has_mirror(), t.mirror(),
       [&](bool mirror) { t.set_mirror(mirror); });
  return t;
}

// What can be wrong before any file is looked at.
void Check(const DataParameter& params, const TransformationParameter& transform) {
  if (params.has_backend()) {
    throw Error("backend ", params.backend() == DataParameter::LMDB ? "LMDB" : "LEVELDB",
                ": databases are not read yet; ", kWhatDataIsRead)
        .At("data_param.backend");
  }
  if (params.source_size() == 0 && !params.has_format())
    throw Error("data_param needs a source").At("data_param");
  if (params.batch_size() == 0) {
    throw Error(params.has_batch_size() ? "batch_size 0 is no batch"
                                        : "data_param needs a batch_size")
        .At("data_param.batch_size");
  }
  if (params.prefetch() > 1024) {
    throw Error("prefetch ", params.prefetch(), " is more than the 1024 batches that make sense")
        .At("data_param.prefetch");
  }
  for (const auto& [set, field] :
       {std::pair(params.force_encoded_color(), "data_param.force_encoded_color"),
        std::pair(transform.force_color(), "transform_param.force_color"),
        std::pair(transform.force_gray(), "transform_param.force_gray")}) {
    if (!set) continue;
    throw Error(" speaks of encoded images; IDX and CIFAR-10 files hold none")
        .Prefix(std::string_view(field).substr(std::string_view(field).find('.') + 1))
        .At(field);
  }
  if (transform.has_mean_file() && transform.mean_value_size() > 0) {
    throw Error("mean_file and mean_value are both given; one of them says what to subtract")
        .At("transform_param.mean_value");
  }
}

class Data final : public Layer, public SampleNames {
 public:
  Data(const LayerSpec& spec, const DataParameter& params,
       const TransformationParameter& transform);

  static LayerTraits Traits(const LayerSpec&, const DataParameter&,
                            const TransformationParameter&) {
    return LayerTraits().Bottoms(0).Tops(1, 2).NoBackward();
  }
  void SetUp(Shapes bottom, Setup& setup) override;
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  const void* Interface(const char* name, int version) const override {
    const bool known = std::string_view(name) == SampleNames::kName && version == kVersion;
    return known ? static_cast<const SampleNames*>(this) : nullptr;
  }
  std::string SampleName(uint64_t seed, uint64_t counter, int64_t sample) const override {
    return plain_->source().Name(plain_->Index(seed, counter, sample));
  }

 private:
  std::unique_ptr<DataSource> Open() const;
  TransformOptions ReadTransform() const;

  const DataParameter params_;
  const TransformationParameter transform_;
  Shape shape_;
  std::unique_ptr<Batches> plain_;  // the same batches, to name their items
  std::unique_ptr<PrefetchedBatches> batches_;
};

Data::Data(const LayerSpec& spec, const DataParameter& params,
           const TransformationParameter& transform)
    : Layer(spec), params_(params), transform_(Upgrade(params, transform)) {
  Check(params_, transform_);
}

// Where no format is named: by how the first file begins.
std::unique_ptr<DataSource> Data::Open() const {
  DataParameter params = params_;
  if (!params.has_format()) {
    const std::string first = DataSpec(params_, spec()).FindSources()[0];
    params.set_format(params.has_labels() || LooksLikeIdx(first) ? "idx" : "cifar10");
  }
  return spec().OpenDataSource(params);
}

TransformOptions Data::ReadTransform() const {
  TransformOptions options;
  options.scale = transform_.scale();
  options.mirror = transform_.mirror();
  options.crop_size = transform_.crop_size();
  options.random_crop = spec().training();
  options.mean_values.assign(transform_.mean_value().begin(), transform_.mean_value().end());
  if (transform_.has_mean_file()) {
    try {
      const std::string path = spec().FindFile(transform_.mean_file());
      options.mean = std::make_shared<const Tensor>(ReadMean(path));
    } catch (Error& error) {
      throw error.At("transform_param.mean_file");
    }
  }
  return options;
}

void Data::SetUp(Shapes, Setup&) {
  std::shared_ptr<const DataSource> source;
  try {
    source = Open();
  } catch (Error& error) {
    throw error.At(error.field().empty() ? "data_param" : "data_param." + error.field());
  }
  if (spec().top_count() == 2 && !source->has_labels()) {
    if (params_.has_format() && params_.format() != "idx") {
      throw Error("a second top wants labels, but data of format \"", params_.format(),
                  "\" has none")
          .At("data_param.format");
    }
    throw Error("a second top wants labels, but data_param.labels names no file")
        .At("data_param.labels");
  }
  BatchOptions options;
  options.name = spec().name();
  options.batch_size = params_.batch_size();
  options.shuffle = params_.has_shuffle() ? params_.shuffle() : spec().training();
  options.rand_skip = params_.rand_skip();
  options.transform = ReadTransform();
  Batches batches(std::move(source), std::move(options));
  shape_ = batches.shape();
  plain_ = std::make_unique<Batches>(batches);
  batches_ =
      std::make_unique<PrefetchedBatches>(std::move(batches), static_cast<int>(params_.prefetch()));
}

void Data::Reshape(Shapes, Plan& plan) {
  plan.top(0) = shape_;
  if (spec().top_count() == 2) plan.top(1) = Shape{shape_[0]};
}

void Data::Forward(ForwardPass& pass) {
  const std::span<float> labels = pass.top_count() == 2 ? pass.top(1).values() : std::span<float>();
  batches_->Read(pass.context().seed(), pass.counter(), pass.top(0).values(), labels);
}

}  // namespace

void RegisterData(Registry& registry) {
  registry.Add<Data>("Data", Field<DataParameter>{"data_param", 107},
                     Field<TransformationParameter>{"transform_param", 100});
}

}  // namespace moka
