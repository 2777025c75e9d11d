// Solver files as descriptions.
#include <gtest/gtest.h>

#include "moka/schema.h"

namespace moka {
namespace {

const NetSchema& BuiltinSchema() {
  static const NetSchema schema(BuiltinLayers());
  return schema;
}

SolverDescription Parse(std::string_view text) {
  return BuiltinSchema().ParseSolver(text, "solver");
}

std::string Errors(std::string_view text) {
  try {
    Parse(text);
  } catch (const ErrorList& list) {
    return list.what();
  }
  return "";
}

TEST(SolverSchema, ReadsFieldsWithTheirPlaces) {
  const SolverDescription solver =
      Parse("net: 'net.prototxt'\nbase_lr: 0.01 test_iter: 1\ntest_iter: 2");
  EXPECT_EQ(solver.common.net(), "net.prototxt");
  EXPECT_EQ(solver.common.base_lr(), 0.01f);
  EXPECT_EQ(solver.common.test_iter(1), 2);
  EXPECT_EQ(ToString(solver.places.at("base_lr")), "solver:2:1");
  EXPECT_EQ(ToString(solver.places.at("test_iter[1]")), "solver:3:1");
  EXPECT_EQ(solver.file, "solver");
  EXPECT_FALSE(solver.net_param.has_value());
}

TEST(SolverSchema, ReadsNetsThatStandInTheFile) {
  const SolverDescription solver = Parse(R"(base_lr: 1
net_param { name: "n" layer { name: "a" type: "ReLU" relu_param { negative_slope: 0.5 } } }
train_net_param { name: "t" }
test_net_param { name: "u" }
test_net_param { layer { name: "b"
  type: "ReLU" } })");
  ASSERT_TRUE(solver.net_param.has_value());
  EXPECT_EQ(solver.net_param->layers.at(0).params.at(0).number, 123);
  EXPECT_EQ(ToString(solver.net_param->layers[0].PlaceOf("relu_param.negative_slope")),
            "solver:2:67");
  EXPECT_EQ(solver.train_net_param->name, "t");
  ASSERT_EQ(solver.test_net_params.size(), 2u);
  EXPECT_EQ(solver.test_net_params[0].name, "u");
  EXPECT_EQ(ToString(solver.test_net_params[1].layers.at(0).PlaceOf("type")), "solver:6:3");
  EXPECT_EQ(ToString(solver.test_net_params[1].layers.at(0).place), "solver:5:18");
  EXPECT_EQ(solver.places.count("net_param.name"), 0u);
  EXPECT_EQ(solver.places.count("net_param"), 1u);
}

TEST(SolverSchema, ErrorsHavePlacesAndGuesses) {
  EXPECT_EQ(Errors("base_rl: 0.1\nlr_polcy: 'fixed'\nlayer { }\nmax_iter: -1\ndisplay: 1.5"),
            "solver:1:1: unknown field \"base_rl\" in the solver; did you mean \"base_lr\"?\n"
            "solver:2:1: unknown field \"lr_polcy\" in the solver; did you mean \"lr_policy\"?\n"
            "solver:3:1: unknown field \"layer\" in the solver; net files have one\n"
            "solver:5:10: display takes a whole number, not \"1.5\"");
}

TEST(SolverSchema, TranslatesTheOldSolverType) {
  EXPECT_EQ(ToString(Parse("\nsolver_type: ADAM").places.at("type")), "solver:2:1");
  EXPECT_EQ(Parse("solver_type: NESTEROV").common.type(), "Nesterov");
  EXPECT_EQ(Parse("solver_type: ADAGRAD").common.type(), "AdaGrad");
  EXPECT_EQ(Parse("solver_type: SGD type: 'SGD'").common.type(), "SGD");
  EXPECT_FALSE(Parse("solver_type: ADAM").common.has_solver_type());
  EXPECT_EQ(Parse("solver_type: ADAM").notices.at(0),
            "solver:1:1: solver_type is deprecated: write type: \"Adam\"");
  EXPECT_EQ(Errors("type: 'SGD'\nsolver_type: ADAM"),
            "solver:2:1: solver_type: ADAM and type: \"SGD\" contradict each other; type alone is "
            "enough");
}

TEST(SolverSchema, TellsThatAdamWithoutMomentumHasNone) {
  const std::string words =
      " without momentum: b1 is 0, as in Caffe; PyTorch's default is momentum: 0.9";
  using Notices = std::vector<std::string>;
  EXPECT_EQ(Parse("base_lr: 1\ntype: 'Adam'").notices,
            Notices{"solver:2:1: type \"Adam\"" + words});
  EXPECT_EQ(Parse("type: 'moka.AdamW'").notices,
            Notices{"solver:1:1: type \"moka.AdamW\"" + words});
  EXPECT_EQ(Parse("type: 'AMSGrad'").notices, Notices{"solver:1:1: type \"AMSGrad\"" + words});
  EXPECT_EQ(Parse("\nsolver_type: ADAM").notices.at(1), "solver:2:1: type \"Adam\"" + words);
  for (const char* text : {"type: 'Adam' momentum: 0", "type: 'Adam' momentum: 0.9", "type: 'SGD'",
                           "type: 'AdaGrad'", "type: 'other.Adam'", "base_lr: 1"}) {
    EXPECT_TRUE(Parse(text).notices.empty()) << text;
  }
}

TEST(SolverSchema, TellsWhatHasNoEffect) {
  EXPECT_EQ(
      Parse("solver_mode: GPU device_id: 1 layer_wise_reduce: false debug_info: true").notices,
      (std::vector<std::string>{"solver:1:1: solver_mode: GPU has no effect: Moka runs on the CPU",
                                "solver:1:18: device_id has no effect: Moka runs on the CPU",
                                "solver:1:31: layer_wise_reduce has no effect",
                                "solver:1:56: debug_info has no effect"}));
  EXPECT_TRUE(Parse("solver_mode: CPU").notices.empty());
}

}  // namespace
}  // namespace moka
