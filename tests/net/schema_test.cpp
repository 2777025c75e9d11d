// Reading and printing net files by the grammar of the built-in layers.
#include "moka/schema.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

const NetSchema& BuiltinSchema() {
  static const NetSchema schema(BuiltinLayers());
  return schema;
}

TEST(NetSchema, ReadsLayersWithTheirParametersAndPlaces) {
  const NetDescription net = BuiltinSchema().ParseNet(R"(name: "tiny"
layer {
  name: "relu1" type: "ReLU" bottom: "a" bottom: "b"
  top: "c"
  relu_param { negative_slope: 0.5 }
})",
                                                      "net.prototxt");
  EXPECT_EQ(net.name, "tiny");
  ASSERT_EQ(net.layers.size(), 1u);
  const LayerDescription& layer = net.layers[0];
  EXPECT_EQ(layer.Label(), "layer \"relu1\" (ReLU)");
  EXPECT_EQ(ToString(layer.place), "net.prototxt:2:1");
  EXPECT_EQ(ToString(layer.PlaceOf("bottom[1]")), "net.prototxt:3:42");
  EXPECT_EQ(ToString(layer.PlaceOf("relu_param.negative_slope")), "net.prototxt:5:16");
  EXPECT_EQ(ToString(layer.PlaceOf("relu_param.engine")), "net.prototxt:5:3");
  ASSERT_EQ(layer.params.size(), 1u);
  EXPECT_EQ(layer.params[0].field, "relu_param");
  EXPECT_EQ(layer.params[0].number, 123);
}

}  // namespace
}  // namespace moka
