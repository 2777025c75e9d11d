// Data sources that are registered: how a Data layer names them, and what they may leave unsaid.
#include "moka/data_source.h"

#include <gtest/gtest.h>

#include "caught.h"
#include "moka/blob.pb.h"
#include "moka/check_layer.h"
#include "moka/context.h"
#include "moka/data.pb.h"
#include "moka/net.h"
#include "moka/schema.h"

namespace moka {
namespace {

// Item i is the one value i times the dim of its parameters.
class Counting final : public DataSource {
 public:
  Counting(const DataSpec& spec, const BlobShape& shape)
      : factor_(shape.dim_size() > 0 ? shape.dim(0) : 1), training_(spec.training()) {
    if (factor_ == 0) throw Error("dim 0 makes all items equal").At("counting_param.dim");
    if (spec.params().source_size() > 0) files_ = spec.FindSources();
  }
  int64_t size() const override { return 5; }
  Shape item_shape() const override { return {1, 1, 1}; }
  void Read(int64_t index, std::span<float> values) const override {
    values[0] = static_cast<float>(index * factor_ + (training_ ? 100 : 0));
  }

 private:
  const int64_t factor_;
  const bool training_;
  std::vector<std::string> files_;
};

const Registry& WithCounting() {
  static const Registry registry = [] {
    Registry made = BuiltinLayers();
    made.SetOrigin("libcounting.so", "counting");
    made.AddDataSource<Counting>("counting", Field<BlobShape>{"counting_param"});
    return made;
  }();
  return registry;
}

std::vector<float> FirstBatch(const std::string& data_param, const std::string& tops = "top: 'x'") {
  Context context({.threads = 1, .seed = 1});
  NetOptions options;
  options.phase = TEST;
  Net net(NetSchema(WithCounting())
              .ParseNet("layer { name: 'd' type: 'Data' " + tops + "\n data_param { " + data_param +
                            " } }",
                        "net"),
          WithCounting(), context, options);
  net.Forward();
  const Tensor& x = net.blob("x");
  return {x.values().begin(), x.values().end()};
}

std::string Refusal(const std::string& data_param, const std::string& tops = "top: 'x'") {
  return Caught([&] { FirstBatch(data_param, tops); }).what();
}

TEST(DataSource, IsNamedByItsFormatAndHasItsParametersInDataParam) {
  EXPECT_EQ(FirstBatch("format: 'counting' batch_size: 3 counting_param { dim: 2 }"),
            (std::vector<float>{0, 2, 4}));
  EXPECT_EQ(FirstBatch("format: 'counting.counting' batch_size: 2"), (std::vector<float>{0, 1}));
}

TEST(DataSource, ErrorsInItsParametersReadAsThoseOfBuiltIns) {
  EXPECT_EQ(Refusal("format: 'counting' batch_size: 3 counting_param { dimm: 2 }"),
            "net:2:65: unknown field \"dimm\" in data_param.counting_param; did you mean \"dim\"?");
  EXPECT_EQ(Refusal("format: 'counting' batch_size: 3 counting_param { dim: 0 }"),
            "net:2:65: layer \"d\" (Data): dim 0 makes all items equal");
}

TEST(DataSource, ThatIsNotThereIsGuessed) {
  EXPECT_EQ(Refusal("format: 'countin' batch_size: 3"),
            "net:2:15: layer \"d\" (Data): unknown data format \"countin\"; did you mean "
            "\"counting\"?");
  EXPECT_EQ(Refusal("format: 'parquet' batch_size: 3"),
            "net:2:15: layer \"d\" (Data): unknown data format \"parquet\"; there are: cifar10, "
            "counting, idx");
}

TEST(DataSource, FilesItNamesAreLookedForAndTold) {
  EXPECT_EQ(Refusal("format: 'counting' batch_size: 3 source: '/nowhere/a'").substr(0, 50),
            "net:2:48: layer \"d\" (Data): cannot find \"/nowhere/");
  EXPECT_EQ(Refusal("format: 'idx' batch_size: 3"),
            "net:2:2: layer \"d\" (Data): data_param needs a source");
}

TEST(DataSource, WithoutLabelsHasNoSecondTop) {
  EXPECT_EQ(Refusal("format: 'counting' batch_size: 3", "top: 'x' top: 'label'"),
            "net:2:15: layer \"d\" (Data): a second top wants labels, but data of format "
            "\"counting\" has none");
}

TEST(DataSource, SaysOfItsItemsOnlyTheirNumberUnlessItSaysMore) {
  const LayerDescription description;
  const LayerSpec spec(description, WithCounting());
  DataParameter params;
  params.set_format("counting");
  const std::unique_ptr<DataSource> source = spec.OpenDataSource(params);
  EXPECT_EQ(source->Name(3), "item 3");
  EXPECT_FALSE(source->has_labels());
  EXPECT_TRUE(source->Bytes(0).empty());
  EXPECT_EQ(source->Interface("anything", 1), nullptr);
}

}  // namespace
}  // namespace moka
