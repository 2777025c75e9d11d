// Lion: w = w - rate (sign(beta1 m + (1 - beta1) g) + decay w); m = beta2 m + (1 - beta2) g.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "moka/plugin.h"
#include "moka/schema.h"
#include "moka/update_rule.h"

namespace {

// The built-in types and those of this plugin.
const moka::Registry& Plugin() {
  static const moka::Registry registry = [] {
    moka::Registry loaded = moka::BuiltinLayers();
    moka::LoadPlugin(MOKA_PLUGIN_FILE, loaded);
    return loaded;
  }();
  return registry;
}

// The rule that a solver file names.
std::unique_ptr<moka::UpdateRule> Rule(const std::string& solver) {
  return Plugin().MakeUpdateRule(moka::NetSchema(Plugin()).ParseSolver(solver).common);
}

TEST(Lion, StepsByTheSignOfMomentumAndGradient) {
  float w[] = {1, 1, 1}, m[] = {0, 4, 0};
  const float dw[] = {2, -2, 0};
  moka::UpdatePiece piece;
  piece.n = 3;
  piece.w = w;
  piece.dw = dw;
  piece.history[0] = m;
  piece.rate = 0.25;
  Rule("type: 'Lion' lion_param { beta1: 0.5 beta2: 0.75 }")->Update(piece);
  EXPECT_EQ(w[0], 0.75);  // sign(0 + 1)
  EXPECT_EQ(w[1], 0.75);  // sign(2 - 1)
  EXPECT_EQ(w[2], 1);     // sign(0)
  EXPECT_EQ(m[0], 0.5);   // 0.25 2
  EXPECT_EQ(m[1], 2.5);   // 0.75 4 - 0.25 2
}

TEST(Lion, KeepsTheDecayOutOfTheSign) {
  float w = 8, m = 0;
  const float dw = -1;
  moka::UpdatePiece piece;
  piece.n = 1;
  piece.w = &w;
  piece.dw = &dw;
  piece.history[0] = &m;
  piece.rate = 0.5;
  piece.l2 = 0.5;
  Rule("type: 'Lion'")->Update(piece);
  EXPECT_EQ(w, 6.5);  // 8 - 0.5 (-1 + 0.5 8)
}

TEST(Lion, RefusesWhatMakesNoSense) {
  const auto refusal = [](const std::string& solver) {
    try {
      Rule(solver);
    } catch (const moka::Error& error) {
      return error.field() + ": " + error.message();
    }
    return std::string();
  };
  EXPECT_EQ(refusal("type: 'Lion' lion_param { beta2: 1 }"),
            "lion_param.beta2: beta2 must be at least 0 and below 1, but is 1");
  EXPECT_EQ(refusal("type: 'Lion' momentum: 0.9"),
            "momentum: Lion knows no momentum 0.9; what is like it is beta1 in lion_param { }");
}

}  // namespace
