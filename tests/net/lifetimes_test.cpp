#include "net/lifetimes.h"

#include <gtest/gtest.h>

#include "moka/weights.h"
#include "net/gradients.h"
#include "net/net_text.h"
#include "net/setup.h"

namespace moka {
namespace {

using testing::Layers;
using testing::Parse;

// A net after every step but the last.
struct Prepared {
  explicit Prepared(const std::string& text, bool backward = true) : net(Parse(text)) {
    net.state.set_phase(TRAIN);
    Problems problems;
    graph = Connect(net, Layers(), problems);
    SetUpLayers(graph, weights, context, problems);
    DecideGradients(graph, net.force_backward, problems);
    problems.ThrowIfAny();
    options.backward = backward;
    options.keep.assign(graph.values.size(), 0);
    options.keep[0] = 1;  // the input
    found = FindLifetimes(graph, options);
  }
  int ValueOf(const std::string& name) const { return graph.last_value.at(name); }
  const Storage& Of(const std::string& name) const {
    return found.storages[static_cast<size_t>(found.value[static_cast<size_t>(ValueOf(name))])];
  }
  const Storage& DiffOf(const std::string& name) const {
    return found.storages[static_cast<size_t>(found.diff[static_cast<size_t>(ValueOf(name))])];
  }

  NetDescription net;
  Context context{ContextOptions{.threads = 2, .seed = 1}};
  Weights weights;
  Graph graph;
  LifetimeOptions options;
  Lifetimes found;
};

const char* const kInput =
    "layer { name: 'in' type: 'Input' top: 'x' top: 't' input_param { shape { dim: 2 dim: 3 } } }";
const char* const kLoss =
    "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' top: 'loss' }";

std::string Ip(const std::string& bottom, const std::string& top) {
  return "layer { name: '" + top + "' type: 'InnerProduct' bottom: '" + bottom + "' top: '" + top +
         "' inner_product_param { num_output: 3 weight_filler { type: 'xavier' } } }";
}
std::string Layer(const std::string& type, const std::string& bottom, const std::string& top) {
  return "layer { name: '" + top + "' type: '" + type + "' bottom: '" + bottom + "' top: '" + top +
         "' }";
}

TEST(Lifetimes, EndAtTheLastReaderWithoutBackward) {
  const Prepared p(std::string(kInput) + Ip("x", "a") + Ip("a", "b") + Ip("b", "y"), false);
  EXPECT_EQ(p.Of("a").block.first, 1);
  EXPECT_EQ(p.Of("a").block.last, 2);
  EXPECT_EQ(p.Of("b").block.first, 2);
  EXPECT_EQ(p.Of("b").block.last, 3);
}

TEST(Lifetimes, ReachToTheBackwardThatReadsTheValue) {
  // Five nodes: node i runs backward at step 9 - i. The InnerProduct at node 2 reads "a" for its
  // weights.
  const Prepared p(std::string(kInput) + Ip("x", "a") + Ip("a", "b") + Ip("b", "y") + kLoss);
  EXPECT_EQ(p.Of("a").block.last, 7);
  EXPECT_EQ(p.Of("b").block.last, 6);
}

TEST(Lifetimes, PutAReLUInPlaceOfItsBottom) {
  const Prepared p(std::string(kInput) + Ip("x", "a") + Layer("ReLU", "a", "r") + Ip("r", "y") +
                   kLoss);
  EXPECT_EQ(&p.Of("a"), &p.Of("r"));
  EXPECT_EQ(p.Of("a").block.name, "a = r");
  EXPECT_EQ(p.Of("a").block.last, 7);  // the ReLU's own Backward reads its top last
  EXPECT_EQ(&p.DiffOf("a"), &p.DiffOf("r"));
}

TEST(Lifetimes, LeaveABottomAloneThatALaterLayerReads) {
  const Prepared p(std::string(kInput) + Ip("x", "a") + Layer("ReLU", "a", "r") +
                       "layer { name: 'y' type: 'Eltwise' bottom: 'a' bottom: 'r' top: 'y' }",
                   false);
  EXPECT_NE(&p.Of("a"), &p.Of("r"));
}

TEST(Lifetimes, LeaveAnInputAlone) {
  const Prepared p(std::string(kInput) + Layer("ReLU", "x", "r") + Ip("r", "y"), false);
  EXPECT_TRUE(p.Of("x").kept);
  EXPECT_NE(&p.Of("x"), &p.Of("r"));
}

TEST(Lifetimes, LetAFlattenedValueLieWhereItIs) {
  const Prepared p(
      std::string(kInput) + Ip("x", "a") + Layer("Flatten", "a", "f") + Ip("a", "b") + Ip("f", "y"),
      false);
  EXPECT_EQ(&p.Of("a"), &p.Of("f"));  // although "a" is read again
  EXPECT_EQ(p.Of("a").block.last, 4);
}

TEST(Lifetimes, AddUpTheDiffsOfSeveralReaders) {
  const Prepared p(std::string(kInput) + Ip("x", "a") + Ip("a", "b") + Ip("a", "c") +
                   "layer { name: 'y' type: 'Eltwise' bottom: 'b' bottom: 'c' top: 'y' }" + kLoss);
  EXPECT_EQ(p.found.nodes[3].diff_writes[0], DiffWrite::kAssign);  // the later reader comes first
  EXPECT_EQ(p.found.nodes[2].diff_writes[0], DiffWrite::kAdd);
  EXPECT_GE(p.found.nodes[2].beside[0], 0);
  EXPECT_EQ(p.found.nodes[1].diff_writes[0], DiffWrite::kNone);  // the input needs none
}

TEST(Lifetimes, KeepSavedBuffersUntilBackward) {
  const Prepared p(std::string(kInput) + Ip("x", "a") + Layer("Dropout", "a", "y") + kLoss);
  const int saved = p.found.nodes[2].saved[0];
  ASSERT_GE(saved, 0);
  EXPECT_EQ(p.found.storages[static_cast<size_t>(saved)].block.first, 2);
  EXPECT_EQ(p.found.storages[static_cast<size_t>(saved)].block.last, 5);
}

// y = x0 * sum(x1): may overwrite x0, but not while x1 is still read.
class TimesSum final : public moka::Layer {
 public:
  explicit TimesSum(const LayerSpec& spec) : Layer(spec) {}
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).NoBackward().MayShare(0, 0);
  }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass&) override {}
};

TEST(Lifetimes, ShareNoBottomThatLiesWhereAnotherBottomIsRead) {
  Registry registry = BuiltinLayers();
  registry.SetOrigin("the test");
  registry.Add<TimesSum>("TimesSum");
  const auto shared = [&](const std::string& other) {
    NetDescription net = NetSchema(registry).ParseNet(
        std::string(kInput) + Ip("x", "a") + Layer("Flatten", "a", "f") + Ip("x", "c") +
        "layer { name: 'y' type: 'TimesSum' bottom: 'a' bottom: '" + other + "' top: 'y' }");
    Problems problems;
    Graph graph = Connect(net, registry, problems);
    Weights weights;
    const Context context({.threads = 1, .seed = 1});
    SetUpLayers(graph, weights, context, problems);
    DecideGradients(graph, false, problems);
    LifetimeOptions options;
    options.backward = false;
    options.keep.assign(graph.values.size(), 0);
    const Lifetimes found = FindLifetimes(graph, options);
    return found.value[static_cast<size_t>(graph.last_value.at("a"))] ==
           found.value[static_cast<size_t>(graph.last_value.at("y"))];
  };
  EXPECT_TRUE(shared("c"));
  EXPECT_FALSE(shared("a"));
  EXPECT_FALSE(shared("f"));
}

TEST(Lifetimes, ShareNothingWhenAskedNotTo) {
  Prepared p(std::string(kInput) + Ip("x", "a") + Layer("ReLU", "a", "r") + Ip("r", "y") + kLoss);
  p.options.separate = true;
  p.found = FindLifetimes(p.graph, p.options);
  EXPECT_NE(&p.Of("a"), &p.Of("r"));
  EXPECT_NE(&p.DiffOf("a"), &p.DiffOf("r"));
}

}  // namespace
}  // namespace moka
