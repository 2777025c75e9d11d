// The grammar of what plugins bring besides layers: parameters inside fillers and solver files.
#include <gtest/gtest.h>

#include <algorithm>

#include "moka/blob.pb.h"
#include "moka/check_layer.h"
#include "moka/filler.h"
#include "moka/learning_rate.h"
#include "moka/schema.h"
#include "moka/solver.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

// y_i = i times step.
class Ramp final : public Filler {
 public:
  Ramp(const FillerParameter&, const BlobShape& shape)
      : step_(shape.dim_size() > 0 ? shape.dim(0) : 1) {
    if (step_ < 0) throw Error("dim ", step_, " is negative").At("ramp_param.dim");
  }
  void Fill(const RandomStream&, Tensor& tensor) const override {
    for (int64_t i = 0; i < tensor.count(); ++i) tensor.data()[i] = static_cast<float>(i * step_);
  }

 private:
  const int64_t step_;
};

class Ladder final : public LearningRatePolicy {
 public:
  Ladder(const SolverParameter&, const BlobShape& rungs) : rungs_(rungs) {}
  double Factor(int64_t iteration) const override {
    return static_cast<double>(rungs_.dim(static_cast<int>(iteration)));
  }

 private:
  const BlobShape rungs_;
};

class Jump final : public UpdateRule {
 public:
  Jump(const SolverParameter&, const BlobShape& shape) {
    if (shape.dim_size() == 0) throw Error("it needs a dim").At("jump_param");
  }
  int histories() const override { return 5; }
  void Update(const UpdatePiece&) const override {}
};

const Registry& WithParts() {
  static const Registry registry = [] {
    Registry made = BuiltinLayers();
    made.SetOrigin("libparts.so", "parts");
    made.AddFiller<Ramp>("ramp", Field<BlobShape>{"ramp_param"});
    made.AddLearningRatePolicy<Ladder>("ladder", Field<BlobShape>{"ladder_param"});
    made.AddUpdateRule<Jump>("Jump", Field<BlobShape>{"jump_param"});
    return made;
  }();
  return registry;
}

const NetSchema& Schema() {
  static const NetSchema schema(WithParts());
  return schema;
}

std::string NetErrors(const std::string& filler) {
  try {
    Schema().ParseNet(
        "layer { name: 'ip' type: 'InnerProduct' inner_product_param {\n"
        "  weight_filler { " +
            filler + " } } }",
        "net");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SchemaParts, AFillersParametersStandInsideTheFiller) {
  RunOptions options;
  options.registry = &WithParts();
  const std::vector<Shape> shapes = {{1, 2}};
  const std::vector<std::vector<float>> x = {{1, 1}};
  EXPECT_EQ(RunLayer("type: 'InnerProduct' inner_product_param { num_output: 2 bias_term: false "
                     "weight_filler { type: 'ramp' ramp_param { dim: 3 } } }",
                     shapes, x, options)
                .tops.at(0),
            (std::vector<float>{3, 15}));  // weights 0 3, 6 9
}

TEST(SchemaParts, ErrorsInThemReadAsThoseOfBuiltIns) {
  EXPECT_EQ(NetErrors("type: 'ramp' ramp_param { dimm: 3 }"),
            "net:2:45: unknown field \"dimm\" in "
            "inner_product_param.weight_filler.ramp_param; did you mean \"dim\"?");
  EXPECT_EQ(NetErrors("type: 'ramp' ramp_parm { dim: 3 }"),
            "net:2:32: unknown field \"ramp_parm\" in inner_product_param.weight_filler; did you "
            "mean \"ramp_param\"?");
  EXPECT_EQ(NetErrors("ramp_param { dim: 3 } ramp_param { dim: 3 }"),
            "net:2:41: inner_product_param.weight_filler.ramp_param is given twice, first in line "
            "2");
}

TEST(SchemaParts, WhatAFillerRefusesHasItsPlace) {
  Context context({.threads = 1, .seed = 1});
  try {
    Net(Schema().ParseNet("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 "
                          "dim: 2 } } }\nlayer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: "
                          "'y' inner_product_param { num_output: 2\nweight_filler { type: 'ramp' "
                          "ramp_param { dim: -3 } } } }",
                          "net"),
        WithParts(), context);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "net:3:43: layer \"ip\" (InnerProduct): dim -3 is negative");
  }
}

TEST(SchemaParts, ANetWithThemIsPrintedAsItIsRead) {
  const NetDescription net = Schema().ParseNet(
      "layer { type: 'InnerProduct' inner_product_param { weight_filler { type: 'ramp' ramp_param "
      "{ dim: 3 } } } }");
  const std::string text = Schema().PrintNet(net);
  EXPECT_EQ(text,
            "layer {\n  type: \"InnerProduct\"\n  inner_product_param {\n    weight_filler {\n"
            "      type: \"ramp\"\n      ramp_param {\n        dim: 3\n      }\n    }\n  }\n}\n");
  EXPECT_EQ(Schema().PrintNet(Schema().ParseNet(text)), text);
}

TEST(SchemaParts, APolicysParametersStandInTheSolverFile) {
  const SolverDescription solver = Schema().ParseSolver(
      "base_lr: 0.5 lr_policy: 'ladder' ladder_param { dim: 4 dim: 2 }", "solver");
  EXPECT_EQ(LearningRate(solver.common, WithParts(), 0), 2);
  EXPECT_EQ(LearningRate(solver.common, WithParts(), 1), 1);
  EXPECT_TRUE(solver.notices.empty());
}

TEST(SchemaParts, ParametersOfAnotherTypeAreNoticed) {
  const SolverDescription solver = Schema().ParseSolver(
      "lr_policy: 'fixed'\nladder_param { dim: 4 }\ntype: 'Jump' jump_param { dim: 1 }", "solver");
  EXPECT_EQ(solver.notices,
            std::vector<std::string>{"solver:2:1: type \"Jump\" and lr_policy \"fixed\" do not use "
                                     "ladder_param: it has no effect"});
}

TEST(SchemaParts, WhatAnUpdateRuleRefusesHasItsPlace) {
  const auto error = [](const std::string& text) -> std::string {
    try {
      CheckSolver(Schema().ParseSolver("net: 'n' base_lr: 1 lr_policy: 'fixed'\n" + text, "solver"),
                  WithParts());
    } catch (const Error& caught) {
      return caught.what();
    }
    return "";
  };
  EXPECT_EQ(error("type: 'Jump' jump_param { }"), "solver:2:14: it needs a dim");
  EXPECT_EQ(error("type: 'parts.Jump' jump_param { dim: 1 }"),
            "solver:2:1: solver type \"parts.Jump\" wants 5 values for each element of a param; 0 "
            "to 4 are possible");
  EXPECT_EQ(error("type: 'Jumb'"),
            "solver:2:1: unknown solver type \"Jumb\"; did you mean "
            "\"Jump\"?");
}

TEST(SchemaParts, HelpKnowsTheirMessages) {
  const std::vector<const UpdateRuleType*> rules = WithParts().update_rules();
  const auto jump = std::find_if(rules.begin(), rules.end(),
                                 [](const UpdateRuleType* rule) { return rule->name == "Jump"; });
  ASSERT_NE(jump, rules.end());
  const std::vector<MessageHelp> help = Schema().Describe(**jump);
  ASSERT_EQ(help.size(), 1u);
  EXPECT_EQ(help[0].field, "jump_param");
  EXPECT_EQ(help[0].fields.at(0).name, "dim");
}

TEST(SchemaParts, ALayersTypeMayHaveItsPackageInFront) {
  RunOptions options;
  options.registry = &WithParts();
  EXPECT_EQ(RunLayer("type: 'moka.ReLU' relu_param { negative_slope: 0.5 }", {-2, 3}, options),
            (std::vector<float>{-1, 3}));
  EXPECT_TRUE(Schema().ParseNet("layer { type: 'moka.ReLU' relu_param { } }").notices.empty());
}

}  // namespace
}  // namespace moka
