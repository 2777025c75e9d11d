// Weights by layer name, and reading them from a .caffemodel.
#include "moka/weights.h"

#include <gtest/gtest.h>

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

std::string LoadError(const NetParameter& file, Weights& weights) {
  TemporaryFolder folder;
  try {
    LoadWeights(folder.Write("m", file.SerializeAsString()), weights);
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

TEST(LoadWeights, NamesBothShapesAndChangesNothing) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "ip2", 0, {20, 5});
  NetParameter file;
  AddBlob(AddLayer(file, "ip1"), {2}, 5);
  AddBlob(AddLayer(file, "ip2"), {10, 5}, 5);
  EXPECT_EQ(LoadError(file, weights),
            "layer \"ip2\": blob 0 is 10x5 in m, 20x5 in the net; to start it afresh, give the "
            "layer another name");
  EXPECT_EQ(weights.Find("ip1", 0)->values().data()[0], 0);
}

TEST(LoadWeights, NamesBothCountsAndAllLayersThatDoNotFit) {
  Weights weights;
  AddParam(weights, "ip1", 0, {2});
  AddParam(weights, "ip1", 1, {1});
  AddParam(weights, "ip2", 0, {3});
  NetParameter file;
  AddBlob(AddLayer(file, "ip1"), {2}, 5);
  AddBlob(AddLayer(file, "ip2"), {4}, 5);
  EXPECT_EQ(LoadError(file, weights),
            "layer \"ip1\" has 1 blob in m, 2 in the net\n"
            "layer \"ip2\": blob 0 is 4 in m, 3 in the net; to start it afresh, give the layer "
            "another name");
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
            "layer \"ip\": blob 0 is 1x1x3x2 in m, 2x3 in the net; to start it afresh, give the "
            "layer another name");
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
