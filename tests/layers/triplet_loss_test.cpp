// TripletLoss: 1/(2N) sum of max(0, margin + |a - p|^2 - |a - n|^2).
#include "layers/losses.h"

namespace moka {
namespace {

std::string Loss(const std::string& params = "") {
  return "type: 'TripletLoss' triplet_loss_param { " + params + " }";
}
const std::vector<Shape> kShapes = {{2, 2}, {2, 2}, {2, 2}};
const std::vector<Values> kBottoms = {
    {0, 0, 1, 1}, {3, 4, 1, 2}, {2, 1, 4, 5}};  // distances^2: 25 - 5, 1 - 25

TEST(TripletLoss, WantsThePositiveNearerByTheMargin) {
  EXPECT_EQ(LossOf(Loss(), kShapes, kBottoms), 5.25F);              // (21 + 0) / 4
  EXPECT_EQ(LossOf(Loss("margin: 25"), kShapes, kBottoms), 11.5F);  // (45 + 1) / 4
  EXPECT_EQ(LossOf(Loss("margin: -20"), kShapes, kBottoms), 0);
}

TEST(TripletLoss, GivesAllThreeAGradientWhereSomethingIsMissing) {
  const auto d = GradientsOf(Loss(), kShapes, kBottoms, 2);
  EXPECT_EQ(d[0], (Values{-1, -3, 0, 0}));  // n - p
  EXPECT_EQ(d[1], (Values{3, 4, 0, 0}));    // p - a
  EXPECT_EQ(d[2], (Values{-2, -1, 0, 0}));  // a - n
}

TEST(TripletLoss, ComparesFeaturesOfAnyShape) {
  EXPECT_EQ(LossOf(Loss(), {{2, 1, 2}, {2, 2}, {2, 2, 1}}, kBottoms), 5.25F);
}

TEST(TripletLoss, IsZeroWithoutItems) {
  EXPECT_EQ(LossOf(Loss(), {{0, 3}, {0, 3}, {0, 3}}, {{}, {}, {}}), 0);
}

TEST(TripletLoss, ShowsNan) {
  const std::vector<Shape> shapes = {{2, 1}, {2, 1}, {2, 1}};
  const std::vector<Values> bottoms = {{kNan, 0}, {0, 0}, {0, 1}};
  EXPECT_TRUE(std::isnan(LossOf(Loss(), shapes, bottoms)));
  const auto d = GradientsOf(Loss(), shapes, bottoms);
  EXPECT_TRUE(std::isnan(d[0][0]) && std::isnan(d[1][0]) && std::isnan(d[2][0]));
  EXPECT_EQ(d[0][1], 0);
}

TEST(TripletLoss, RefusesBottomsThatDoNotMatch) {
  ExpectRefused(Loss(), {{4, 3}, {4, 2}, {4, 3}},
                "bottom 0 is 4x3, bottom 1 is 4x2: all must have as many samples and as many "
                "values");
  ExpectRefused(Loss(), {{4, 3}, {4, 3}, {3, 4}}, "bottom 0 is 4x3, bottom 2 is 3x4: all must");
}

TEST(TripletLoss, RefusesAMarginThatIsNotFinite) {
  ExpectRefused(Loss("margin: nan"), kShapes, "margin must be finite, but is nan",
                "triplet_loss_param.margin");
  ExpectRefused(Loss("margin: -inf"), kShapes, "margin must be finite, but is -inf",
                "triplet_loss_param.margin");
}

ContractCase Case(const std::string& margin, const Shape& shape, float size) {
  return {
      "triplet_loss_param { margin: " + margin + " }", {shape, shape, shape}, Between(-size, size)};
}

const ContractCases kCases("TripletLoss",
                           {Case("5", {4, 3}, 0.5F),
                            {"", {{4, 3}, {4, 3}, {4, 3}}, Between(-0.2F, 0.2F)},
                            Case("0", {8, 3}, 2),
                            Case("-1", {8, 3}, 2),
                            Case("-100", {4, 3}, 1),
                            Case("1e3", {4, 3}, 1),
                            Case("1", {1, 1}, 0.4F),
                            Case("1", {1, 6}, 0.2F),
                            Case("1", {6, 1}, 0.4F),
                            Case("1", {5}, 0.4F),
                            Case("9", {2, 3, 2, 2}, 0.4F),
                            {"", {{2, 3, 2}, {2, 6}, {2, 2, 3}}, Between(-0.2F, 0.2F)},
                            Case("1", {0, 3}, 1),
                            Case("1", {3, 0}, 1),
                            {"", {{3, 9000}, {3, 9000}, {3, 9000}}, NoGradients(Between(-1, 1))}});

}  // namespace
}  // namespace moka
