// Shapes that change between two passes, or in one.
#include <gtest/gtest.h>

#include "moka/net.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::FillInputs;
using testing::kSmall;
using testing::Layers;
using testing::Parse;

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
