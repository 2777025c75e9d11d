// Tile: the bottom repeated along an axis.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Tile(const std::string& params) { return "type: 'Tile' tile_param { " + params + " }"; }

Error Refusal(const std::string& params, const Shape& shape = {2, 3}) {
  const Values x(static_cast<size_t>(shape.count()));
  return Caught([&] { RunLayer(Tile(params), std::vector<Shape>{shape}, {x}); });
}

TEST(Tile, RepeatsAlongAnyAxis) {
  const auto run = [](const std::string& params) {
    return RunLayer(Tile(params), std::vector<Shape>{{2, 2}}, {{1, 2, 3, 4}});
  };
  const auto columns = run("tiles: 2");
  EXPECT_EQ(columns.shapes[0], (Shape{2, 4}));
  EXPECT_EQ(columns.tops[0], (Values{1, 2, 1, 2, 3, 4, 3, 4}));
  EXPECT_EQ(run("tiles: 2 axis: -1").tops[0], columns.tops[0]);
  const auto rows = run("tiles: 3 axis: 0");
  EXPECT_EQ(rows.shapes[0], (Shape{6, 2}));
  EXPECT_EQ(rows.tops[0], (Values{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}));
}

TEST(Tile, AddsTheGradientsOfTheRepetitionsInDouble) {
  RunOptions options;
  options.top_diffs = {{1, 1e8F, 2, 3, 4, -1e8F}};  // in float 1 would be lost in 1e8
  LayerGradients gradients;
  RunLayer(Tile("tiles: 3 axis: 0"), {{1, 2}}, {{7, 7}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{7, 3}));
}

TEST(Tile, RefusesWhatIsNoNumberOfTiles) {
  const Error missing = Refusal("");
  EXPECT_EQ(missing.message(), "tiles is missing");
  EXPECT_EQ(missing.field(), "tile_param");
  for (const char* tiles : {"0", "-1"}) {
    const Error error = Refusal(std::string("tiles: ") + tiles);
    EXPECT_EQ(error.message(), std::string("tiles is ") + tiles + "; it must be at least 1");
    EXPECT_EQ(error.field(), "tile_param.tiles");
  }
}

TEST(Tile, RefusesAxesThatAreNotThereAndTopsThatAreTooLarge) {
  EXPECT_EQ(Refusal("tiles: 2 axis: 2").message(),
            "axis 2 is out of range for shape 2x3, which has 2 axes");
  EXPECT_EQ(Refusal("tiles: 2 axis: 2").field(), "tile_param.axis");
  const Error large = Refusal("tiles: 2147483647", {0, int64_t{1} << 40});
  EXPECT_EQ(large.message(),
            "shape 1099511627776x2147483647 is too large: the product of its sizes exceeds "
            "2^63 - 1");
  EXPECT_EQ(large.field(), "tile_param.tiles");
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases("Tile", {{"tile_param { tiles: 2 }", {{2, 3, 4}}},
                                    {"tile_param { tiles: 1 }", {{2, 3, 4}}},
                                    {"tile_param { tiles: 3 axis: 0 }", {{2, 3}}},
                                    {"tile_param { tiles: 3 axis: -1 }", {{2, 3, 2}}},
                                    {"tile_param { tiles: 3 axis: -3 }", {{2, 3, 2}}},
                                    {"tile_param { tiles: 2 axis: 2 }", {{2, 1, 3, 2}}},
                                    {"tile_param { tiles: 5 }", {{1, 1}}},
                                    {"tile_param { tiles: 4 axis: 0 }", {{1}}},
                                    {"tile_param { tiles: 2 }", {{0, 3}}},
                                    {"tile_param { tiles: 2 }", {{2, 0, 3}}},
                                    {"tile_param { tiles: 7 }", {{2, 1, 1, 1}}},
                                    {"tile_param { tiles: 3 }", {{2, 9000}}, NoGradients()},
                                    {"tile_param { tiles: 2 axis: 0 }", {{40000}}, NoGradients()}});

}  // namespace
}  // namespace moka
