// Fillers, update rules and learning-rate policies in a registry.
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "caught.h"
#include "moka/blob.pb.h"
#include "moka/description.h"
#include "moka/filler.h"
#include "moka/learning_rate.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

// y_i = i times the dim of its parameters, or 1.
class Ramp final : public Filler {
 public:
  Ramp(const FillerParameter&, const BlobShape& shape)
      : step_(shape.dim_size() > 0 ? shape.dim(0) : 1) {
    if (step_ == 13) throw Error("dim 13 brings bad luck").At("ramp_param.dim");
    if (step_ == 14) throw std::runtime_error("out of luck");
    if (step_ == 15) throw 15;
  }
  void Fill(const RandomStream&, Tensor& tensor) const override {
    for (int64_t i = 0; i < tensor.count(); ++i) tensor.data()[i] = static_cast<float>(i * step_);
  }

 private:
  const int64_t step_;
};

// w = w - rate.
class Descend final : public UpdateRule {
 public:
  explicit Descend(const SolverParameter&) {}
  int histories() const override { return 0; }
  void Update(const UpdatePiece& piece) const override {
    for (int64_t i = 0; i < piece.n; ++i) piece.w[i] -= piece.rate;
  }
};

class Halve final : public LearningRatePolicy {
 public:
  explicit Halve(const SolverParameter&) {}
  double Factor(int64_t iteration) const override { return iteration == 0 ? 1 : 0.5; }
};

FillerParameter FillerOf(const std::string& type) {
  FillerParameter filler;
  filler.set_type(type);
  return filler;
}

TEST(RegistryParts, AreMadeByName) {
  Registry registry;
  registry.SetOrigin("liba.so", "a");
  registry.AddFiller<Ramp>("ramp", Field<BlobShape>{"ramp_param"});
  registry.AddUpdateRule<Descend>("Descend");
  registry.AddLearningRatePolicy<Halve>("halve");
  Tensor tensor(Shape{3});
  Fill(registry, FillerOf("ramp"), RandomStream(1, "", 0, 0), tensor);
  EXPECT_EQ(tensor.data()[2], 2);
  SolverParameter solver;
  solver.set_type("a.Descend");
  solver.set_lr_policy("halve");
  std::array<float, 2> w = {1, 2};
  UpdatePiece piece;
  piece.n = 2;
  piece.w = w.data();
  piece.rate = 0.25f;
  registry.MakeUpdateRule(solver)->Update(piece);
  EXPECT_EQ(w, (std::array<float, 2>{0.75f, 1.75f}));
  EXPECT_EQ(registry.MakeLearningRatePolicy(solver)->Factor(7), 0.5);
  EXPECT_EQ(registry.fillers().at(0)->origin, "liba.so");
  EXPECT_EQ(registry.update_rules().at(0)->package, "a");
}

TEST(RegistryParts, AreAlsoFoundWithThePackageInFront) {
  Registry registry;
  registry.SetOrigin("liba.so", "acme");
  registry.AddFiller<Ramp>("ramp", Field<BlobShape>{"ramp_param"});
  EXPECT_NE(registry.MakeFiller(FillerOf("acme.ramp")), nullptr);
  EXPECT_EQ(Caught([&] { registry.MakeFiller(FillerOf("moka.ramp")); }).message(),
            "unknown filler type \"moka.ramp\"");
}

TEST(RegistryParts, OfTheSameNameAreRefusedNamingBothOrigins) {
  Registry registry = BuiltinLayers();
  registry.SetOrigin("liba.so", "a");
  const auto refusal = [&](const auto& add) { return Caught(add).message(); };
  EXPECT_EQ(refusal([&] { registry.AddFiller<Ramp>("xavier", Field<BlobShape>{"ramp_param"}); }),
            "filler type \"xavier\" (from liba.so) exists already (built in)");
  EXPECT_EQ(refusal([&] { registry.AddUpdateRule<Descend>("SGD"); }),
            "solver type \"SGD\" (from liba.so) exists already (built in)");
  EXPECT_EQ(refusal([&] { registry.AddLearningRatePolicy<Halve>("step"); }),
            "lr_policy \"step\" (from liba.so) exists already (built in)");
  registry.AddUpdateRule<Descend>("xavier");  // another kind: no clash
}

TEST(RegistryParts, FieldsThatOthersHaveAreRefused) {
  Registry registry;
  const auto refusal = [&](const std::string& field, int number) {
    return Caught([&] {
             registry.AddFiller<Ramp>("ramp", Field<BlobShape>{field, number});
           })
        .message();
  };
  EXPECT_EQ(refusal("std", 0), "every filler has a field std already");
  EXPECT_EQ(refusal("ramp_param", 6),
            "ramp_param cannot have number 6: that is std, which every filler has");
  EXPECT_EQ(refusal("ramp_param", -1).substr(0, 35), "ramp_param cannot have number -1: 1");

  registry.AddFiller<Ramp>("first", Field<BlobShape>{"first_param", 77});
  EXPECT_EQ(refusal("ramp_param", 77),
            "filler type \"ramp\" (built in) wants ramp_param with number 77, which filler type "
            "\"first\" (built in) uses for first_param: give it another one");
  EXPECT_EQ(refusal("first_param", 78),
            "filler type \"ramp\" (built in) wants first_param for its message moka.BlobShape, but "
            "filler type \"first\" (built in) uses it for number 77");
  registry.AddFiller<Ramp>("ramp", Field<BlobShape>{"first_param", 77});  // shared
  EXPECT_EQ(registry.fillers().size(), 2u);
}

TEST(RegistryParts, NumbersBetweenTheCommonOnesAreKept) {
  Registry registry;
  EXPECT_EQ(Caught([&] {
              LearningRatePolicyType type;
              type.name = "odd";
              type.fields = {{"odd_param", 27, "moka.BlobShape"}};  // SolverParameter has up to 42
              type.create = [](const SolverParameter& solver, const FieldBytes&) {
                return std::make_unique<Halve>(solver);
              };
              registry.AddType(std::move(type));
            }).message(),
            "odd_param cannot have number 27: that is test_state, which every solver has");
}

TEST(RegistryParts, AFillersParametersComeFromTheFieldItNames) {
  Registry registry;
  registry.AddFiller<Ramp>("ramp", Field<BlobShape>{"ramp_param", 90});
  FillerParameter filler = FillerOf("ramp");
  BlobShape shape;
  shape.add_dim(5);
  std::string bytes = filler.SerializeAsString();
  const std::string inner = shape.SerializeAsString();
  bytes += std::string("\xd2\x05", 2) + static_cast<char>(inner.size()) + inner;  // 90, bytes
  bytes += std::string("\xd8\x05\x07", 3);                                        // 91, a number
  ASSERT_TRUE(filler.ParseFromString(bytes));
  Tensor tensor(Shape{2});
  Fill(registry, filler, RandomStream(1, "", 0, 0), tensor);
  EXPECT_EQ(tensor.data()[1], 5);
}

TEST(RegistryParts, WhatAPluginsConstructorThrowsNamesThePlugin) {
  Registry registry;
  registry.SetOrigin("liba.so", "a");
  registry.AddFiller<Ramp>("ramp", Field<BlobShape>{"ramp_param", 90});
  const auto refusal = [&](int64_t dim) {
    BlobShape shape;
    shape.add_dim(dim);
    FillerParameter filler;
    const std::string inner = shape.SerializeAsString();
    filler.ParseFromString("\x0a\x04ramp\xd2\x05" +
                           std::string(1, static_cast<char>(inner.size())) + inner);
    return Caught([&] { registry.MakeFiller(filler); });
  };
  EXPECT_EQ(refusal(13).message(), "dim 13 brings bad luck");
  EXPECT_EQ(refusal(13).field(), "ramp_param.dim");
  EXPECT_EQ(refusal(14).message(), "filler type \"ramp\", plugin liba.so: out of luck");
  EXPECT_EQ(refusal(15).message(),
            "filler type \"ramp\", plugin liba.so: threw something that is no std::exception");
}

TEST(RegistryParts, TypesWithoutAFunctionThatMakesThemAreRefused) {
  Registry registry;
  LayerType layer;
  layer.name = "Nothing";
  EXPECT_EQ(Caught([&] { registry.AddType(layer); }).message(),
            "type \"Nothing\" has no function that creates it");
  FillerType filler;
  filler.name = "nothing";
  EXPECT_EQ(Caught([&] { registry.AddType(filler); }).message(),
            "filler type \"nothing\" has no function that creates it");
}

TEST(RegistryParts, OneOriginMayBringAThousandTypesOfAKind) {
  Registry registry;
  registry.SetOrigin("liba.so", "a");
  for (int i = 0; i < 1000; ++i) registry.AddUpdateRule<Descend>("D" + std::to_string(i));
  EXPECT_EQ(Caught([&] { registry.AddUpdateRule<Descend>("One"); }).message(),
            "it brings more than 1000 solver types");
  registry.SetOrigin("libb.so", "b");
  registry.AddUpdateRule<Descend>("One");
  EXPECT_EQ(registry.update_rules().size(), 1001u);
}

TEST(RegistryParts, CopiesDoNotSeeEachOther) {
  Registry one;
  one.AddUpdateRule<Descend>("One");
  Registry two = one;
  two.AddUpdateRule<Descend>("Two");
  two.SetOrigin("libb.so");
  EXPECT_EQ(one.update_rules().size(), 1u);
  EXPECT_EQ(two.update_rules().size(), 2u);
  EXPECT_EQ(one.origin(), "built in");
}

}  // namespace
}  // namespace moka
