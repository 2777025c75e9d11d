// Where fusing stops, what it leaves to be seen, and that training goes on as without it.
#include "net/fuse.h"
#include "net/fuse_nets.h"

namespace moka {
namespace {

using namespace testing;

const std::string kChain = NetOf(Conv("c", "x") + Bn("bn", "c", "n") +
                                 ScaleLayer("scale", "n", "s") + Relu("relu", "s", "y"));

TEST(Fusing, LeavesAloneWhatIsKept) {
  NetOptions options = Testing();
  options.keep = {"n"};
  EXPECT_EQ(Fused(kChain, options), "c: bn");
  options.keep = {"c"};
  EXPECT_EQ(Fused(kChain, options), "bn: scale relu");
  options.keep = {"y"};
  EXPECT_EQ(Fused(kChain, options), "c: bn scale relu");
  options.phase = TRAIN;
  options.backward = true;
  options.keep = {"s"};
  EXPECT_EQ(Fused(kChain, options), "bn: scale");
  const auto fused = Results(kChain, options);
  options.fuse = false;
  const auto apart = Results(kChain, options);
  EXPECT_TRUE(naive::Near({apart.at("s").begin(), apart.at("s").end()}, fused.at("s"), 2e-5));
}

TEST(Fusing, IsOffOnRequest) {
  NetOptions options = Testing();
  options.fuse = false;
  EXPECT_EQ(Fused(kChain, options), "");
}

TEST(Fusing, SaysHowToSeeWhatIsNoLongerThere) {
  Context context({.threads = 1, .seed = 5});
  for (const bool separate : {false, true}) {
    Net net(Parse(kChain), Layers(), context, {.phase = TRAIN, .separate_memory = separate});
    net.Forward();
    net.Backward();
    for (const std::string name : {"n", "s"}) {
      const std::string expected = "the memory of blob \"" + name +
                                   "\" is used for others too; name it in NetOptions::keep to read "
                                   "it after a pass";
      EXPECT_EQ(ErrorOf([&] { net.blob(name); }), expected);
      EXPECT_EQ(ErrorOf([&] { net.diff(name); }), expected);
    }
  }
}

TEST(Fusing, FollowsAnInputThatChangesItsShape) {
  Context context({.threads = 2, .seed = 5});
  const std::string text = kChain.substr(0, kChain.find("layer { name: 'loss'"));
  std::vector<std::vector<float>> results;
  for (const bool fuse : {true, false}) {
    Net net(Parse(text), Layers(), context, {.phase = TEST, .backward = false, .fuse = fuse});
    for (const int64_t batch : {3, 5, 2}) {
      net.ReshapeInput("x", Shape{batch, 4, 6, 5});
      Fill(net.input("x"), "x", -9);
      net.Forward();
    }
    results.emplace_back(net.blob("last").values().begin(), net.blob("last").values().end());
    EXPECT_EQ(results.back().size(), 2U * 3);
  }
  EXPECT_TRUE(naive::Near({results[1].begin(), results[1].end()}, results[0], 2e-5));
}

// The gradient of a param that is trained over data alone, which wants none for its bottom.
TEST(Fusing, GivesParamsTheirGradientWhereTheBottomWantsNone) {
  std::string text =
      NetOf(Bn("bn", "x", "n") + ScaleLayer("scale", "n", "s") + Relu("relu", "s", "y"));
  text = text.substr(text.find('\n') + 1);  // no force_backward
  EXPECT_EQ(Fused(text, Training()), "bn: scale relu");
  std::vector<std::vector<float>> diffs;
  for (const bool fuse : {true, false}) {
    Context context({.threads = 2, .seed = 5});
    Net net(Parse(text), Layers(), context, {.phase = TRAIN, .fuse = fuse});
    Fill(net.input("x"), "x", -9);
    net.Forward();
    net.Backward();
    diffs.emplace_back();
    for (const Learned& learned : net.learned()) {
      diffs.back().insert(diffs.back().end(), learned.diff->values().begin(),
                          learned.diff->values().end());
    }
  }
  EXPECT_TRUE(naive::Near({diffs[1].begin(), diffs[1].end()}, diffs[0], 2e-5));
}

TEST(Fusing, StopsWhereALossIsTaken) {
  const std::string text =
      NetOf(Conv("c", "x", "") + LayerOf("relu", "ReLU", "c", "y", "loss_weight: 0.01"));
  EXPECT_EQ(Fused(text, Training()), "c: relu");
  const std::string between =
      NetOf(LayerOf("c", "Convolution", "x", "c",
                    "loss_weight: 1 convolution_param { num_output: 4 kernel_size: 1 }") +
            Relu("relu", "c", "y"));
  EXPECT_EQ(Fused(between, Training()), "");
}

TEST(Fusing, NamesTheLayerWhoseParamIsNotFinite) {
  Context context({.threads = 1, .seed = 5});
  Net net(Parse(kChain), Layers(), context, Testing());
  net.weights().Find("scale", 0)->Change().data()[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(net.FindNonFinite(false),
            "layer \"scale\" (Scale), param \"scale.scale\": 1 of 4 values are not finite");
  net.CheckNumerics(true);
  EXPECT_EQ(
      ErrorOf([&] { net.Forward(); }),
      "forward: layer \"scale\" (Scale), param \"scale.scale\": 1 of 4 values are not finite, "
      "the first nan at [1]");
}

TEST(Fusing, WritesWhatIsConcatenatedWhereItBelongs) {
  const std::string text =
      NetOf(Conv("a", "x") + Relu("relu", "a", "r") + Conv("b", "x") +
            LayerOf("p", "Pooling", "x", "p", "pooling_param { kernel_size: 1 }") +
            LayerOf("concat", "Concat", "r p b", "y"));
  Context context({.threads = 1, .seed = 5});
  NetOptions options = Testing();
  options.plan_only = true;
  const auto name_of = [&](MemoryBlock::Kind kind = MemoryBlock::Kind::kValue) {
    const Net net(Parse(text), Layers(), context, options);
    std::string names;
    for (const MemoryBlock& block : net.memory_plan().blocks) {
      if (block.kind == kind && block.name[0] == 'y') names += block.name;
    }
    return names;
  };
  EXPECT_EQ(name_of(), "y = r = a = b");
  options.keep = {"r"};
  EXPECT_EQ(name_of(), "y = b");
  options = Training();
  options.plan_only = true;
  EXPECT_EQ(name_of(), "y = r = a = b");  // the ReLU's Backward reads r there
  EXPECT_EQ(name_of(MemoryBlock::Kind::kDiff), "y diff = r diff");  // the convolution's does not
  options.fuse = false;
  EXPECT_EQ(name_of(), "y");
}

// The data decide how many images there are: two of three pass the filter.
TEST(Fusing, FollowsDataThatChangeShapes) {
  const std::string text =
      "layer { name: 'in' type: 'Input' top: 'x' top: 'which' input_param { shape { dim: 3 dim: 4 "
      "dim: 6 dim: 5 } shape { dim: 3 } } }\n" +
      LayerOf("filter", "Filter", "x which", "f") + Conv("a", "f") + Bn("bn", "a", "n") +
      ScaleLayer("scale", "n", "s") + Relu("relu", "s", "r") + Conv("b", "r") +
      LayerOf("sum", "Eltwise", "f b", "t") + Conv("c", "t") +
      LayerOf("concat", "Concat", "c t", "y");
  EXPECT_EQ(Fused(text, Testing()), "a: bn scale relu; b: sum");
  std::vector<std::vector<float>> results;
  for (const bool fuse : {true, false}) {
    Context context({.threads = 2, .seed = 5});
    Net net(Parse(text), Layers(), context, {.phase = TEST, .backward = false, .fuse = fuse});
    Fill(net.input("x"), "x", -9);
    net.input("which").data()[0] = net.input("which").data()[2] = 1;
    net.Forward();
    EXPECT_EQ(net.blob("y").shape(), (Shape{2, 8, 6, 5}));
    results.emplace_back(net.blob("y").values().begin(), net.blob("y").values().end());
  }
  EXPECT_TRUE(naive::Near({results[1].begin(), results[1].end()}, results[0], 2e-5));
}

TEST(Fusing, TrainsAlike) {
  std::vector<std::vector<float>> weights;
  for (const bool fuse : {true, false}) {
    Context context({.threads = 2, .seed = 5});
    Net net(Parse(kChain), Layers(), context, {.phase = TRAIN, .fuse = fuse});
    Fill(net.input("x"), "x", -9);
    for (int step = 0; step < 20; ++step) {
      net.Forward();
      net.Backward();
      for (const Learned& learned : net.learned()) {
        Tensor& w = learned.param->Change();
        for (int64_t i = 0; i < w.count(); ++i) w.data()[i] -= 0.1F * learned.diff->data()[i];
      }
    }
    weights.emplace_back();
    for (const auto& entry : net.weights().entries()) {
      for (const auto& param : entry.params) {
        const auto values = std::as_const(*param).values().values();
        weights.back().insert(weights.back().end(), values.begin(), values.end());
      }
    }
  }
  EXPECT_TRUE(naive::Near({weights[1].begin(), weights[1].end()}, weights[0], 1e-4));
}

TEST(Fusing, TakesNoMoreMemory) {
  for (NetOptions options : {Testing(), Training()}) {
    options.plan_only = true;
    Context context({.threads = 1, .seed = 5});
    const Net fused(Parse(kChain), Layers(), context, options);
    options.fuse = false;
    const Net apart(Parse(kChain), Layers(), context, options);
    EXPECT_LE(fused.memory_plan().bytes, apart.memory_plan().bytes);
  }
}

}  // namespace
}  // namespace moka
