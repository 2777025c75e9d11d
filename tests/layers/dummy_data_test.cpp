#include <gtest/gtest.h>

#include "layers/contract.h"
#include "layers/data_nets.h"

namespace moka {
namespace {

using Floats = std::vector<float>;

std::string Layer(const std::string& rest) {
  return "layer { name: 'dummy' type: 'DummyData' top: 'a' top: 'b'\n dummy_data_param { " + rest +
         " } }";
}

class DummyData : public testing::Test {
 protected:
  std::unique_ptr<Net> Make(const std::string& param) {
    return MakeDataNet(Layer(param), context_);
  }
  Context context_{{.threads = 1, .seed = 1}};
};

TEST_F(DummyData, IsZeroWithoutAFiller) {
  const auto net = Make("shape { dim: 2 dim: 1 }");
  EXPECT_EQ(NextValues(*net, "a"), (Floats{0, 0}));
  EXPECT_EQ(net->blob("b").shape(), (Shape{2, 1}));
}

TEST_F(DummyData, HasAFillerAndAShapeForEachTop) {
  const auto net = Make(
      "shape { dim: 2 } shape { dim: 1 } "
      "data_filler { value: 3 } data_filler { value: 4 }");
  EXPECT_EQ(NextValues(*net, "a"), (Floats{3, 3}));
  EXPECT_EQ(NextValues(*net, "b"), (Floats{4}));
}

TEST_F(DummyData, TakesTheFourAxesOneByOne) {
  const auto net = Make("num: 2 num: 1 channels: 3 height: 1 width: 2");
  net->Forward();
  EXPECT_EQ(net->blob("a").shape(), (Shape{2, 3, 1, 2}));
  EXPECT_EQ(net->blob("b").shape(), (Shape{1, 3, 1, 2}));
}

TEST_F(DummyData, DrawsOtherNumbersInEachPassAndForEachTop) {
  const std::string param = "shape { dim: 5 } data_filler { type: 'gaussian' }";
  const auto net = Make(param), same = Make(param);
  const Floats first = NextValues(*net, "a"), other = BlobValues(*net, "b");
  const Floats second = NextValues(*net, "a");
  EXPECT_NE(first, second);
  EXPECT_NE(first, other);
  EXPECT_EQ(NextValues(*same, "a"), first);
  same->set_counter(1);
  EXPECT_EQ(NextValues(*same, "a"), second);
}

TEST_F(DummyData, RefusesWhatMakesNoSense) {
  EXPECT_EQ(WhyRefused(Layer("")),
            "2:2: layer \"dummy\" (DummyData): dummy_data_param needs a shape");
  EXPECT_EQ(WhyRefused(Layer("shape {} shape {} shape {}")),
            "2:21: layer \"dummy\" (DummyData): there are 3 shapes for 2 tops; give one, or one "
            "for each top");
  EXPECT_EQ(WhyRefused(Layer("shape { dim: 1 } num: 1 channels: 1 height: 1 width: 1")),
            "2:21: layer \"dummy\" (DummyData): the shape is given twice: by shape, and by num, "
            "channels, height or width");
  EXPECT_EQ(WhyRefused(Layer("num: 1 channels: 1 height: 1")),
            "2:2: layer \"dummy\" (DummyData): there are 0 values of width for 2 tops; give one, "
            "or one for each top");
  EXPECT_EQ(WhyRefused(Layer("shape { dim: -2 }")),
            "2:21: layer \"dummy\" (DummyData): shape -2 has a negative size, -2");
  EXPECT_EQ(WhyRefused(Layer("shape { dim: 1 }\n shape { dim: -2 }")),
            "3:2: layer \"dummy\" (DummyData): shape -2 has a negative size, -2");
  EXPECT_EQ(WhyRefused(Layer("num: 4000000000 channels: 4000000000 height: 4000000000 width: 1")),
            "2:21: layer \"dummy\" (DummyData): shape 4000000000x4000000000x4000000000x1 is too "
            "large: the product of its sizes exceeds 2^63 - 1");
  EXPECT_EQ(WhyRefused(Layer("shape { dim: 1 } data_filler {} data_filler {} data_filler {}")),
            "2:38: layer \"dummy\" (DummyData): there are 3 fillers for 2 tops; give one, or one "
            "for each top");
  EXPECT_EQ(WhyRefused(Layer("shape { dim: 1 }\n data_filler { type: 'gausian' }")),
            "3:16: layer \"dummy\" (DummyData): unknown filler type \"gausian\"; did you mean "
            "\"gaussian\"?");
}

ContractCase WithTops(int tops, const std::string& params) {
  CheckOptions options;
  options.tops = tops;
  options.random_layer = true;
  return {"dummy_data_param { " + params + " }", {}, options};
}

const ContractCases kCases(
    "DummyData",
    {
        WithTops(1, "shape { dim: 2 dim: 3 } data_filler { type: 'gaussian' }"),
        WithTops(1, "shape { dim: 2 dim: 3 }"),
        WithTops(1, "shape { dim: 2 dim: 3 } data_filler { value: 2 }"),
        WithTops(1, "shape { } data_filler { type: 'uniform' }"),
        WithTops(1, "shape { dim: 1 } data_filler { type: 'uniform' min: -1 }"),
        WithTops(1, "shape { dim: 0 } data_filler { type: 'gaussian' }"),
        WithTops(1, "shape { dim: 4 dim: 3 } data_filler { type: 'xavier' }"),
        WithTops(1, "num: 2 channels: 3 height: 1 width: 2 data_filler { type: 'msra' }"),
        WithTops(1, "shape { dim: [1, 1, 4, 4] } data_filler { type: 'bilinear' }"),
        WithTops(2, "shape { dim: 3 } data_filler { type: 'gaussian' }"),
        WithTops(2, "shape { dim: 3 } shape { dim: 0 } data_filler { type: 'uniform' }"),
        WithTops(2,
                 "num: 2 num: 1 channels: 3 height: 1 width: 2 data_filler { value: 1 } "
                 "data_filler { type: 'gaussian' }"),
        WithTops(3, "shape { dim: 5 } data_filler { type: 'positive_unitball' }"),
    });

}  // namespace
}  // namespace moka
