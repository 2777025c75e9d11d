#include "moka/net.h"

#include <gtest/gtest.h>

#include <cmath>

#include "net/net_text.h"

namespace moka {
namespace {

using testing::BuildError;
using testing::ErrorOf;
using testing::Layers;
using testing::Parse;

const char* const kSmall =
    "name: 'small'\n"
    "layer { name: 'in' type: 'Input' top: 'x' top: 'label' input_param { shape { dim: 4 dim: 6 } "
    "shape { dim: 4 } } }\n"
    "layer { name: 'ip1' type: 'InnerProduct' bottom: 'x' top: 'ip1' inner_product_param { "
    "num_output: 5 "
    "weight_filler { type: 'xavier' } } }\n"
    "layer { name: 'relu' type: 'ReLU' bottom: 'ip1' top: 'ip1' }\n"
    "layer { name: 'ip2' type: 'InnerProduct' bottom: 'ip1' top: 'ip2' inner_product_param { "
    "num_output: 3 "
    "weight_filler { type: 'xavier' } } }\n"
    "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'ip2' bottom: 'label' top: 'loss' }\n";

void FillInputs(Net& net) {
  Tensor& x = net.input("x");
  for (int64_t i = 0; i < x.count(); ++i) x.data()[i] = std::sin(static_cast<float>(i));
  Tensor& label = net.input("label");
  for (int64_t i = 0; i < label.count(); ++i) label.data()[i] = static_cast<float>(i % 3);
}

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

TEST(Net, ListsLearnedParamsInFileOrder) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  ASSERT_EQ(net.learned().size(), 4u);
  EXPECT_EQ(net.learned()[0].param->name(), "ip1.weight");
  EXPECT_EQ(net.learned()[3].param->name(), "ip2.bias");
  EXPECT_EQ(net.learned()[3].param->shape(), (Shape{3}));
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

TEST(Net, FollowsANewInputShapeAndBack) {
  Context context({.threads = 2, .seed = 3});
  Net net(Parse(kSmall), Layers(), context, {.phase = TRAIN});
  FillInputs(net);
  const double first = net.Forward();
  EXPECT_NE(ErrorOf([&] {
              net.ReshapeInput("x", {7, 6});
            }).find("net.prototxt:6:1: layer \"loss\" (SoftmaxWithLoss)"),
            std::string::npos);
  FillInputs(net);
  EXPECT_EQ(net.Forward(), first);  // a refused shape changes nothing
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

TEST(Net, RefusesMoreParamEntriesThanParams) {
  EXPECT_NE(
      BuildError("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 } } }"
                 "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' param { lr_mult: 1 } }")
          .find("has 1 param { } entries, but 0 params"),
      std::string::npos);
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

TEST(Net, RefusesToBeEmpty) {
  EXPECT_EQ(BuildError("name: 'void'"), "net.prototxt: net \"void\" has no layers for phase TEST");
  EXPECT_EQ(BuildError("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 } } "
                       "include { phase: TRAIN } }"),
            "net.prototxt: net \"\" has no layers for phase TEST");
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

// A layer whose output size depends on the data: keeps the rows whose first number is positive.
class Positive final : public Layer {
 public:
  explicit Positive(const LayerSpec& spec) : Layer(spec) {}
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits().NoBackward(); }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass& pass) override {
    const Tensor& x = pass.bottom(0);
    const int64_t size = x.shape().count_from(1);
    int64_t rows = 0;
    for (int64_t n = 0; n < x.shape()[0]; ++n) {
      if (x.data()[n * size] <= 0) continue;
      std::copy_n(x.data() + n * size, size, pass.top(0).data() + rows++ * size);
    }
    pass.SetTopShape(0, x.shape().With(0, rows));
  }
};

TEST(Net, SuggestsTheNearestBlobToKeep) {
  NetOptions options;
  options.keep = {"ip11"};
  EXPECT_EQ(BuildError(kSmall, options),
            "there is no blob \"ip11\" in net \"small\"; did you mean \"ip1\"?");
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
            "n.prototxt:1:77: layer \"rude\" (Rude): threw something that is no std::exception");
  net.input("x").Fill(1);
  net.Forward();
  // A refused shape is refused again, and leaves the old one in force.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ErrorOf([&] { net.ReshapeInput("x", {1}); }),
              "n.prototxt:1:77: layer \"rude\" (Rude): one row is too few");
  }
  net.Forward();
  EXPECT_EQ(net.blob("y").shape(), (Shape{2}));
}

TEST(Net, KeepsTheOtherInputsWhenOneChangesItsShape) {
  Context context({.threads = 1, .seed = 3});
  Net net(Parse("layer { name: 'a' type: 'Input' top: 'a' input_param { shape { dim: 2 } } }"
                "layer { name: 'b' type: 'Input' top: 'b' input_param { shape { dim: 3 } } }"
                "layer { name: 'ra' type: 'ReLU' bottom: 'a' top: 'ra' }"
                "layer { name: 'rb' type: 'ReLU' bottom: 'b' top: 'rb' }"),
          Layers(), context);
  net.input("b").Fill(5);
  net.ReshapeInput("a", {4});
  net.Forward();
  EXPECT_EQ(net.blob("rb").data()[2], 5);
}

TEST(Net, FollowsShapesThatDependOnTheData) {
  Registry registry = BuiltinLayers();
  registry.SetOrigin("the test");
  registry.Add<Positive>("Positive");
  const NetSchema schema(registry);
  Context context({.threads = 2, .seed = 3});
  Net net(schema.ParseNet(
              "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 4 dim: 2 } } }"
              "layer { name: 'pos' type: 'Positive' bottom: 'x' top: 'p' }"
              "layer { name: 'relu' type: 'Sigmoid' bottom: 'p' top: 'y' }"),
          registry, context);
  const std::vector<std::vector<float>> batches = {
      {1, 0, -1, 0, 1, 0, -1, 0}, {-1, 0, -1, 0, -1, 0, -1, 0}, {1, 0, 1, 0, 1, 0, 1, 0}};
  const int64_t rows[] = {2, 0, 4};
  for (size_t b = 0; b < batches.size(); ++b) {
    std::copy(batches[b].begin(), batches[b].end(), net.input("x").data());
    net.Forward();
    EXPECT_EQ(net.blob("y").shape(), (Shape{rows[b], 2}));
  }
}

}  // namespace
}  // namespace moka
