// Weights by layer name, and reading them from a .caffemodel.
#include "moka/weights.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "io/temporary_folder.h"
#include "moka/error.h"
#include "moka/net.pb.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::TemporaryFolder;

void AddParam(Weights& weights, const std::string& layer, int index, const Shape& shape) {
  weights.Add(layer, index, std::make_shared<Param>(layer, shape, true), shape);
}

void AddBlob(LayerParameter& layer, const std::vector<int64_t>& dims, float first) {
  BlobProto& blob = *layer.add_blobs();
  int64_t count = 1;
  for (int64_t dim : dims) {
    blob.mutable_shape()->add_dim(dim);
    count *= dim;
  }
  for (int64_t i = 0; i < count; ++i) blob.add_data(first + static_cast<float>(i));
}

LayerParameter& AddLayer(NetParameter& net, const std::string& name) {
  LayerParameter& layer = *net.add_layer();
  layer.set_name(name);
  return layer;
}

std::string LoadError(const NetParameter& file, Weights& weights,
                      OnMismatch on_mismatch = OnMismatch::kError) {
  TemporaryFolder folder;
  try {
    LoadWeights(folder.Write("m", file.SerializeAsString()), weights, on_mismatch);
  } catch (const Error& error) {
    std::string text = error.what();
    for (size_t at; (at = text.find(folder.path() + "/")) != std::string::npos;)
      text.erase(at, folder.path().size() + 1);
    return text;
  }
  return "";
}

TEST(Weights, AreFoundByLayerAndIndex) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2, 3});
  AddParam(weights, "ip1", 1, {2});
  AddParam(weights, "ip2", 0, {4});
  EXPECT_EQ(weights.Find("ip1", 1)->shape(), (Shape{2}));
  EXPECT_EQ(weights.Find("ip2", 0)->shape(), (Shape{4}));
  EXPECT_EQ(weights.Find("ip2", 1), nullptr);
  EXPECT_EQ(weights.Find("ip1", -1), nullptr);
  EXPECT_EQ(weights.Find("ip", 0), nullptr);
  EXPECT_EQ(weights.entries().size(), 2u);
}

TEST(LoadWeights, MatchesLayersByNameAndTellsWhatBecameOfEach) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "new", 0, {2});
  NetParameter file;
  AddLayer(file, "data");
  AddBlob(AddLayer(file, "ip1"), {2}, 5);
  AddBlob(AddLayer(file, "old"), {3}, 9);
  TemporaryFolder folder;
  const uint64_t version = weights.Find("ip1", 0)->version();
  const LoadReport report = LoadWeights(folder.Write("m", file.SerializeAsString()), weights);
  EXPECT_EQ(report.loaded, std::vector<std::string>{"ip1"});
  EXPECT_EQ(report.initial, std::vector<std::string>{"new"});
  EXPECT_EQ(report.ignored, std::vector<std::string>{"old"});
  EXPECT_EQ(weights.Find("ip1", 0)->values().data()[1], 6);
  EXPECT_EQ(weights.Find("new", 0)->values().data()[1], 0);
  EXPECT_GT(weights.Find("ip1", 0)->version(), version);
}

const std::string kWaysOut =
    "give the layer another name to start it afresh, keep its initial values with "
    "--on_mismatch=skip, or make its shape that of the file (num_output, for example)";

TEST(LoadWeights, NamesBothShapesAndChangesNothing) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "ip2", 0, {20, 5});
  AddParam(weights, "ip2", 1, {5});
  AddParam(weights, "ip2", 2, {20});
  NetParameter file;
  AddBlob(AddLayer(file, "ip1"), {2}, 5);
  LayerParameter& ip2 = AddLayer(file, "ip2");
  AddBlob(ip2, {10, 5}, 5);
  AddBlob(ip2, {5}, 5);
  AddBlob(ip2, {10}, 5);
  EXPECT_EQ(LoadError(file, weights),
            "layer \"ip2\": blob 0 is 10x5 in m, 20x5 in the net; blob 2 is 10 in m, 20 in the "
            "net; " +
                kWaysOut);
  EXPECT_EQ(weights.Find("ip1", 0)->values().data()[0], 0);
}

TEST(LoadWeights, NamesBothCountsAndAllLayersThatDoNotFit) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2, 7});
  AddParam(weights, "ip1", 1, {2});
  AddParam(weights, "ip2", 0, {3});
  NetParameter file;
  AddBlob(AddLayer(file, "ip1"), {2, 7}, 5);
  AddBlob(AddLayer(file, "ip2"), {4}, 5);
  EXPECT_EQ(LoadError(file, weights),
            "layer \"ip1\" has 1 blob (2x7) in m, 2 blobs (2x7, 2) in the net\n"
            "layer \"ip2\": blob 0 is 4 in m, 3 in the net\n"
            "for each of these: " +
                kWaysOut);
}

TEST(LoadWeights, SkipsLayersThatDoNotFitAsAWhole) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "ip2", 0, {3, 4});
  AddParam(weights, "ip2", 1, {5});
  NetParameter file;
  AddBlob(AddLayer(file, "ip1"), {2}, 5);
  LayerParameter& ip2 = AddLayer(file, "ip2");
  AddBlob(ip2, {3, 4}, 5);
  AddBlob(ip2, {6}, 5);
  TemporaryFolder folder;
  const LoadReport report =
      LoadWeights(folder.Write("m", file.SerializeAsString()), weights, OnMismatch::kSkip);
  EXPECT_EQ(report.loaded, std::vector<std::string>{"ip1"});
  EXPECT_EQ(report.skipped, std::vector<std::string>{"ip2"});
  EXPECT_EQ(report.initial, std::vector<std::string>{});
  EXPECT_EQ(weights.Find("ip1", 0)->values().data()[0], 5);
  EXPECT_EQ(weights.Find("ip2", 0)->values().data()[0], 0);
  ASSERT_EQ(report.layers.size(), 2u);
  EXPECT_EQ(report.layers[1].fate, LayerFate::kSkipped);
  EXPECT_EQ(report.layers[1].shapes, (std::vector<Shape>{{3, 4}, {5}}));
  EXPECT_EQ(report.layers[1].in_file, (std::vector<Shape>{{3, 4}, {6}}));
}

TEST(LoadWeights, RefusesToSkipAllThereIs) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "new", 0, {2});
  NetParameter file;
  AddBlob(AddLayer(file, "ip1"), {3}, 5);
  AddBlob(AddLayer(file, "old"), {3}, 5);
  EXPECT_EQ(LoadError(file, weights, OnMismatch::kSkip),
            "m: none of the layers that the net has too fits; are these the weights of another "
            "net?\nlayer \"ip1\": blob 0 is 3 in m, 2 in the net");
}

TEST(LoadWeights, RefusesTheWeightsOfAnotherArchitecture) {
  Weights weights;
  for (const char* name : {"ip1", "ip2"}) AddParam(weights, name, 0, {2});
  NetParameter file;
  for (const char* name : {"c1", "c2", "c3", "c4", "c5", "c6", "c7"})
    AddBlob(AddLayer(file, name), {2}, 5);
  const std::string error =
      "m: none of its layers is in the net, and they are matched by name; it has \"c1\", \"c2\", "
      "\"c3\", \"c4\", \"c5\" and 2 more, the net \"ip1\", \"ip2\"";
  EXPECT_EQ(LoadError(file, weights), error);
  EXPECT_EQ(LoadError(file, weights, OnMismatch::kSkip), error);
  NetParameter empty;
  AddLayer(empty, "ip1");
  EXPECT_EQ(LoadError(empty, weights), "m: no layer in it has values");
  Weights none;  // a net without any
  EXPECT_EQ(LoadError(file, none), "");
}

TEST(LoadWeights, NamesBlobsWithNumbersThatAreNotFinite) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "ip1", 1, {2, 3});
  NetParameter file;
  LayerParameter& ip1 = AddLayer(file, "ip1");
  AddBlob(ip1, {2}, 5);
  AddBlob(ip1, {2, 3}, 5);
  ip1.mutable_blobs(1)->set_data(4, -std::numeric_limits<float>::infinity());
  TemporaryFolder folder;
  const std::string path = folder.Write("m", file.SerializeAsString());
  EXPECT_EQ(LoadWeights(path, weights).not_finite,
            std::vector<std::string>{"layer \"ip1\", blob 1 of " + path +
                                     ": 1 of 6 values are not finite, the first -inf at [1, 1]"});
}

// Two files for the net ip1 (2), ip2 (2), new (2).
struct TwoFiles {
  TwoFiles() {
    for (const char* name : {"ip1", "ip2", "new"}) AddParam(weights, name, 0, {2});
    AddBlob(AddLayer(one, "ip1"), {2}, 10);
    AddBlob(AddLayer(one, "ip2"), {2}, 20);
    AddBlob(AddLayer(one, "old"), {4}, 30);
    AddBlob(AddLayer(two, "ip2"), {2}, 40);
  }
  LoadReport Load(OnMismatch on_mismatch = OnMismatch::kError) {
    return LoadAllWeights({folder.Write("one", one.SerializeAsString()),
                           folder.Write("two", two.SerializeAsString())},
                          weights, on_mismatch);
  }
  // `ip1 loaded one;` for each row
  std::string Rows(const LoadReport& report) {
    const char* const fates[] = {" loaded ", " initial", " skipped ", " ignored "};
    std::string text;
    for (const LayerReport& layer : report.layers) {
      text += layer.layer + fates[static_cast<size_t>(layer.fate)] +
              layer.file.substr(layer.file.find_last_of('/') + 1) + ";";
    }
    return text;
  }
  float First(const std::string& layer) { return weights.Find(layer, 0)->values().data()[0]; }

  Weights weights;
  NetParameter one, two;
  TemporaryFolder folder;
};

TEST(LoadAllWeights, TakesALayerFromTheLastFileThatHasIt) {
  TwoFiles files;
  EXPECT_EQ(files.Rows(files.Load()), "ip1 loaded one;ip2 loaded two;new initial;old ignored one;");
  EXPECT_EQ(files.First("ip1"), 10);
  EXPECT_EQ(files.First("ip2"), 40);
}

TEST(LoadAllWeights, ChangesNothingIfOneOfThemIsRefused) {
  TwoFiles files;
  AddBlob(AddLayer(files.two, "new"), {3}, 50);
  files.one.mutable_layer(0)->mutable_blobs(0)->mutable_shape()->set_dim(0, 1);
  files.one.mutable_layer(0)->mutable_blobs(0)->mutable_data()->RemoveLast();
  std::string error;
  try {
    files.Load();
  } catch (const Error& e) {
    error = e.what();
  }
  EXPECT_EQ(error, "layer \"ip1\": blob 0 is 1 in " + files.folder / "one" +
                       ", 2 in the net\nlayer \"new\": blob 0 is 3 in " + files.folder / "two" +
                       ", 2 in the net\nfor each of these: " + kWaysOut);
  EXPECT_EQ(files.First("ip2"), 0);
}

TEST(LoadAllWeights, KeepsWhatAnEarlierFileHasWhenTheLaterOneDoesNotFit) {
  TwoFiles files;
  AddBlob(AddLayer(files.two, "ip1"), {3}, 50);
  AddBlob(AddLayer(files.two, "new"), {3}, 60);
  const LoadReport report = files.Load(OnMismatch::kSkip);
  EXPECT_EQ(files.Rows(report),
            "ip1 loaded one;ip1 skipped two;ip2 loaded two;new skipped two;old ignored one;");
  EXPECT_EQ(report.skipped, std::vector<std::string>{"new"});
  EXPECT_EQ(files.First("ip1"), 10);
}

TEST(LoadWeights, ReadsOldFourAxesIntoFewer) {
  Weights weights;
  AddParam(weights, "ip", 0, {2, 3});
  NetParameter file;
  BlobProto& blob = *AddLayer(file, "ip").add_blobs();
  blob.set_num(1);
  blob.set_channels(1);
  blob.set_height(2);
  blob.set_width(3);
  for (int i = 0; i < 6; ++i) blob.add_data(static_cast<float>(i));
  EXPECT_EQ(LoadError(file, weights), "");
  EXPECT_EQ(weights.Find("ip", 0)->values().data()[5], 5);
  blob.set_height(3);
  blob.set_width(2);
  EXPECT_EQ(LoadError(file, weights),
            "layer \"ip\": blob 0 is 1x1x3x2 in m, 2x3 in the net; " + kWaysOut);
}

TEST(SaveWeights, KeepsTheValuesOfALayerWhoseNameAnotherOneHasToo) {
  TemporaryFolder folder;
  Context context({.threads = 1, .seed = 1});
  const Net net(
      testing::Parse(
          "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 dim: 3 } } }"
          "layer { name: 'fc' type: 'ReLU' bottom: 'x' top: 'r' }"
          "layer { name: 'fc' type: 'InnerProduct' bottom: 'r' top: 'y' "
          "inner_product_param { num_output: 4 } }"),
      testing::Layers(), context);
  SaveWeights(folder / "m", net);
  NetParameter file;
  ASSERT_TRUE(file.ParseFromString(folder.Read("m")));
  ASSERT_EQ(file.layer_size(), 3);
  EXPECT_EQ(file.layer(1).blobs_size(), 0);
  ASSERT_EQ(file.layer(2).blobs_size(), 2);
  EXPECT_EQ(file.layer(2).blobs(0).data_size(), 12);
}

// As Caffe's files have it: shared values, each layer's own shape.
TEST(SaveWeights, WritesASharedValueInTheShapeThatItHasInEachLayerAndReadsItSo) {
  TemporaryFolder folder;
  Context context({.threads = 1, .seed = 1});
  const std::string shared =
      " param { name: 'w' share_mode: PERMISSIVE } inner_product_param { bias_term: false ";
  Net net(testing::Parse(
              "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 dim: 3 } } }"
              "layer { name: 'a' type: 'InnerProduct' bottom: 'x' top: 'y'" +
              shared +
              "num_output: 4 } }"
              "layer { name: 'b' type: 'InnerProduct' bottom: 'y' top: 'z'" +
              shared + "num_output: 3 } }"),
          testing::Layers(), context);
  SaveWeights(folder / "m", net);
  NetParameter file;
  ASSERT_TRUE(file.ParseFromString(folder.Read("m")));
  ASSERT_EQ(file.layer(2).blobs_size(), 1);
  EXPECT_EQ(file.layer(1).blobs(0).shape().dim(0), 4);
  EXPECT_EQ(file.layer(1).blobs(0).shape().dim(1), 3);
  EXPECT_EQ(file.layer(2).blobs(0).shape().dim(0), 3);
  EXPECT_EQ(file.layer(2).blobs(0).shape().dim(1), 4);
  EXPECT_EQ(file.layer(1).blobs(0).data(5), file.layer(2).blobs(0).data(5));
  EXPECT_EQ(LoadWeights(folder / "m", net.weights()).loaded.size(), 2u);
}

}  // namespace
}  // namespace moka
