// L1Loss: 1/N sum |a - b|.
#include "layers/losses.h"

namespace moka {
namespace {

const char* const kLoss = "type: 'L1Loss'";

TEST(L1Loss, IsTheSumOfDistancesOverTheSamples) {
  EXPECT_EQ(LossOf(kLoss, {{2, 2}, {2, 2}}, {{1, 2, 3, 4}, {0, 4, 1, 1}}), 4);  // 8 / 2
}

TEST(L1Loss, GivesBothBottomsTheSign) {
  const auto d = GradientsOf(kLoss, {{2, 2}, {2, 2}}, {{1, 2, 3, 4}, {0, 4, 3, 1}}, 3);
  EXPECT_EQ(d[0], (Values{1.5F, -1.5F, 0, 1.5F}));
  EXPECT_EQ(d[1], (Values{-1.5F, 1.5F, 0, -1.5F}));
}

TEST(L1Loss, ComparesShapesOfEqualSamplesAndCount) {
  EXPECT_EQ(LossOf(kLoss, {{2, 1, 2}, {2, 2}}, {{1, 1, 1, 1}, {0, 0, 0, 0}}), 2);
}

TEST(L1Loss, SumsInDouble) {
  const size_t n = 1 << 21;
  Values a(n, 0.1F);
  a[0] = 4194304;
  EXPECT_EQ(LossOf(kLoss, {{1, 1 << 21}, {1, 1 << 21}}, {a, Values(n)}),
            static_cast<float>(4194304 + static_cast<double>(n - 1) * 0.1F));
}

TEST(L1Loss, IsZeroWithoutItems) { EXPECT_EQ(LossOf(kLoss, {{0, 3}, {0, 3}}, {{}, {}}), 0); }

TEST(L1Loss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(kLoss, {{2}, {2}}, {{kNan, 0}, {0, 0}})));
  EXPECT_TRUE(std::isnan(GradientsOf(kLoss, {{2}, {2}}, {{kNan, 0}, {0, 0}})[1][0]));
}

TEST(L1Loss, RefusesBottomsOfDifferentSize) {
  ExpectRefused(kLoss, {{4, 3}, {4, 2}},
                "bottom 0 is 4x3 (12 values), bottom 1 is 4x2 (8 values): both must have as many "
                "samples and as many values");
  ExpectRefused(kLoss, {{4, 3}, {3, 4}}, "both must have as many samples and as many values");
}

// A lies above b, so that no difference is near the kink at 0.
CheckOptions Apart() {
  CheckOptions options;
  options.input = [](int k, int64_t i, float random) {
    return k == 0 ? random : (i % 2 == 0 ? -0.1F : 2.1F) - (i % 2 == 0 ? random : -random);
  };
  return options;
}

const ContractCases kCases("L1Loss", {{"", {{4, 3}, {4, 3}}, Apart()},
                                      {"", {{1, 1}, {1, 1}}, Apart()},
                                      {"", {{1, 7}, {1, 7}}, Apart()},
                                      {"", {{7, 1}, {7, 1}}, Apart()},
                                      {"", {{5}, {5}}, Apart()},
                                      {"", {{5}, {5, 1, 1}}, Apart()},
                                      {"", {{2, 3, 2}, {2, 6}}, Apart()},
                                      {"", {{2, 3, 4, 5}, {2, 3, 4, 5}}, Apart()},
                                      {"", {{2, 3, 1, 2, 2}, {2, 12}}, Apart()},
                                      {"loss_weight: 3", {{4, 3}, {4, 3}}, Apart()},
                                      {"", {{0, 3}, {0, 3}}, Apart()},
                                      {"", {{3, 0}, {3, 0}}, Apart()},
                                      {"", {{3, 7000}, {3, 7000}}, NoGradients(Apart())}});

}  // namespace
}  // namespace moka
