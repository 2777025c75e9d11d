// ShuffleChannel: the channels of groups dealt to new ones.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Shuffle(const std::string& params) {
  return "type: 'ShuffleChannel' shuffle_channel_param { " + params + " }";
}

std::string Refusal(const std::string& params, const Shape& shape) {
  const Values x(static_cast<size_t>(shape.count()));
  const Error error = Caught([&] { RunLayer(Shuffle(params), std::vector<Shape>{shape}, {x}); });
  return error.message() + " @" + error.field();
}

TEST(ShuffleChannel, DealsTheChannelsOfEachGroup) {
  EXPECT_EQ(RunLayer(Shuffle("group: 2"), Shape{1, 6}, {0, 1, 2, 10, 11, 12}),
            (Values{0, 10, 1, 11, 2, 12}));
  EXPECT_EQ(RunLayer(Shuffle("group: 3"), Shape{1, 6}, {0, 1, 10, 11, 20, 21}),
            (Values{0, 10, 20, 1, 11, 21}));
  EXPECT_EQ(RunLayer(Shuffle("group: 2"), Shape{2, 4, 1, 2},
                     {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}),
            (Values{0, 1, 4, 5, 2, 3, 6, 7, 10, 11, 14, 15, 12, 13, 16, 17}));
}

TEST(ShuffleChannel, ChangesNothingForOneGroupOrOneChannelEach) {
  const Values x = {1, 2, 3, 4};
  for (const char* params : {"", "group: 1", "group: 4"}) {
    EXPECT_EQ(RunLayer(Shuffle(params), Shape{1, 4}, x), x) << params;
  }
}

TEST(ShuffleChannel, DealsTheGradientsBack) {
  RunOptions options;
  options.top_diffs = {{0, 10, 1, 11, 2, 12}};
  LayerGradients gradients;
  RunLayer(Shuffle("group: 2"), {{1, 6}}, {Values(6)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 1, 2, 10, 11, 12}));
}

TEST(ShuffleChannel, RefusesGroupsThatDoNotFit) {
  EXPECT_EQ(Refusal("group: 0", {1, 4}),
            "group is 0; it must be at least 1 @shuffle_channel_param.group");
  EXPECT_EQ(Refusal("group: 3", {1, 4}),
            "group 3 does not divide the 4 channels @shuffle_channel_param.group");
  EXPECT_EQ(Refusal("group: 4294967295", {1, 4}),
            "group 4294967295 does not divide the 4 channels @shuffle_channel_param.group");
  EXPECT_EQ(Refusal("", {4}), "expects channels along axis 1, but the bottom is 4 @");
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases(
    "ShuffleChannel", {{"shuffle_channel_param { group: 2 }", {{2, 4, 2, 3}}},
                       {"", {{2, 4, 2}}},
                       {"shuffle_channel_param { group: 1 }", {{1, 3}}},
                       {"shuffle_channel_param { group: 4 }", {{2, 4, 2, 2}}},
                       {"shuffle_channel_param { group: 3 }", {{2, 6}}},
                       {"shuffle_channel_param { group: 3 }", {{1, 9, 2}}},
                       {"shuffle_channel_param { group: 1 }", {{1, 1}}},
                       {"shuffle_channel_param { group: 2 }", {{1, 2, 1, 1}}},
                       {"shuffle_channel_param { group: 2 }", {{0, 4, 2}}},
                       {"shuffle_channel_param { group: 2 }", {{2, 4, 0}}},
                       {"shuffle_channel_param { group: 5 }", {{2, 0, 3}}},
                       {"shuffle_channel_param { group: 2 }", {{2, 4, 1, 1, 3}}},
                       {"shuffle_channel_param { group: 3 }", {{2, 6, 70, 70}}, NoGradients()},
                       {"shuffle_channel_param { group: 3 }", {{1, 3, 150, 150}}, NoGradients()}});

}  // namespace
}  // namespace moka
