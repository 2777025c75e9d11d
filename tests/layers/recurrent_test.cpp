// What LSTM, RNN and GRU have in common: sequences, states, shapes and refusals.
#include "layers/recurrent.h"

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/data_nets.h"

namespace moka {
namespace {

const std::string kOne = "num_output: 1";

struct Type {
  std::string name;
  int states;
};
std::ostream& operator<<(std::ostream& out, const Type& type) { return out << type.name; }

class RecurrentLayers : public testing::TestWithParam<Type> {
 protected:
  std::string Layer(const std::string& fields) const {
    return "name: 'r' type: '" + GetParam().name + "' " + RecurrentFields(fields);
  }
  LayerResult Run(const std::string& fields, const std::vector<Shape>& shapes,
                  const std::vector<Values>& bottoms = {}, const RunOptions& options = {},
                  LayerGradients* gradients = nullptr) const {
    std::vector<Values> values = bottoms;
    for (size_t i = values.size(); i < shapes.size(); ++i)
      values.emplace_back(static_cast<size_t>(shapes[i].count()));
    return RunLayer(Layer(fields), shapes, values, options, gradients);
  }
  std::string Refusal(const std::string& fields, const std::vector<Shape>& shapes) const {
    const Error error = Caught([&] { Run(fields, shapes); });
    return error.message() + " @" + error.field();
  }
  // The layer with inputs x and cont, one number a step, in a net.
  std::unique_ptr<Net> MakeNet(Context& context, int64_t steps, int64_t streams) const {
    const std::string shape =
        "shape { dim: " + std::to_string(steps) + " dim: " + std::to_string(streams) + " } ";
    return MakeDataNet("layer { name: 'in' type: 'Input' top: 'x' top: 'cont' input_param { " +
                           shape + shape + "} }\nlayer { bottom: 'x' bottom: 'cont' top: 'y' " +
                           Layer(kOne) + " }",
                       context, TEST);
  }
  static Values Next(Net& net, const Values& x, const Values& cont) {
    std::copy(x.begin(), x.end(), net.input("x").data());
    std::copy(cont.begin(), cont.end(), net.input("cont").data());
    return NextValues(net, "y");
  }
};

TEST_P(RecurrentLayers, HaveOneOutputForEachStep) {
  EXPECT_EQ(Run("num_output: 5", {{3, 2, 4}, {3, 2}}).shapes, (std::vector<Shape>{{3, 2, 5}}));
  EXPECT_EQ(Run("num_output: 5", {{3, 2, 4, 6}, {3, 2}, {2, 7}}).shapes[0], (Shape{3, 2, 5}));
}

TEST_P(RecurrentLayers, ExposeTheirStates) {
  std::vector<Shape> bottoms = {{3, 2, 4}, {3, 2}}, tops = {{3, 2, 5}};
  for (int j = 0; j < GetParam().states; ++j) {
    bottoms.push_back({1, 2, 5});
    tops.push_back({1, 2, 5});
  }
  EXPECT_EQ(Run("num_output: 5 expose_hidden: true", bottoms).shapes, tops);
}

TEST_P(RecurrentLayers, BeginNewSequencesWhereContIsZero) {
  const Values y = Run(kOne, {{4, 1}, {4, 1}}, {{1, 0.5, 1, 0.5}, {0, 1, 0, 1}}).tops[0];
  EXPECT_EQ(y[2], y[0]);
  EXPECT_EQ(y[3], y[1]);
  const Values z = Run(kOne, {{4, 1}, {4, 1}}, {{1, 0.5, 1, 0.5}, {0, 1, 1, 1}}).tops[0];
  EXPECT_NE(z[2], z[0]);
}

TEST_P(RecurrentLayers, KeepStreamsApart) {
  const Values both =
      Run(kOne, {{3, 2}, {3, 2}}, {{1, -1, 0.5, 0.2, 0.1, 0}, {0, 0, 1, 0, 1, 1}}).tops[0];
  const Values first = Run(kOne, {{3, 1}, {3, 1}}, {{1, 0.5, 0.1}, {0, 1, 1}}).tops[0];
  const Values second = Run(kOne, {{3, 1}, {3, 1}}, {{-1, 0.2, 0}, {0, 0, 1}}).tops[0];
  for (size_t t = 0; t < 3; ++t) {
    EXPECT_FLOAT_EQ(both[2 * t], first[t]);
    EXPECT_FLOAT_EQ(both[2 * t + 1], second[t]);
  }
}

TEST_P(RecurrentLayers, SeeAStaticInputInEachStep) {
  const Values none = Run(kOne, {{2, 1}, {2, 1}, {1, 1}}, {{0, 0}, {0, 0}, {0}}).tops[0];
  const Values some = Run(kOne, {{2, 1}, {2, 1}, {1, 1}}, {{0, 0}, {0, 0}, {1}}).tops[0];
  EXPECT_NE(none, some);
  EXPECT_EQ(some[0], some[1]);
}

// Two passes of two steps are one of four, unless cont says otherwise: as in Caffe.
TEST_P(RecurrentLayers, BeginAPassWhereTheLastOneEnded) {
  Context context({.threads = 1, .seed = 7});
  const Values all = Next(*MakeNet(context, 4, 1), {1, 0.5, -1, 2}, {0, 1, 1, 1});
  const auto net = MakeNet(context, 2, 1);
  EXPECT_EQ(Next(*net, {1, 0.5}, {0, 1}), (Values{all[0], all[1]}));
  EXPECT_EQ(Next(*net, {-1, 2}, {1, 1}), (Values{all[2], all[3]}));
  EXPECT_EQ(Next(*net, {1, 0.5}, {0, 1}), (Values{all[0], all[1]}));
}

TEST_P(RecurrentLayers, BeginTheFirstPassWithStateZero) {
  Context context({.threads = 1, .seed = 7});
  EXPECT_EQ(Next(*MakeNet(context, 1, 1), {1}, {1}), Next(*MakeNet(context, 1, 1), {1}, {0}));
}

// In Caffe the number of steps cannot change.
TEST_P(RecurrentLayers, GoOnOverAnotherNumberOfSteps) {
  Context context({.threads = 1, .seed = 7});
  const Values all = Next(*MakeNet(context, 3, 1), {1, 0.5, -1}, {0, 1, 1});
  // One input, of x and cont, so that both change their steps at once.
  const auto net = MakeDataNet(R"(
      layer { name: 'in' type: 'Input' top: 'in' input_param { shape { dim: 2 dim: 1 dim: 2 } } }
      layer { name: 'cut' type: 'Slice' bottom: 'in' top: 'x' top: 'c' slice_param { axis: 2 } }
      layer { name: 'flat' type: 'Flatten' bottom: 'c' top: 'cont' }
      layer { bottom: 'x' bottom: 'cont' top: 'y' )" +
                                   Layer(kOne) + " }",
                               context, TEST);
  const auto next = [&](const Values& in) {
    std::copy(in.begin(), in.end(), net->input("in").data());
    return NextValues(*net, "y");
  };
  EXPECT_EQ(next({1, 0, 0.5, 1}), (Values{all[0], all[1]}));
  net->ReshapeInput("in", {1, 1, 2});
  EXPECT_EQ(next({-1, 1}), (Values{all[2]}));
}

// Nothing is known of streams that were not there: Caffe takes what lies in its memory.
TEST_P(RecurrentLayers, BeginOtherStreamsWithStateZero) {
  Context context({.threads = 1, .seed = 7});
  const Values fresh = Next(*MakeNet(context, 1, 1), {1}, {0});
  const auto net = MakeDataNet(R"(
      layer { name: 'in' type: 'Input' top: 'in' input_param { shape { dim: 1 dim: 1 dim: 2 } } }
      layer { name: 'cut' type: 'Slice' bottom: 'in' top: 'x' top: 'c' slice_param { axis: 2 } }
      layer { name: 'flat' type: 'Flatten' bottom: 'c' top: 'c2' flatten_param { axis: 1 } }
      layer { bottom: 'x' bottom: 'c2' top: 'y' )" +
                                   Layer(kOne) + " }",
                               context, TEST);
  const auto next = [&](const Values& in) {
    std::copy(in.begin(), in.end(), net->input("in").data());
    return NextValues(*net, "y");
  };
  EXPECT_EQ(next({1, 1}), fresh);
  net->ReshapeInput("in", {1, 2, 2});
  EXPECT_EQ(next({1, 1, 1, 1}), (Values{fresh[0], fresh[0]}));
}

TEST_P(RecurrentLayers, EndEvenANanWhereContIsZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  RunOptions options;
  options.top_diffs = {{0, 0, 1}};
  LayerGradients d;
  const Values y = Run(kOne, {{3, 1}, {3, 1}}, {{nan, 1, 0.5}, {0, 0, 1}}, options, &d).tops[0];
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], Run(kOne, {{1, 1}, {1, 1}}, {{1}, {0}}).tops[0][0]);
  EXPECT_FALSE(std::isnan(d.bottoms[0][1]));
}

TEST_P(RecurrentLayers, GiveExposedStatesTheirGradient) {
  const int states = GetParam().states;
  std::vector<Shape> shapes = {{2, 1}, {2, 1}};
  std::vector<Values> bottoms = {{1, 0.5}, {1, 1}};
  RunOptions options;
  options.top_diffs = {{0, 0}};
  for (int j = 0; j < states; ++j) {
    shapes.push_back({1, 1, 1});
    bottoms.push_back({0.5});
    options.top_diffs.push_back({1});  // of the final state alone
  }
  LayerGradients d;
  Run(kOne + " expose_hidden: true", shapes, bottoms, options, &d);
  for (size_t i = 0; i < bottoms.size(); ++i) {
    if (i == 1) continue;  // cont
    EXPECT_NE(d.bottoms[i][0], 0) << "bottom " << i;
  }
}

TEST_P(RecurrentLayers, SayWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal("", {{2, 1, 1}, {2, 1}}), "num_output is missing @recurrent_param");
  EXPECT_EQ(Refusal("num_output: 0", {{2, 1, 1}, {2, 1}}),
            "num_output is 0; it must be at least 1 @recurrent_param.num_output");
  EXPECT_EQ(Refusal("num_output: 4294967295", {{2, 1, 1}, {2, 1}}),
            "num_output 4294967295 is too large @recurrent_param.num_output");
  EXPECT_EQ(Refusal(kOne, {{2}, {2, 1}}), "expects sequences T x N x ... in bottom 0, not 2 @");
  EXPECT_EQ(
      Refusal(kOne, {{2, 3, 4}, {2, 4}}),
      "bottom 1 says for each step of each stream whether a sequence goes on: it must be 2x3, "
      "but is 2x4 @");
  EXPECT_EQ(Refusal(kOne, {{2, 3, 0}, {2, 3}}), "has no inputs: bottom 0 is 2x3x0 @");
  EXPECT_EQ(Refusal(kOne, {{2, 3, 1}, {2, 3}, {2, 5}}),
            "the static input, bottom 2, must be N x ... for 3 streams, but is 2x5 @");
  EXPECT_EQ(Refusal(kOne, {{2, 3, 1}, {2, 3}, {3, 0}}), "has no static inputs: bottom 2 is 3x0 @");
  std::vector<Shape> shapes = {{2, 3, 1}, {2, 3}, {1, 3, 1}};
  if (GetParam().states > 1) shapes.push_back({1, 3, 1});
  shapes.back() = {3, 1};
  const std::string last = std::to_string(shapes.size() - 1);
  EXPECT_EQ(Refusal(kOne + " expose_hidden: true", shapes),
            "bottom " + last + ", an initial state, must be 1x3x1, but is 3x1 @");
}

TEST_P(RecurrentLayers, SayWhichFillerIsWrong) {
  const Error error = Caught([&] {
    RunLayer("type: '" + GetParam().name +
                 "' recurrent_param { num_output: 1 weight_filler { type: 'gausian' } }",
             {{1, 1}, {1, 1}}, {{1}, {0}});
  });
  EXPECT_EQ(error.field(), "recurrent_param.weight_filler.type");
}

INSTANTIATE_TEST_SUITE_P(All, RecurrentLayers,
                         testing::Values(Type{"LSTM", 2}, Type{"RNN", 1}, Type{"GRU", 1}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace moka
