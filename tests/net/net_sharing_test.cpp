// What nets and layers share: params by name, weights, memory.
#include <gtest/gtest.h>

#include <cmath>

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

TEST(Net, SharesParamsByName) {
  const std::string shared = "param { name: 'w' } param { name: 'b' }";
  const auto ip = [&](const std::string& name, const std::string& bottom, const std::string& more) {
    return "layer { name: '" + name + "' type: 'InnerProduct' bottom: '" + bottom + "' top: '" +
           name + "' inner_product_param { num_output: 6 weight_filler { type: 'xavier' } } " +
           more + " }\n";
  };
  const std::string in =
      "layer { name: 'in' type: 'Input' top: 'x' top: 't' input_param { shape { dim: 2 dim: 6 } } "
      "}\n";
  const std::string loss =
      "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'two' bottom: 't' top: 'loss' }\n";
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(in + ip("one", "x", shared) + ip("two", "one", shared) + loss), Layers(), context,
          {.phase = TRAIN});
  EXPECT_EQ(net.learned().size(), 2u);
  EXPECT_EQ(net.learned()[0].param->name(), "w");

  // The gradient of a shared param is the sum of what the two uses give apart.
  Net apart(Parse(in + ip("one", "x", "") + ip("two", "one", "") + loss), Layers(), context,
            {.phase = TRAIN});
  for (const int k : {0, 2}) {
    const auto from = net.learned()[0].param->values().values();
    std::copy(from.begin(), from.end(),
              apart.learned()[static_cast<size_t>(k)].param->Change().data());
  }
  for (Net* n : {&net, &apart}) {
    for (int64_t i = 0; i < 12; ++i) n->input("x").data()[i] = std::cos(static_cast<float>(i));
    n->Forward();
    n->Backward();
  }
  for (int64_t i = 0; i < 36; ++i) {
    EXPECT_NEAR(net.learned()[0].diff->data()[i],
                apart.learned()[0].diff->data()[i] + apart.learned()[2].diff->data()[i], 1e-5);
  }

  EXPECT_NE(BuildError(in + ip("one", "x", "param { name: 'w' lr_mult: 1 }") +
                       ip("two", "one", "param { name: 'w' lr_mult: 2 }"))
                .find("has lr_mult 2 for a param that layer \"one\" shares with lr_mult 1"),
            std::string::npos);
  EXPECT_NE(BuildError(in + ip("one", "x", "param { name: 'w' }") +
                       "layer { name: 'two' type: 'InnerProduct' bottom: 'one' top: 'two' "
                       "inner_product_param { num_output: 4 } "
                       "param { name: 'w' } }")
                .find("shares \"w\" with layer \"one\", where it is 6x6; here it is 4x6"),
            std::string::npos);
}

TEST(Net, SharesWeightsAndMemoryWithAnother) {
  Context context({.threads = 2, .seed = 3});
  auto weights = std::make_shared<Weights>();
  auto workspace = MakeWorkspace();
  Net train(Parse(kSmall), Layers(), context,
            {.phase = TRAIN, .weights = weights, .workspace = workspace});
  Net test(Parse(kSmall), Layers(), context,
           {.phase = TEST, .weights = weights, .workspace = workspace, .backward = false});
  EXPECT_EQ(train.learned()[0].param, test.learned()[0].param);
  FillInputs(train);
  FillInputs(test);
  const double loss = train.Forward();
  EXPECT_EQ(test.Forward(), loss);
  EXPECT_EQ(ErrorOf([&] { train.Backward(); }),
            "another net on the same workspace ran since this net's Forward; Backward needs what "
            "that left");
  EXPECT_EQ(ErrorOf([&] { test.Backward(); }), "net \"small\" was made without backward");
}

TEST(Net, RefusesBackwardWhenItsWorkspaceWasMadeAnew) {
  Context context({.threads = 1, .seed = 3});
  auto workspace = MakeWorkspace();
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN, .workspace = workspace});
  FillInputs(net);
  const double loss = net.Forward();
  Net larger(
      Parse(
          "layer { name: 'd' type: 'DummyData' top: 'x' dummy_data_param { shape { dim: 50000 } } }"
          "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' }"),
      Layers(), context, {.workspace = workspace});
  EXPECT_NE(ErrorOf([&] { net.Backward(); }).find("another net on the same workspace"),
            std::string::npos);
  EXPECT_EQ(net.Forward(), loss);
  net.Backward();
}

}  // namespace
}  // namespace moka
