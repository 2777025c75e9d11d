// Slice: the bottom cut along an axis.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Slice(int tops, const std::string& params = "") {
  std::string layer = "type: 'Slice' slice_param { " + params + " }";
  for (int t = 0; t < tops; ++t) layer += " top: 'y" + std::to_string(t) + "'";
  return layer;
}

Error Refusal(const Shape& shape, int tops, const std::string& params) {
  const Values x(static_cast<size_t>(shape.count()));
  return Caught([&] { RunLayer(Slice(tops, params), std::vector<Shape>{shape}, {x}); });
}

void ExpectRefusal(const Error& error, const std::string& text, const std::string& field) {
  EXPECT_NE(error.message().find(text), std::string::npos) << error.message();
  EXPECT_EQ(error.field(), field);
}

TEST(Slice, CutsEqualPiecesWithoutPoints) {
  const auto result = RunLayer(Slice(2), std::vector<Shape>{{2, 2, 2}}, {{1, 2, 3, 4, 5, 6, 7, 8}});
  EXPECT_EQ(result.shapes[0], (Shape{2, 1, 2}));
  EXPECT_EQ(result.tops[0], (Values{1, 2, 5, 6}));
  EXPECT_EQ(result.tops[1], (Values{3, 4, 7, 8}));
}

TEST(Slice, CutsAtThePoints) {
  const auto result = RunLayer(Slice(3, "slice_point: 1 slice_point: 3"),
                               std::vector<Shape>{{2, 4}}, {{1, 2, 3, 4, 5, 6, 7, 8}});
  EXPECT_EQ(result.tops[0], (Values{1, 5}));
  EXPECT_EQ(result.tops[1], (Values{2, 3, 6, 7}));
  EXPECT_EQ(result.tops[2], (Values{4, 8}));
  EXPECT_EQ(result.shapes[1], (Shape{2, 2}));
}

TEST(Slice, TakesAnyAxis) {
  for (const char* axis : {"axis: 0", "axis: -2", "slice_dim: 0"}) {
    const auto result = RunLayer(Slice(2, axis), std::vector<Shape>{{2, 2}}, {{1, 2, 3, 4}});
    EXPECT_EQ(result.tops[0], (Values{1, 2})) << axis;
    EXPECT_EQ(result.tops[1], (Values{3, 4})) << axis;
  }
}

TEST(Slice, TakesOneTopAndNoItems) {
  EXPECT_EQ(RunLayer(Slice(1), std::vector<Shape>{{2, 2}}, {{1, 2, 3, 4}}).tops[0],
            (Values{1, 2, 3, 4}));
  EXPECT_EQ(RunLayer(Slice(2), std::vector<Shape>{{0, 4}}, {{}}).shapes[1], (Shape{0, 2}));
  EXPECT_EQ(RunLayer(Slice(2), std::vector<Shape>{{3, 0}}, {{}}).shapes[1], (Shape{3, 0}));
}

TEST(Slice, PutsTheGradientsSideBySide) {
  RunOptions options;
  options.top_diffs = {{1, 2}, {3, 4, 5, 6}};
  LayerGradients gradients;
  RunLayer(Slice(2, "slice_point: 1"), {{2, 3}}, {Values(6)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 3, 4, 2, 5, 6}));
}

TEST(Slice, RefusesPiecesThatCannotBeEqual) {
  ExpectRefusal(Refusal({2, 10}, 3, ""),
                "axis 1 has size 10, which cannot be cut into 3 equal pieces; give slice_point",
                "slice_param");
}

TEST(Slice, RefusesPointsThatDoNotFit) {
  const std::string field = "slice_param.slice_point";
  ExpectRefusal(Refusal({2, 10}, 2, "slice_point: 2 slice_point: 3"),
                "there are 2 slice_points for 2 tops; it takes 1", field);
  ExpectRefusal(Refusal({2, 10}, 3, "slice_point: 5 slice_point: 5"),
                "slice_point 5 does not lie after the one before it, 5", field);
  ExpectRefusal(Refusal({2, 10}, 2, "slice_point: 10"),
                "slice_point 10 is not inside axis 1, which has size 10", field);
  ExpectRefusal(Refusal({2, 10}, 2, "slice_point: 0"),
                "slice_point 0 is not inside axis 1, which has size 10", field);
}

TEST(Slice, RefusesTwoNamesForTheAxisAndAxesThatAreNotThere) {
  ExpectRefusal(Refusal({2, 10}, 2, "axis: 0 slice_dim: 1"),
                "axis 0 and slice_dim 1 are both given; slice_dim is the old name of axis",
                "slice_param.slice_dim");
  ExpectRefusal(Refusal({2, 10}, 2, "axis: -3"), "axis -3 is out of range for shape 2x10",
                "slice_param.axis");
}

CheckOptions Tops(int tops, bool gradients = true) {
  CheckOptions options;
  options.tops = tops;
  options.check_gradients = gradients;
  return options;
}

const ContractCases kCases(
    "Slice", {{"slice_param { slice_point: 1 }", {{2, 6, 2}}, Tops(2)},
              {"", {{2, 6, 2}}, Tops(3)},
              {"slice_param { axis: -1 slice_point: 3 }", {{2, 5}}, Tops(2)},
              {"", {{2, 3}}, Tops(1)},
              {"slice_param { axis: 0 }", {{4, 3}}, Tops(2)},
              {"slice_param { axis: 2 slice_point: 1 slice_point: 4 }", {{1, 2, 5}}, Tops(3)},
              {"slice_param { slice_dim: 3 }", {{1, 2, 1, 4}}, Tops(2)},
              {"slice_param { axis: -3 }", {{4, 2, 2}}, Tops(4)},
              {"", {{1, 1}}, Tops(1)},
              {"", {{2, 5, 1, 1}}, Tops(5)},
              {"", {{0, 4}}, Tops(2)},
              {"", {{2, 0, 3}}, Tops(2)},
              {"", {{2, 4, 0}}, Tops(2)},
              {"slice_param { slice_point: 2000 }", {{4, 9000}}, Tops(2, false)},
              {"", {{2, 3, 70, 70}}, Tops(3, false)}});

}  // namespace
}  // namespace moka
