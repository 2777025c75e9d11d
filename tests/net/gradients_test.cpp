#include "net/gradients.h"

#include <gtest/gtest.h>

#include "net/net_text.h"

namespace moka {
namespace {

using testing::BuildError;
using testing::Layers;
using testing::Parse;

const char* const kData =
    "layer { name: 'in' type: 'Input' top: 'x' top: 'label' "
    "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }\n";

std::string Ip(const std::string& name, const std::string& bottom, const std::string& more = "") {
  return "layer { name: '" + name + "' type: 'InnerProduct' bottom: '" + bottom + "' top: '" +
         name + "' inner_product_param { num_output: 3 weight_filler { type: 'xavier' } } " + more +
         " }\n";
}
std::string Loss(const std::string& bottom, const std::string& more = "") {
  return "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: '" + bottom +
         "' bottom: 'label' top: 'loss' " + more + " }\n";
}

// The names of the layers whose Backward runs.
std::string Backward(const std::string& text) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(text), Layers(), context, {.phase = TRAIN});
  std::string names;
  for (int i = 0; i < net.layer_count(); ++i) {
    if (net.layer(i).runs_backward) names += net.layer(i).name + " ";
  }
  return names;
}

TEST(Gradients, StopAtTheFirstLearnedLayer) {
  EXPECT_EQ(Backward(std::string(kData) + "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'r' }" +
                     Ip("ip", "r") + Loss("ip")),
            "ip loss ");
}

TEST(Gradients, AreNotComputedForLayersThatLeadToNoLoss) {
  EXPECT_EQ(
      Backward(std::string(kData) + Ip("ip", "x") + Ip("side", "ip") + Loss("ip") +
               "layer { name: 'acc' type: 'Accuracy' bottom: 'ip' bottom: 'label' top: 'acc' }"),
      "ip loss ");
}

TEST(Gradients, AreNotComputedForFrozenParams) {
  const std::string frozen = "param { lr_mult: 0 } param { lr_mult: 0 }";
  EXPECT_EQ(Backward(std::string(kData) + Ip("ip1", "x", frozen) + Ip("ip2", "ip1") + Loss("ip2")),
            "ip2 loss ");
}

TEST(Gradients, StopWherePropagateDownIsFalse) {
  EXPECT_EQ(Backward(std::string(kData) + Ip("ip1", "x") +
                     Ip("ip2", "ip1", "propagate_down: false") + Loss("ip2")),
            "ip2 loss ");
}

TEST(Gradients, ReachTheInputsWhenForced) {
  EXPECT_EQ(Backward(std::string("force_backward: true ") + kData +
                     "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'r' }" + Ip("ip", "r") +
                     Loss("ip")),
            "r ip loss ");
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(std::string("force_backward: true ") + kData + Ip("ip", "x") + Loss("ip")),
          Layers(), context, {.phase = TRAIN});
  net.input("x").Fill(1);
  net.Forward();
  net.Backward();
  EXPECT_EQ(net.diff("x").shape(), (Shape{2, 3}));
}

TEST(Gradients, RefuseToPassThroughLabels) {
  const std::string guess =
      "layer { name: 'g' type: 'InnerProduct' bottom: 'x' top: 'g' inner_product_param { "
      "num_output: 1 } }\n";
  const std::string loss =
      "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'x' bottom: 'g' top: 'loss' ";
  EXPECT_EQ(BuildError(kData + guess + loss + "}", {.phase = TRAIN}),
            "net.prototxt:3:58: layer \"loss\" (SoftmaxWithLoss): blob \"g\" depends on learned "
            "params, but "
            "SoftmaxWithLoss has no gradient for it; say propagate_down: false for it (and true "
            "for the others) to "
            "train without");
  EXPECT_EQ(BuildError(kData + guess + loss + "propagate_down: false propagate_down: false }",
                       {.phase = TRAIN}),
            "");
}

TEST(Gradients, RefuseToBeAskedForWhereThereAreNone) {
  EXPECT_EQ(
      BuildError(kData + Loss("x", "propagate_down: true propagate_down: true"), {.phase = TRAIN}),
      "net.prototxt:2:107: layer \"loss\" (SoftmaxWithLoss): SoftmaxWithLoss has no gradient "
      "for \"label\"");
}

TEST(Gradients, RefuseALossWeightOnALayerWithoutThem) {
  EXPECT_NE(BuildError(std::string(kData) + Ip("ip", "x") +
                       "layer { name: 'acc' type: 'Accuracy' bottom: 'ip' bottom: 'label' top: "
                       "'acc' loss_weight: 1 }")
                .find("cannot be a loss: Accuracy has no gradient"),
            std::string::npos);
}

TEST(Gradients, OfAValueWithSeveralReadersAreSummed) {
  // f = sum(3x) + sum(x): each gradient is 4.
  const std::string text =
      "force_backward: true layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 3 "
      "} } }"
      "layer { name: 'a' type: 'Eltwise' bottom: 'x' bottom: 'x' top: 'a' eltwise_param { coeff: 1 "
      "coeff: 2 } loss_weight: 1 }"
      "layer { name: 'b' type: 'ReLU' bottom: 'x' top: 'b' loss_weight: 1 }";
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(text), Layers(), context, {.phase = TRAIN});
  net.input("x").Fill(1);
  EXPECT_EQ(net.Forward(), 12);
  net.Backward();
  for (const float dx : net.diff("x").values()) EXPECT_EQ(dx, 4);
}

TEST(Gradients, OfALossThatIsAlsoReadAreSummed) {
  // y = x (weight 2), z = 5 y (weight 1): df/dx = 2 + 5.
  const std::string text =
      "force_backward: true layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 "
      "} } }"
      "layer { name: 'y' type: 'ReLU' bottom: 'x' top: 'y' loss_weight: 2 }"
      "layer { name: 'z' type: 'Eltwise' bottom: 'y' bottom: 'y' top: 'z' eltwise_param { coeff: 2 "
      "coeff: 3 } loss_weight: 1 }";
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(text), Layers(), context, {.phase = TRAIN});
  net.input("x").Fill(1);
  EXPECT_EQ(net.Forward(), 14);
  net.Backward();
  for (const float dx : net.diff("x").values()) EXPECT_EQ(dx, 7);
}

}  // namespace
}  // namespace moka
