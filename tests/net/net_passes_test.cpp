// What Forward and Backward of a net compute, and what an error in a pass says and leaves behind.
#include <gtest/gtest.h>

#include <cmath>

#include "moka/net.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::FillInputs;
using testing::kSmall;
using testing::Layers;
using testing::Parse;

TEST(Net, StartsNearTheLossOfGuessing) {
  Context context({.threads = 2, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  net.input("label").Fill(1);
  EXPECT_NEAR(net.Forward(), std::log(3.0), 1e-6);  // x is 0: all classes are alike
}

TEST(Net, LearnsWhenWalkingDownItsGradients) {
  Context context({.threads = 2, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  FillInputs(net);
  const double before = net.Forward();
  for (int step = 0; step < 300; ++step) {
    net.Forward();
    net.Backward();
    for (const Learned& learned : net.learned()) {
      Tensor& w = learned.param->Change();
      for (int64_t i = 0; i < w.count(); ++i) w.data()[i] -= 0.5f * learned.diff->data()[i];
    }
  }
  EXPECT_LT(net.Forward(), before / 4);
}

TEST(Net, AddsGradientsWhenAsked) {
  Context context({.threads = 2, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  FillInputs(net);
  net.Forward();
  net.Backward();
  const Tensor once = net.learned()[0].diff->Clone();
  net.Forward();
  net.Backward(true);
  for (int64_t i = 0; i < once.count(); ++i)
    EXPECT_FLOAT_EQ(net.learned()[0].diff->data()[i], 2 * once.data()[i]);
}

TEST(Net, GivesTheSameBitsForAnyNumberOfThreads) {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    Context context({.threads = threads, .seed = 3});
    Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
    FillInputs(net);
    std::vector<float> all = {static_cast<float>(net.Forward())};
    net.Backward();
    for (const Learned& l : net.learned())
      all.insert(all.end(), l.diff->values().begin(), l.diff->values().end());
    results.push_back(all);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Net, CountsItsForwardPasses) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse("layer { name: 'd' type: 'DummyData' top: 'x' dummy_data_param { data_filler { "
                "type: 'gaussian' } shape { dim: 4 } } }"),
          Layers(), context);
  net.Forward();
  const Tensor first = net.blob("x").Clone();
  net.Forward();
  EXPECT_EQ(net.counter(), 2u);
  EXPECT_NE(net.blob("x").data()[0], first.data()[0]);
  net.set_counter(0);
  net.Forward();
  EXPECT_EQ(net.blob("x").data()[0], first.data()[0]);
}

TEST(Net, CallsObserversAroundEachLayer) {
  class Log final : public NetObserver {
   public:
    void BeforeForward(const Net&, int i) override { text += "f" + std::to_string(i); }
    void AfterBackward(const Net&, int i) override { text += "b" + std::to_string(i); }
    std::string text;
  };
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  Log log;
  net.AddObserver(&log);
  net.Forward();
  net.Backward();
  EXPECT_EQ(log.text, "f0f1f2f3f4b4b3b2b1");
}

TEST(Net, NamesLayerAndPlaceOfAnErrorInAPass) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  net.input("label").Fill(7);
  const std::string error = ErrorOf([&] { net.Forward(); });
  EXPECT_EQ(error.find("net.prototxt:6:1: layer \"loss\" (SoftmaxWithLoss): label 7 of sample 0"),
            0u)
      << error;
}

// Throws what no layer should.
class Rude final : public Layer {
 public:
  explicit Rude(const LayerSpec& spec) : Layer(spec) {}
  void Reshape(Shapes bottom, Plan& plan) override {
    if (bottom[0][0] == 1) throw Error("one row is too few");
    plan.top(0) = bottom[0];
  }
  void Forward(ForwardPass& pass) override {
    if (pass.bottom(0).data()[0] == 3) throw 3;
    std::copy_n(pass.bottom(0).data(), pass.bottom(0).count(), pass.top(0).data());
  }
};

TEST(Net, NamesTheLayerWhateverItThrows) {
  Registry registry = BuiltinLayers();
  registry.SetOrigin("the test");
  registry.Add<Rude>("Rude");
  const NetSchema schema(registry);
  Context context({.threads = 1, .seed = 3});
  Net net(
      schema.ParseNet("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 } } }"
                      "layer { name: 'rude' type: 'Rude' bottom: 'x' top: 'y' }",
                      "n.prototxt"),
      registry, context);
  net.input("x").Fill(3);
  EXPECT_EQ(ErrorOf([&] { net.Forward(); }),
            "n.prototxt:1:77: layer \"rude\" (Rude, plugin the test): threw something that is no "
            "std::exception");
  net.input("x").Fill(1);
  net.Forward();
  // A refused shape is refused again, and leaves the old one in force.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ErrorOf([&] { net.ReshapeInput("x", {1}); }),
              "n.prototxt:1:77: layer \"rude\" (Rude, plugin the test): one row is too few");
  }
  net.Forward();
  EXPECT_EQ(net.blob("y").shape(), (Shape{2}));
}

TEST(Net, FindsTheFirstNumberThatIsNotFinite) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  FillInputs(net);
  net.Forward();
  EXPECT_EQ(net.FindNonFinite(true), "");
  net.input("x").data()[0] = std::nanf("");
  net.Forward();
  EXPECT_EQ(net.FindNonFinite(true),
            "layer \"in\" (Input), top \"x\": 1 of 24 values are not finite");
  FillInputs(net);
  net.learned()[2].param->Change().data()[0] = INFINITY;
  EXPECT_EQ(net.FindNonFinite(true),
            "layer \"ip2\" (InnerProduct), param \"ip2.weight\": 1 of 15 values are not finite");
}

TEST(Net, TakesNoBackwardAfterAPassThatDidNotEnd) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  FillInputs(net);
  net.Forward();
  net.input("label").Fill(7);
  EXPECT_NE(ErrorOf([&] { net.Forward(); }), "");
  EXPECT_EQ(ErrorOf([&] { net.Backward(); }), "Backward needs a Forward before it");
  FillInputs(net);
  net.Forward();
  EXPECT_EQ(net.FindNonFinite(true), "");
  EXPECT_EQ(net.counter(), 2u);
  EXPECT_EQ(ErrorOf([&] { net.Backward(); }), "Backward needs a Forward before it");
}

}  // namespace
}  // namespace moka
