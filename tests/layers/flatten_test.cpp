// Flatten: several axes made one.
#include <gtest/gtest.h>

#include "caught.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

Shape FlatShape(const Shape& shape, const std::string& params) {
  const Values x(static_cast<size_t>(shape.count()));
  return RunLayer("type: 'Flatten' flatten_param { " + params + " }", std::vector<Shape>{shape},
                  {x})
      .shapes[0];
}

TEST(Flatten, MakesOneAxisOfAllButTheFirst) {
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, ""), (Shape{2, 60}));
  EXPECT_EQ(FlatShape({2, 3}, ""), (Shape{2, 3}));
}

TEST(Flatten, TakesAnyRangeOfAxes) {
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: 0"), Shape{120});
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: 0 end_axis: 1"), (Shape{6, 4, 5}));
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: 1 end_axis: -2"), (Shape{2, 12, 5}));
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: -3 end_axis: 1"), (Shape{2, 3, 4, 5}));
}

TEST(Flatten, TakesNoItems) { EXPECT_EQ(FlatShape({0, 3, 4}, ""), (Shape{0, 12})); }

TEST(Flatten, KeepsTheValuesAndTheirOrder) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  const auto result = RunLayer("type: 'Flatten'", {{1, 2, 2}}, {{5, 6, 7, 8}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{5, 6, 7, 8}));
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, 3, 4}));
}

TEST(Flatten, RefusesAxesThatAreNotThereOrOutOfOrder) {
  const Error order = Caught([] { FlatShape({2, 3, 4, 5}, "axis: 2 end_axis: 1"); });
  EXPECT_NE(order.message().find("axis 2 lies after end_axis 1 in a bottom of shape 2x3x4x5"),
            std::string::npos);
  EXPECT_EQ(order.field(), "flatten_param.axis");
  const Error axis = Caught([] { FlatShape({2, 3}, "axis: 3"); });
  EXPECT_NE(axis.message().find("axis 3 is out of range for shape 2x3"), std::string::npos);
  EXPECT_EQ(axis.field(), "flatten_param.axis");
  const Error end = Caught([] { FlatShape({2, 3}, "end_axis: -3"); });
  EXPECT_EQ(end.field(), "flatten_param.end_axis");
}

TEST(Flatten, KeepsTheLayerContract) {
  EXPECT_TRUE(CheckLayer("type: 'Flatten'", {{2, 3, 4}}));
  EXPECT_TRUE(CheckLayer("type: 'Flatten' flatten_param { axis: 0 end_axis: 1 }", {{2, 3, 4}}));
  EXPECT_TRUE(CheckLayer("type: 'Flatten' flatten_param { axis: -1 }", {{6}}));
}

}  // namespace
}  // namespace moka
