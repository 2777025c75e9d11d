// What a net has once it is built, and what it refuses to be built from.
#include <gtest/gtest.h>

#include "moka/net.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::BuildError;
using testing::ErrorOf;
using testing::FillInputs;
using testing::kSmall;
using testing::Layers;
using testing::Parse;

TEST(Net, ListsLearnedParamsInFileOrder) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  ASSERT_EQ(net.learned().size(), 4u);
  EXPECT_EQ(net.learned()[0].param->name(), "ip1.weight");
  EXPECT_EQ(net.learned()[3].param->name(), "ip2.bias");
  EXPECT_EQ(net.learned()[3].param->shape(), (Shape{3}));
}

TEST(Net, KeepsInputsAndOutputsReadableAndSaysHowToKeepTheRest) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  FillInputs(net);
  net.Forward();
  EXPECT_EQ(net.outputs().size(), 1u);
  EXPECT_EQ(net.outputs()[0].name, "loss");
  EXPECT_EQ(net.blob("x").shape(), (Shape{4, 6}));
  EXPECT_EQ(ErrorOf([&] { net.blob("ip1"); }),
            "the memory of blob \"ip1\" is used for others too; name it in NetOptions::keep to "
            "read it after a pass");
  EXPECT_EQ(ErrorOf([&] { net.blob("ipp1"); }),
            "there is no blob \"ipp1\" in net \"small\"; did you mean \"ip1\"?");

  Net keeping(Parse(kSmall), Layers(), context, {.phase = TRAIN, .keep = {"ip1"}});
  EXPECT_EQ(keeping.blob("ip1").shape(), (Shape{4, 5}));
}

TEST(Net, ListsItsOutputsByName) {
  Context context({.threads = 1, .seed = 3});
  const Net net(Parse("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 4 } } }"
                      "layer { name: 'l' type: 'Split' bottom: 'x' top: 'loss' top: 'c' }"
                      "layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'accuracy' }"),
                Layers(), context);
  ASSERT_EQ(net.outputs().size(), 3u);
  EXPECT_EQ(net.outputs()[0].name, "accuracy");
  EXPECT_EQ(net.outputs()[1].name, "c");
  EXPECT_EQ(net.outputs()[2].name, "loss");
}

TEST(Net, SuggestsTheNearestBlobToKeep) {
  NetOptions options;
  options.keep = {"ip11"};
  EXPECT_EQ(BuildError(kSmall, options),
            "there is no blob \"ip11\" in net \"small\"; did you mean \"ip1\"?");
}

TEST(Net, CanBePlannedWithoutMemory) {
  Context context({.threads = 1, .seed = 3});
  NetOptions options;
  options.phase = TRAIN;
  options.plan_only = true;
  Net net(Parse(kSmall), Layers(), context, options);
  EXPECT_GT(net.memory_plan().bytes, 0);
  EXPECT_EQ(net.layer(1).top_shapes[0], (Shape{4, 5}));
  EXPECT_EQ(ErrorOf([&] { net.Forward(); }),
            "net \"small\" was made to be planned only (NetOptions::plan_only)");
}

TEST(Net, RefusesToBeEmpty) {
  EXPECT_EQ(BuildError("name: 'void'"), "net.prototxt: net \"void\" has no layers for phase TEST");
  EXPECT_EQ(BuildError("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 } } "
                       "include { phase: TRAIN } }"),
            "net.prototxt: net \"\" has no layers for phase TEST");
}

TEST(Net, RefusesMoreParamEntriesThanParams) {
  EXPECT_NE(
      BuildError("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 } } }"
                 "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' param { lr_mult: 1 } }")
          .find("has 1 param { } entries, but 0 params"),
      std::string::npos);
}

}  // namespace
}  // namespace moka
