// What a net refuses to its caller, and to layers that ask for what was not planned.
#include <gtest/gtest.h>

#include "moka/layer.h"
#include "moka/net.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::BuildError;
using testing::ErrorOf;
using testing::Layers;
using testing::Parse;

const char* const kSmall =
    "name: 'small'\n"
    "layer { name: 'in' type: 'Input' top: 'x' top: 'label' "
    "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }\n"
    "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'ip' "
    "inner_product_param { num_output: 3 } }\n"
    "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'ip' bottom: 'label' top: 'loss' }\n";

TEST(Net, SuggestsTheNearestInput) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kSmall), Layers(), context);
  EXPECT_EQ(ErrorOf([&] { net.input("lable"); }),
            "net \"small\" has no input \"lable\"; did you mean \"label\"?");
  EXPECT_EQ(ErrorOf([&] { net.ReshapeInput("ip", {1}); }), "net \"small\" has no input \"ip\"");
}

TEST(Net, HasNoDiffOfABlobThatNeedsNone) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  EXPECT_EQ(ErrorOf([&] { net.diff("x"); }),
            "blob \"x\" has no diff: no gradient is needed for it (force_backward asks for all)");
}

TEST(Net, FindsTheGradientOfABottomThatIsNotFinite) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse("force_backward: true\n"
                "layer { name: 'in' type: 'Input' top: 'x' top: 't' "
                "input_param { shape { dim: 1 dim: 1 } } }\n"
                "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' inner_product_param "
                "{ num_output: 1 weight_filler { value: 1e30 } } }\n"
                "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' }\n"),
          Layers(), context, {.phase = TRAIN});
  net.input("x").Fill(1e-20f);  // y = 1e10, dx = 1e30 y
  EXPECT_EQ(net.FindNonFinite(true),
            "layer \"ip\" (InnerProduct), gradient of bottom \"x\": 1 of 1 values are not finite");
}

// Caffe trains on with them until every weight is NaN.
TEST(Net, RefusesFactorsThatAreNotFinite) {
  const auto refusal = [](const std::string& fields) {
    return BuildError(
        "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 } } }\n"
        "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y'\n" +
        fields + "\ninner_product_param { num_output: 1 axis: 0 } }\n");
  };
  EXPECT_EQ(
      refusal("loss_weight: nan"),
      "net.prototxt:3:1: layer \"ip\" (InnerProduct): loss_weight is nan; it must be a finite "
      "number");
  EXPECT_EQ(refusal("param { lr_mult: 1 } param { lr_mult: inf }"),
            "net.prototxt:3:30: layer \"ip\" (InnerProduct): lr_mult is inf; it must be a finite "
            "number");
  EXPECT_EQ(
      refusal("param { decay_mult: -inf }"),
      "net.prototxt:3:9: layer \"ip\" (InnerProduct): decay_mult is -inf; it must be a finite "
      "number");
  EXPECT_EQ(refusal("param { lr_mult: -1 }"), "");
}

class RunsItAgain final : public NetObserver {
 public:
  explicit RunsItAgain(Net& net) : net_(net) {}
  void BeforeForward(const Net&, int) override { net_.Forward(); }

 private:
  Net& net_;
};

TEST(Net, RefusesAPassWithinAPass) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kSmall), Layers(), context);
  RunsItAgain observer(net);
  net.AddObserver(&observer);
  EXPECT_EQ(ErrorOf([&] { net.Forward(); }),
            "another pass runs on this net's workspace; one at a time");
  net.RemoveObserver(&observer);
  EXPECT_EQ(ErrorOf([&] { net.Forward(); }), "");
}

// Its top, planned for all rows, comes to one row.
class FirstRow final : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits().NoBackward(); }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass& pass) override { pass.SetTopShape(0, {1, 1}); }
};

// Asks for more memory the fewer rows there are.
class MoreForLess final : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits().NoBackward(); }
  void Reshape(Shapes bottom, Plan& plan) override {
    plan.top(0) = bottom[0];
    plan.Scratch<float>(100 - bottom[0].count());
  }
  void Forward(ForwardPass&) override {}
};

// Asks for a buffer for each row.
class BufferForEachRow final : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits().NoBackward(); }
  void Reshape(Shapes bottom, Plan& plan) override {
    plan.top(0) = bottom[0];
    for (int64_t row = 0; row < bottom[0][0]; ++row) plan.Scratch<float>(1);
  }
  void Forward(ForwardPass&) override {}
};

std::string ErrorAfterFirstRow(const std::string& type) {
  Registry registry = BuiltinLayers();
  registry.SetOrigin("the test");
  registry.Add<FirstRow>("FirstRow");
  registry.Add<MoreForLess>("MoreForLess");
  registry.Add<BufferForEachRow>("BufferForEachRow");
  const NetSchema schema(registry);
  Context context({.threads = 1, .seed = 1});
  Net net(schema.ParseNet("layer { name: 'in' type: 'Input' top: 'x' "
                          "input_param { shape { dim: 4 dim: 1 } } }\n"
                          "layer { name: 'first' type: 'FirstRow' bottom: 'x' top: 'y' }\n"
                          "layer { name: 'greedy' type: '" +
                              type + "' bottom: 'y' top: 'z' }\n",
                          "net.prototxt"),
          registry, context);
  return ErrorOf([&] { net.Forward(); });
}

TEST(Net, RefusesMoreMemoryForASmallerInput) {
  EXPECT_EQ(ErrorAfterFirstRow("MoreForLess"),
            "net.prototxt:3:1: layer \"greedy\" (MoreForLess, plugin the test): asks for more "
            "memory for a smaller "
            "input: 396 bytes in buffer 0, planned were 384");
  EXPECT_EQ(ErrorAfterFirstRow("BufferForEachRow"),
            "net.prototxt:3:1: layer \"greedy\" (BufferForEachRow, plugin the test): asks for 1 "
            "buffers after its "
            "input changed, for 4 before");
}

}  // namespace
}  // namespace moka
