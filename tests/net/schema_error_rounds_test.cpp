// Errors of syntax and of meaning in one round: what is wrong with the layers that could be read is
// told beside what could not be read.
#include <gtest/gtest.h>

#include "moka/schema.h"

namespace moka {
namespace {

std::string Errors(std::string_view text) {
  static const NetSchema schema(BuiltinLayers());
  try {
    schema.ParseNet(text, "net");
  } catch (const ErrorList& list) {
    return list.what();
  }
  return "";
}

TEST(ErrorsInOneRound, ATypoAndAllThatIsWrongInMeaning) {
  EXPECT_EQ(Errors(R"(layer { name: "x" type: "Input" top: "pixels" input_param { shape { } } }
layer { name: "a" type: "ReLU" bottom: "pixel" top: "a" }
layer { name: "b" tipe: "ReLU" bottom: "pixels" top: "b" }
layer { name: "c" type: "Relu" bottom: "b" top: "c" }
layer { name: "d" type: "Eltwise" top: "d" }
layer { name: "e" type: "Convolution" bottom: "b" top: "e" convolution_param { num_output: 1 } }
)"),
            R"(net:2:32: layer "a" (ReLU): unknown bottom blob "pixel"; did you mean "pixels"?
net:3:19: unknown field "tipe" in layer; did you mean "type"?
net:4:19: layer "c" (Relu): unknown type "Relu"; did you mean "ReLU"?
net:5:1: layer "d" (Eltwise): needs at least 2 bottoms, has 0
net:6:60: layer "e" (Convolution): kernel_size is missing (or kernel_h and kernel_w))");
}

TEST(ErrorsInOneRound, WhatACouldNotBeReadLayerWritesIsNoUnknownBlob) {
  EXPECT_EQ(
      Errors(
          R"(layer { name: "a" type: "DummyData" dummy_data_param { shapes: 1 } top: "a" top: "b" }
layer { name: "relu" type: "ReLU" bottom: "a" top: "c" }
layer { name: "tanh" type: "TanH" bottom: "b" top: "d" }
)"),
      "net:1:56: unknown field \"shapes\" in dummy_data_param; did you mean \"shape\"?");
  EXPECT_EQ(Errors(R"(layer { name: "a" type: "Input" topp: "x" }
layer { name: "relu" type: "ReLU" bottom: "x" top: "y" }
)"),
            "net:1:33: unknown field \"topp\" in layer; did you mean \"top\"?");
  EXPECT_EQ(Errors(R"(layer { name: "a" type: "Input" top: x }
layer { name: "relu" type: "ReLU" bottom: "x" top: "y" }
)"),
            "net:1:38: top takes text in quotes, not \"x\"");
  EXPECT_EQ(Errors("layer { name: 'a' type: 'Input' top: 'x\n}\n"
                   "layer { name: 'relu' type: 'ReLU' bottom: 'x' top: 'y' }\n"),
            "net:1:40: a text that is not closed with its quote on this line");
}

TEST(ErrorsInOneRound, ALayerThatIsLeftOutDoesNotMoveThePlacesOfTheOthers) {
  EXPECT_EQ(Errors(R"(layer { top: "a" type: "Input" nam: "x" }
layer { type: "Split" name: "b" bottom: "a" top: "b" }
layer { nam: "x" }
layer { name: "c"
  type: "Inputt" }
)"),
            R"(net:1:32: unknown field "nam" in layer; did you mean "name"?
net:3:9: unknown field "nam" in layer; did you mean "name"?
net:5:3: layer "c" (Inputt): unknown type "Inputt"; did you mean "Input"?)");
}

TEST(ErrorsInOneRound, ALayerWithoutATypeHasALabelWithoutOne) {
  EXPECT_EQ(Errors("layer { name: 'a' }\nnam: 'n'"),
            "net:1:1: layer \"a\": has no type\n"
            "net:2:1: unknown field \"nam\" in the net; did you mean \"name\"?");
}

TEST(ErrorsInOneRound, BlobsOfAnyPhaseAreKnown) {
  EXPECT_EQ(
      Errors(
          R"(layer { name: "a" type: "Input" top: "x" input_param { shape { } } include { phase: TEST } }
layer { name: "b" type: "ReLU" bottom: "x" top: "x" include { phase: TRAIN } exclude { } }
nam: "n"
)"),
      R"(net:2:78: layer "b" (ReLU): has both include and exclude rules; one kind is enough
net:3:1: unknown field "nam" in the net; did you mean "name"?)");
}

TEST(ErrorsInOneRound, ALossNeedsNoTopAndItsNameIsABlob) {
  EXPECT_EQ(Errors(R"(nam: "n"
layer { name: "x" type: "Input" top: "x" top: "label" input_param { shape { } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" }
layer { name: "silent" type: "ReLU" bottom: "loss" top: "y" }
)"),
            "net:1:1: unknown field \"nam\" in the net; did you mean \"name\"?");
}

TEST(ErrorsInOneRound, OldInputsThatCouldNotBeReadAreNotCounted) {
  EXPECT_EQ(Errors("input: 'x'\ninput_dim: [1, 2, 3, four]\n"
                   "layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'a' }"),
            "net:2:22: input_dim takes a whole number, not \"four\"");
  EXPECT_EQ(Errors("input: 'x'\nnam: 'n'\n"
                   "layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'a' }"),
            "net:1:1: an input needs its input_shape\n"
            "net:2:1: unknown field \"nam\" in the net; did you mean \"name\"?");
}

}  // namespace
}  // namespace moka
