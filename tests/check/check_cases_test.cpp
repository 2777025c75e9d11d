// Cases to check layers in: declared, and derived from traits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caught.h"
#include "check/sample_layers.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

const Registry& Builtin() {
  static const Registry registry = BuiltinLayers();
  return registry;
}

std::vector<std::string> Derived(const std::string& type) {
  std::vector<std::string> cases;
  for (const CheckCase& a_case : DeriveCheckCases(Builtin().Get(type), Builtin()))
    cases.push_back(Describe(a_case));
  return cases;
}

TEST(CheckCases, AreDerivedForALayerThatTakesAnyShape) {
  EXPECT_THAT(Derived("TanH"), testing::ElementsAre("2x3x4x5", "4x3", "3x2x5", "1x1x1x1"));
}

TEST(CheckCases, AreDerivedWithLabelsForALoss) {
  EXPECT_THAT(Derived("SoftmaxWithLoss"), testing::Contains("4x3 and 4"));
  EXPECT_THAT(Derived("SoftmaxWithLoss"), testing::Contains("2x3x4x5 and 2x4x5"));
}

TEST(CheckCases, AreDerivedForOneMoreBottomWhereThatIsAllowed) {
  EXPECT_THAT(Derived("Concat"), testing::Contains("4x3"));
  EXPECT_THAT(Derived("Concat"), testing::Contains("4x3 and 4x3"));
}

TEST(CheckCases, CannotBeDerivedForALayerThatNeedsParameters) {
  EXPECT_EQ(Caught([] { Derived("InnerProduct"); }).message(),
            "cannot be built without parameters, from any shapes that were tried (num_output is "
            "missing); declare cases for it: registry.AddCheckCase(\"InnerProduct\", ...)");
}

TEST(CheckCases, DerivedOnesPassForBuiltInLayers) {
  for (const char* type : {"TanH", "SoftmaxWithLoss", "EuclideanLoss", "Softmax", "Concat"}) {
    for (const CheckCase& a_case : DeriveCheckCases(Builtin().Get(type), Builtin()))
      EXPECT_TRUE(CheckLayer(Builtin().Get(type), a_case, Builtin()))
          << type << ": " << Describe(a_case);
  }
}

TEST(CheckCases, AreKeptWithTheLayerTheyAreDeclaredFor) {
  Registry registry = Only<Square>();
  registry.AddCheckCase("Sample", CheckCase("", {{2, 3}}).Range(0, 1, 2));
  registry.AddCheckCase("Sample", CheckCase("loss_weight: 1", {{1}}).Testing());
  const std::vector<CheckCase> cases = registry.check_cases("Sample");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(Describe(cases[0]), "2x3");
  EXPECT_EQ(Describe(cases[1]), "1, loss_weight: 1, in phase TEST");
  EXPECT_TRUE(CheckLayer(registry.Get("Sample"), cases[0], registry));
  EXPECT_TRUE(registry.check_cases("ReLU").empty());
}

TEST(CheckCases, AreRefusedForTheLayerOfSomebodyElse) {
  Registry registry = BuiltinLayers();
  registry.SetOrigin("liba.so", "a");
  const auto refusal = [&](const char* type) {
    return Caught([&] { registry.AddCheckCase(type, CheckCase("", {{1}})); }).message();
  };
  EXPECT_EQ(refusal("ReLU"), "a check case for type \"ReLU\", which liba.so has not registered");
  EXPECT_EQ(refusal("Snake"), "a check case for type \"Snake\", which liba.so has not registered");
}

TEST(CheckCases, ValuesOfBottomsAreAsTheCaseSays) {
  // The wrong gradient of |x| at 0 is seen only where inputs may come near 0.
  const LayerType& relu = Builtin().Get("ReLU");
  EXPECT_TRUE(CheckLayer(relu, CheckCase("", {{4, 50}}).Kinks({0}), Builtin()));
  EXPECT_TRUE(CheckLayer(relu, CheckCase("", {{4, 50}}).Range(0, 1, 2), Builtin()));
  EXPECT_TRUE(CheckLayer(Builtin().Get("Dropout"), CheckCase("", {{4, 50}}).Random(), Builtin()));
  EXPECT_FALSE(CheckLayer(Builtin().Get("Dropout"), CheckCase("", {{4, 50}}), Builtin()));
  EXPECT_TRUE(CheckLayer(Builtin().Get("Dropout"), CheckCase("", {{4, 50}}).Testing(), Builtin()));
}

}  // namespace
}  // namespace moka
