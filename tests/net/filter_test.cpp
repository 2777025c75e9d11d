#include "net/filter.h"

#include <gtest/gtest.h>

#include "net/net_text.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::Parse;

// The names of the layers that stay for a state written as text.
std::string Names(const std::string& state, const std::string& rules) {
  NetDescription net =
      Parse("state { " + state +
            " } layer { name: 'a' type: 'Input' top: 'a' input_param { shape { dim: 1 } } }" +
            "layer { name: 'b' type: 'ReLU' bottom: 'a' top: 'b' " + rules + " }");
  net = FilterByState(std::move(net));
  std::string names;
  for (const LayerDescription& layer : net.layers) names += layer.common.name();
  return names;
}

TEST(Filter, KeepsLayersWithoutRules) { EXPECT_EQ(Names("phase: TRAIN", ""), "ab"); }

TEST(Filter, IncludesByPhase) {
  EXPECT_EQ(Names("phase: TRAIN", "include { phase: TRAIN }"), "ab");
  EXPECT_EQ(Names("phase: TEST", "include { phase: TRAIN }"), "a");
}

TEST(Filter, ExcludesByPhase) {
  EXPECT_EQ(Names("phase: TRAIN", "exclude { phase: TRAIN }"), "a");
  EXPECT_EQ(Names("phase: TEST", "exclude { phase: TRAIN }"), "ab");
}

TEST(Filter, IncludesWhenAnyRuleHolds) {
  const std::string rules = "include { phase: TRAIN } include { stage: 'deploy' }";
  EXPECT_EQ(Names("phase: TEST stage: 'deploy'", rules), "ab");
  EXPECT_EQ(Names("phase: TEST", rules), "a");
}

TEST(Filter, WantsAllStagesOfARule) {
  const std::string rules = "include { stage: 'x' stage: 'y' }";
  EXPECT_EQ(Names("stage: 'x'", rules), "a");
  EXPECT_EQ(Names("stage: 'y' stage: 'x'", rules), "ab");
}

TEST(Filter, WantsNoneOfTheNotStages) {
  EXPECT_EQ(Names("stage: 'x'", "include { not_stage: 'x' }"), "a");
  EXPECT_EQ(Names("stage: 'z'", "include { not_stage: 'x' }"), "ab");
}

TEST(Filter, ComparesLevels) {
  EXPECT_EQ(Names("level: 1", "include { min_level: 2 }"), "a");
  EXPECT_EQ(Names("level: 2", "include { min_level: 2 }"), "ab");
  EXPECT_EQ(Names("level: 3", "include { max_level: 2 }"), "a");
  EXPECT_EQ(Names("level: 2", "include { min_level: 2 max_level: 2 }"), "ab");
}

TEST(Filter, RefusesIncludeAndExcludeTogether) {
  EXPECT_NE(ErrorOf([] {
              Names("", "include { phase: TRAIN } exclude { phase: TEST }");
            }).find("layer \"b\" (ReLU): has both include and exclude rules; one kind is enough"),
            std::string::npos);
}

}  // namespace
}  // namespace moka
