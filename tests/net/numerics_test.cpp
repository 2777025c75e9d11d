// Numbers that are not finite: the first layer and blob that has one is named, whatever stands
// around it.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "moka/net.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::ErrorOf;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kSpoilt = 100;  // the element

// y = x, but for one element of y or of the gradient, or of neither.
enum class Spoils { kNothing, kForward, kBackward };
template <Spoils spoils>
class Spoil final : public Layer {
 public:
  explicit Spoil(const LayerSpec& spec) : Layer(spec) {}
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).MayShare(0, 0);
  }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass& pass) override {
    std::copy_n(pass.bottom(0).data(), pass.bottom(0).count(), pass.top(0).data());
    if (spoils == Spoils::kForward) pass.top(0).data()[At(pass.top(0))] = kNan;
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    Tensor& dx = pass.bottom_diff(0);
    std::copy_n(pass.top_diff(0).data(), dx.count(), dx.data());
    if (spoils == Spoils::kBackward) dx.data()[At(dx)] = kNan;
  }

 private:
  static int64_t At(const Tensor& tensor) { return std::min(kSpoilt, tensor.count() - 1); }
};

const Registry& Layers() {
  static const Registry registry = [] {
    Registry layers = BuiltinLayers();
    layers.Add<Spoil<Spoils::kNothing>>("Same");
    layers.Add<Spoil<Spoils::kForward>>("SpoilForward");
    layers.Add<Spoil<Spoils::kBackward>>("SpoilBackward");
    return layers;
  }();
  return registry;
}

NetDescription Parse(const std::string& text) {
  static const NetSchema schema(Layers());
  return schema.ParseNet(text, "net.prototxt");
}

// What a training's iteration of this net throws when every number is looked at.
std::string CheckError(Net& net) {
  return ErrorOf([&] {
    net.CheckNumerics(true);
    net.Forward();
    net.Backward();
  });
}

struct Kind {
  const char* layer;      // what stands inside layer { } beside name, bottom and top
  bool in_place = false;  // once more in place
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.layer; }

// x - first - a - before - b - kind - c - after - d - loss
std::string NetText(const Kind& kind, const std::string& before, const std::string& after,
                    bool in_place) {
  const std::string b = in_place ? "a" : "b", c = in_place ? "a" : "c", d = in_place ? "a" : "d";
  return "layer { name: 'data' type: 'DummyData' top: 'x' dummy_data_param { data_filler { type: "
         "'gaussian' } shape { dim: 2 dim: 4 dim: 6 dim: 6 } } }"
         "layer { name: 'first' type: 'Convolution' bottom: 'x' top: 'a' convolution_param { "
         "num_output: 4 kernel_size: 1 weight_filler { type: 'xavier' } } }"
         "layer { name: 'before' type: '" +
         before + "' bottom: 'a' top: '" + b + "' } layer { name: 'kind' bottom: '" + b +
         "' top: '" + c + "' " + kind.layer + " } layer { name: 'after' type: '" + after +
         "' bottom: '" + c + "' top: '" + d +
         "' } layer { name: 'loss' type: 'Reduction' bottom: '" + d +
         "' top: 'loss' loss_weight: 1 }";
}

class NumericsAround : public ::testing::TestWithParam<Kind> {};

TEST_P(NumericsAround, NamesTheLayerThatSpoiltANumber) {
  const Kind& kind = GetParam();
  for (int in_place = 0; in_place <= (kind.in_place ? 1 : 0); ++in_place) {
    Context context({.threads = 2, .seed = 5});
    const auto make = [&](const char* before, const char* after) {
      return std::make_unique<Net>(Parse(NetText(kind, before, after, in_place == 1)), Layers(),
                                   context, NetOptions{.phase = TRAIN});
    };
    const std::string b = in_place ? "a" : "b", c = in_place ? "a" : "c", d = in_place ? "a" : "d";
    const std::string values = ": 1 of 288 values are not finite",
                      at = ", the first nan at [0, 2, 4, 4]";
    EXPECT_EQ(CheckError(*make("Same", "Same")), "");
    EXPECT_EQ(make("Same", "Same")->FindNonFinite(true), "");

    std::string bad = "layer \"before\" (SpoilForward), top \"" + b + "\"" + values;
    EXPECT_EQ(CheckError(*make("SpoilForward", "Same")), "forward: " + bad + at);
    EXPECT_EQ(make("SpoilForward", "Same")->FindNonFinite(true), bad);

    bad = "layer \"before\" (SpoilBackward), gradient of bottom \"a\"" + values;
    EXPECT_EQ(CheckError(*make("SpoilBackward", "Same")), "backward: " + bad + at);
    EXPECT_EQ(make("SpoilBackward", "Same")->FindNonFinite(true), bad);

    // The shape is that of the kind's top.
    bad = "layer \"after\" (SpoilForward), top \"" + d + "\": 1 of ";
    EXPECT_EQ(CheckError(*make("Same", "SpoilForward")).find("forward: " + bad), 0u);
    EXPECT_EQ(make("Same", "SpoilForward")->FindNonFinite(true).find(bad), 0u);

    bad = "layer \"after\" (SpoilBackward), gradient of bottom \"" + c + "\": 1 of ";
    EXPECT_EQ(CheckError(*make("Same", "SpoilBackward")).find("backward: " + bad), 0u);
    EXPECT_EQ(make("Same", "SpoilBackward")->FindNonFinite(true).find(bad), 0u);
  }
}

const Kind kKinds[] = {
    {"type: 'ReLU'", true},
    {"type: 'PReLU'", true},
    {"type: 'ELU'", true},
    {"type: 'Sigmoid'", true},
    {"type: 'TanH'", true},
    {"type: 'BNLL'", true},
    {"type: 'GELU'", true},
    {"type: 'Swish'", true},
    {"type: 'Mish'", true},
    {"type: 'Dropout'", true},
    {"type: 'Clip' clip_param { min: -1 max: 1 }", true},
    {"type: 'AbsVal'"},
    {"type: 'Power' power_param { power: 2 }", true},
    {"type: 'Exp'", true},
    {"type: 'Scale' scale_param { bias_term: true }", true},
    {"type: 'Bias'", true},
    {"type: 'BatchNorm'", true},
    {"type: 'GroupNorm' group_norm_param { num_groups: 2 }"},
    {"type: 'InstanceNorm'"},
    {"type: 'LayerNorm'"},
    {"type: 'LRN'"},
    {"type: 'MVN'"},
    {"type: 'Softmax'", true},
    {"type: 'InnerProduct' inner_product_param { num_output: 5 weight_filler { value: 1 } }"},
    {"type: 'Convolution' convolution_param { num_output: 3 kernel_size: 3 weight_filler { value: "
     "1 } }"},
    {"type: 'Deconvolution' convolution_param { num_output: 3 kernel_size: 3 weight_filler { "
     "value: 1 } }"},
    {"type: 'DepthwiseConvolution' convolution_param { num_output: 4 kernel_size: 3 weight_filler "
     "{ "
     "value: 1 } }"},
    {"type: 'Pooling' pooling_param { kernel_size: 2 stride: 2 }"},
    {"type: 'Pooling' pooling_param { pool: AVE kernel_size: 3 }"},
    {"type: 'SPP' spp_param { pyramid_height: 2 }"},
    {"type: 'Flatten'"},
    {"type: 'Reshape' reshape_param { shape { dim: 0 dim: -1 } }"},
    {"type: 'Tile' tile_param { tiles: 2 }"},
    {"type: 'Interp' interp_param { zoom_factor: 2 }"},
    {"type: 'ShuffleChannel' shuffle_channel_param { group: 2 }"},
    {"type: 'Im2col' convolution_param { kernel_size: 3 }"},
    {"type: 'Eltwise' bottom: 'a'"},  // its other bottom: two readers of one value
    {"type: 'Concat' bottom: 'a'"},
};
INSTANTIATE_TEST_SUITE_P(Kinds, NumericsAround, ::testing::ValuesIn(kKinds));

// A layer that makes them itself, of x, which is finite everywhere.
struct Maker {
  const char* layer;
  float x;
  const char* error;
};
void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.layer; }

class NumericsIn : public ::testing::TestWithParam<Maker> {};

TEST_P(NumericsIn, AreThoseOfTheLayerThatMadeThem) {
  Context context({.threads = 1, .seed = 5});
  Net net(Parse("force_backward: true layer { name: 'in' type: 'Input' top: 'x' input_param { "
                "shape { dim: 2 dim: 3 } } } layer { name: 'maker' bottom: 'x' top: 'y' " +
                std::string(GetParam().layer) +
                " } layer { name: 'loss' type: 'Reduction' bottom: 'y' top: 'loss' loss_weight: 1 "
                "}"),
          Layers(), context, {.phase = TRAIN});
  net.input("x").Fill(1);
  net.input("x").data()[4] = GetParam().x;
  EXPECT_EQ(CheckError(net), GetParam().error);
}

const Maker kMakers[] = {
    {"type: 'Exp'", 100,
     "forward: layer \"maker\" (Exp), top \"y\": 1 of 6 values are not finite, the first inf at "
     "[1, 1]"},
    {"type: 'Log'", -1,
     "forward: layer \"maker\" (Log), top \"y\": 1 of 6 values are not finite, the first nan at "
     "[1, 1]"},
    {"type: 'Power' power_param { power: 0.5 }", -1,
     "forward: layer \"maker\" (Power), top \"y\": 1 of 6 values are not finite, the first nan at "
     "[1, 1]"},
    {"type: 'InnerProduct' inner_product_param { num_output: 2 weight_filler { value: 1e30 } }",
     -1e30f,
     "forward: layer \"maker\" (InnerProduct), top \"y\": 2 of 4 values are not finite, the first "
     "-inf at [1, 0]"},
    {"type: 'Scale' scale_param { filler { value: 1e30 } axis: 0 }", 1e30f,
     "forward: layer \"maker\" (Scale), top \"y\": 1 of 6 values are not finite, the first inf at "
     "[1, 1]"},
    {"type: 'Eltwise' bottom: 'x' eltwise_param { operation: PROD }", 1e30f,
     "forward: layer \"maker\" (Eltwise), top \"y\": 1 of 6 values are not finite, the first inf "
     "at [1, 1]"},
    {"type: 'Reduction' reduction_param { operation: SUMSQ axis: 1 }", 1e30f,
     "forward: layer \"maker\" (Reduction), top \"y\": 1 of 2 values are not finite, the first inf "
     "at [1]"},
    // The top is finite, the running variance is not.
    {"type: 'BatchNorm'", 1e30f,
     "forward: layer \"maker\" (BatchNorm), param \"maker.variance\": 1 of 3 values are not "
     "finite, "
     "the first inf at [1]"},
    // The derivative of the square root at 0.
    {"type: 'Power' power_param { power: 0.5 }", 0,
     "backward: layer \"maker\" (Power), gradient of bottom \"x\": 1 of 6 values are not finite, "
     "the first inf at [1, 1]"},
    {"type: 'InnerProduct' loss_weight: 1e30 inner_product_param { num_output: 2 weight_filler { "
     "value: 1e-30 } }",
     1e10f,
     "backward: layer \"maker\" (InnerProduct), gradient of param \"maker.weight\": 2 of 6 values "
     "are not finite, the first inf at [0, 1]"},
};
INSTANTIATE_TEST_SUITE_P(Makers, NumericsIn, ::testing::ValuesIn(kMakers));

// Each of the two is finite.
TEST(Numerics, NameAGradientThatIsTheSumOfTwo) {
  Context context({.threads = 1, .seed = 1});
  const std::string scale = "power_param { scale: 3e38 } loss_weight: 1 ";
  Net net(Parse("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 dim: 1 } } "
                "} layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' "
                "inner_product_param { num_output: 1 } }"
                "layer { name: 'p' type: 'Power' bottom: 'y' top: 'p' " +
                scale + "} layer { name: 'q' type: 'Power' bottom: 'y' top: 'q' " + scale + "}"),
          Layers(), context, {.phase = TRAIN});
  EXPECT_EQ(CheckError(net),
            "backward: layer \"p\" (Power), gradient of bottom \"y\", added to those of its other "
            "readers: 1 of 1 values are not finite, the first inf at [0, 0]");
}

const char* const kNormalised =
    "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 4 dim: 2 } } }"
    "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' inner_product_param { "
    "num_output: "
    "2 weight_filler { value: 1 } } }"
    "layer { name: 'bn' type: 'BatchNorm' bottom: 'y' top: 'y' }"
    "layer { name: 'loss' type: 'Reduction' bottom: 'y' top: 'loss' loss_weight: 1 }";

// A batch that is bad spoils the running means of the layers behind it.
TEST(Numerics, OfABatchAreNotBlamedOnTheRunningMeanThatTheySpoilt) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kNormalised), Layers(), context, {.phase = TRAIN});
  net.input("x").data()[5] = kNan;
  net.Forward();
  EXPECT_EQ(net.FindNonFinite(true),
            "layer \"in\" (Input), top \"x\": 1 of 8 values are not finite");
}

TEST(Numerics, OfARunningMeanAreNamedBesideTheTopThatUsesIt) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kNormalised), Layers(), context, {.phase = TEST, .backward = false});
  net.weights().Find("bn", 2)->Change().Fill(1);
  net.weights().Find("bn", 0)->Change().data()[1] = kNan;
  EXPECT_EQ(net.FindNonFinite(false),
            "layer \"bn\" (BatchNorm), top \"y\": 4 of 8 values are not finite; layer \"bn\" "
            "(BatchNorm), param \"bn.mean\": 1 of 2 values are not finite");
  EXPECT_EQ(ErrorOf([&] {
              net.CheckNumerics(true);
              net.Forward();
            }),
            "forward: layer \"bn\" (BatchNorm), param \"bn.mean\": 1 of 2 values are not finite, "
            "the first nan at [1]");
}

// A weight that an update spoilt comes before what is computed with it, and after what is not.
TEST(Numerics, OfAParamAreNamedWhereItsLayerStands) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kNormalised), Layers(), context, {.phase = TRAIN});
  net.weights().Find("ip", 0)->Change().data()[3] = -INFINITY;
  EXPECT_EQ(net.FindNonFinite(true),
            "layer \"ip\" (InnerProduct), param \"ip.weight\": 1 of 4 values are not finite");
  net.input("x").data()[0] = kNan;
  EXPECT_EQ(net.FindNonFinite(true),
            "layer \"in\" (Input), top \"x\": 1 of 8 values are not finite");
}

TEST(Numerics, AreLookedAtOnlyWhenAsked) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kNormalised), Layers(), context, {.phase = TRAIN});
  net.input("x").data()[0] = INFINITY;
  net.Forward();
  net.CheckNumerics(true);
  const std::string error =
      "forward: layer \"in\" (Input), top \"x\": 1 of 8 values are not finite, the first inf at "
      "[0, 0]";
  EXPECT_EQ(ErrorOf([&] { net.Forward(); }), error);
  EXPECT_EQ(ErrorOf([&] { net.Backward(); }), "Backward needs a Forward before it");
  net.CheckNumerics(false);
  net.Forward();
  net.Backward();
}

}  // namespace
}  // namespace moka
