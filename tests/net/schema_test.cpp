// Net files as descriptions: fields, bytes, places, notices, inputs of the old kind.
#include "moka/schema.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

const NetSchema& BuiltinSchema() {
  static const NetSchema schema(BuiltinLayers());
  return schema;
}

NetDescription Parse(std::string_view text) {
  return BuiltinSchema().ParseNet(text, "net.prototxt");
}

// The layer's parameter messages as text.
std::string Params(LayerDescription layer) {
  layer.common.Clear();
  NetDescription net;
  net.layers.push_back(std::move(layer));
  return BuiltinSchema().PrintNet(net);
}

TEST(NetSchema, ReadsLayersWithTheirParametersAndPlaces) {
  const NetDescription net = Parse(R"(name: "tiny"
layer {
  name: "relu1" type: "ReLU" bottom: "a" bottom: "b"
  top: "c"
  relu_param { negative_slope: 0.5 }
})");
  EXPECT_EQ(net.name, "tiny");
  EXPECT_EQ(net.file, "net.prototxt");
  ASSERT_EQ(net.layers.size(), 1u);
  const LayerDescription& layer = net.layers[0];
  EXPECT_EQ(layer.Label(), "layer \"relu1\" (ReLU)");
  EXPECT_EQ(layer.common.bottom(1), "b");
  EXPECT_EQ(ToString(layer.place), "net.prototxt:2:1");
  ASSERT_EQ(layer.params.size(), 1u);
  EXPECT_EQ(layer.params[0].field, "relu_param");
  EXPECT_EQ(layer.params[0].number, 123);
  EXPECT_EQ(Params(layer), "layer {\n  relu_param {\n    negative_slope: 0.5\n  }\n}\n");
}

TEST(NetSchema, KnowsThePlaceOfEveryFieldOrOfItsNearestParent) {
  const NetDescription net = Parse(R"(layer {
  bottom: "a" bottom: "b"
  convolution_param { kernel_size: [3,
    5] weight_filler { type: "msra" } }
  param { lr_mult: 1 } param { lr_mult: 2 }
})");
  const LayerDescription& layer = net.layers[0];
  auto place = [&](std::string_view path) { return ToString(layer.PlaceOf(path)); };
  EXPECT_EQ(place("bottom"), "net.prototxt:2:3");
  EXPECT_EQ(place("bottom[0]"), "net.prototxt:2:3");
  EXPECT_EQ(place("bottom[1]"), "net.prototxt:2:15");
  EXPECT_EQ(place("convolution_param"), "net.prototxt:3:3");
  EXPECT_EQ(place("convolution_param.kernel_size[0]"), "net.prototxt:3:37");
  EXPECT_EQ(place("convolution_param.kernel_size[1]"), "net.prototxt:4:5");
  EXPECT_EQ(place("convolution_param.weight_filler.type"), "net.prototxt:4:24");
  EXPECT_EQ(place("param[1].lr_mult"), "net.prototxt:5:32");
  // what the file does not say:
  EXPECT_EQ(place("convolution_param.stride[1]"), "net.prototxt:3:3");
  EXPECT_EQ(place("bottom[7]"), "net.prototxt:2:3");
  EXPECT_EQ(place("relu_param.negative_slope"), "net.prototxt:1:1");
  EXPECT_EQ(place(""), "net.prototxt:1:1");
}

TEST(NetSchema, ReadsEveryWayToWriteIt) {
  const NetDescription net = Parse(R"(# a comment
name: 'two ' "words"; force_backward: True,
layer: <
  name: "\x61\142\n";
  loss_weight: [1, 2.5, -3e-1, 16] # and one behind
  loss_weight: 4f propagate_down: [true, 0, t]
  include { phase: TEST } include { phase: 0 min_level: -2 }
>
state { phase: TRAIN level: 0x10 stage: "a" stage: "b" } requires_plugin: "snake")");
  EXPECT_EQ(net.name, "two words");
  EXPECT_TRUE(net.force_backward);
  EXPECT_EQ(net.state.level(), 16);
  EXPECT_EQ(net.state.phase(), TRAIN);
  EXPECT_EQ(net.state.stage_size(), 2);
  EXPECT_EQ(net.requires_plugins, std::vector<std::string>{"snake"});
  const LayerParameter& layer = net.layers.at(0).common;
  EXPECT_EQ(layer.name(), "ab\n");
  const std::vector<float> weights(layer.loss_weight().begin(), layer.loss_weight().end());
  EXPECT_EQ(weights, (std::vector<float>{1, 2.5, -0.3f, 16, 4}));
  EXPECT_EQ(layer.propagate_down_size(), 3);
  EXPECT_FALSE(layer.propagate_down(1));
  EXPECT_EQ(layer.include(0).phase(), TEST);
  EXPECT_EQ(layer.include(1).min_level(), -2);
}

TEST(NetSchema, ReadsWhatIsNotFinite) {
  const NetDescription net = Parse("layer { loss_weight: [inf, -inf, nan, 1e-60] }");
  EXPECT_EQ(net.layers[0].common.loss_weight(0), std::numeric_limits<float>::infinity());
  EXPECT_EQ(net.layers[0].common.loss_weight(1), -std::numeric_limits<float>::infinity());
  EXPECT_NE(net.layers[0].common.loss_weight(2), net.layers[0].common.loss_weight(2));
  EXPECT_EQ(net.layers[0].common.loss_weight(3), 0);
}

TEST(NetSchema, KeepsTheFilesOrderOfParameters) {
  const LayerDescription layer = BuiltinSchema().ParseLayer("relu_param { } dropout_param { }");
  ASSERT_EQ(layer.params.size(), 2u);
  EXPECT_EQ(layer.params[0].field, "relu_param");  // 123, before 108
  EXPECT_EQ(layer.params[1].field, "dropout_param");
  EXPECT_EQ(layer.params[1].bytes, "");
}

TEST(NetSchema, ParsesOneLayerWithItsPlaces) {
  const LayerDescription layer =
      BuiltinSchema().ParseLayer("type: 'ReLU'\nrelu_param { negative_slope: 2 }", "a.prototxt");
  EXPECT_EQ(layer.common.type(), "ReLU");
  EXPECT_EQ(ToString(layer.PlaceOf("relu_param.negative_slope")), "a.prototxt:2:14");
}

TEST(NetSchema, SkipsAByteOrderMarkAndReadsLineEndsOfEveryKind) {
  EXPECT_EQ(Parse("\xEF\xBB\xBFname: 'a'\r\nlayer { }\r\n").layers[0].place.line, 2);
}

TEST(NetSchema, AnEmptyFileIsANetWithoutLayers) {
  EXPECT_TRUE(Parse("").layers.empty());
  EXPECT_TRUE(Parse("# nothing\n").layers.empty());
}

TEST(NetSchema, TurnsInputsOfTheOldKindIntoALayer) {
  const NetDescription net = Parse(R"(input: "data" input: "label"
input_shape { dim: 10 dim: 3 }
input_shape { dim: 10 }
layer { name: "a" })");
  ASSERT_EQ(net.layers.size(), 2u);
  const LayerDescription& input = net.layers[0];
  EXPECT_EQ(input.common.type(), "Input");
  EXPECT_EQ(input.common.top(1), "label");
  EXPECT_EQ(input.params.at(0).number, 143);
  EXPECT_EQ(Params(input), R"(layer {
  input_param {
    shape {
      dim: 10
      dim: 3
    }
    shape {
      dim: 10
    }
  }
}
)");
  EXPECT_EQ(ToString(input.PlaceOf("top[1]")), "net.prototxt:1:15");
  EXPECT_EQ(ToString(input.PlaceOf("input_param.shape[1]")), "net.prototxt:3:1");
}

TEST(NetSchema, FourInputDimsAreAShape) {
  const NetDescription net =
      Parse("input: 'data' input_dim: 1 input_dim: 3 input_dim: 28 input_dim: 29");
  EXPECT_EQ(Params(net.layers.at(0)), R"(layer {
  input_param {
    shape {
      dim: 1
      dim: 3
      dim: 28
      dim: 29
    }
  }
}
)");
}

TEST(NetSchema, TellsOnceWhatHasNoEffect) {
  const NetDescription net = Parse(R"(debug_info: true
layer { name: "c1" type: "Convolution" convolution_param { engine: CUDNN } }
layer { name: "c2" type: "Convolution" convolution_param { engine: CUDNN } }
layer { name: "r" type: "ReLU" relu_param { engine: CAFFE } }
layer { name: "d" type: "ReLU" relu_param { engine: DEFAULT } }
layer { type: "Convolution" convolution_param { force_nd_im2col: true } }
layer { name: "e" type: "Convolution" convolution_param { engine: EXACT } })");
  EXPECT_EQ(net.notices,
            (std::vector<std::string>{
                "net.prototxt:1:1: debug_info has no effect",
                "net.prototxt:2:60: engine: CUDNN has no effect: there is one engine (it stands in "
                "2 layers)",
                "net.prototxt:4:45: engine: CAFFE has no effect: there is one engine",
                "net.prototxt:6:49: force_nd_im2col: true has no effect: there is one engine"}));
}

TEST(NetSchema, TellsOfAParameterThatTheLayersTypeDoesNotUse) {
  const NetDescription net = Parse(
      "layer { name: 'r' type: 'ReLU'\n relu_param { } convolution_param { } }\n"
      "layer { name: 'x' type: 'Stranger' relu_param { } }");
  EXPECT_EQ(net.notices,
            std::vector<std::string>{"net.prototxt:2:17: layer \"r\" (ReLU) does not use "
                                     "convolution_param: it has no effect"});
}

TEST(NetSchema, LeavesOutBlobsAndSaysSo) {
  const NetDescription net = Parse("layer { name: 'a' blobs { data: 1 } }");
  EXPECT_EQ(net.layers[0].common.blobs_size(), 0);
  EXPECT_EQ(net.notices.at(0),
            "net.prototxt:1:19: blobs in a text file are not read; use --weights");
}

TEST(NetSchema, OfAnEmptyRegistryStillReadsWhatEveryLayerHas) {
  const NetSchema schema{Registry()};
  EXPECT_EQ(schema.ParseNet("layer { name: 'a' bottom: 'b' }").layers[0].common.bottom(0), "b");
}

}  // namespace
}  // namespace moka
