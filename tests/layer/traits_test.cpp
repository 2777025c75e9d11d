// What a layer declares about itself.
#include "moka/traits.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

TEST(LayerTraits, AreCarefulUnlessToldOtherwise) {
  const LayerTraits traits;
  EXPECT_EQ(traits.least_bottoms(), 1);
  EXPECT_EQ(traits.most_bottoms(), 1);
  EXPECT_EQ(traits.least_tops(), 1);
  EXPECT_EQ(traits.most_tops(), 1);
  EXPECT_FALSE(traits.same_number());
  EXPECT_TRUE(traits.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_TRUE(traits.param_gradient_reads().ReadsTop(100));
  EXPECT_FALSE(traits.may_share(0, 0));
  EXPECT_FALSE(traits.same_values(0, 0));
  EXPECT_TRUE(traits.differentiable(0));
  EXPECT_TRUE(traits.has_backward());
  EXPECT_FALSE(traits.any_loss());
  EXPECT_FALSE(traits.fed_from_outside());
}

TEST(LayerTraits, SayWhatTheyWereTold) {
  const LayerTraits traits = LayerTraits()
                                 .Bottoms(2, 3)
                                 .Tops(1, LayerTraits::kAnyNumber)
                                 .MayShare(0, 1)
                                 .SameValues(1, 0)
                                 .NoGradient(1)
                                 .Loss(0)
                                 .FedFromOutside()
                                 .BottomGradientReads(Reads::Top(0))
                                 .ParamGradientReads(Reads::Bottom(1));
  EXPECT_EQ(traits.least_bottoms(), 2);
  EXPECT_EQ(traits.most_bottoms(), 3);
  EXPECT_EQ(traits.most_tops(), LayerTraits::kAnyNumber);
  EXPECT_TRUE(traits.may_share(0, 1));
  EXPECT_FALSE(traits.may_share(1, 0));
  EXPECT_TRUE(traits.same_values(1, 0));
  EXPECT_TRUE(traits.differentiable(0));
  EXPECT_FALSE(traits.differentiable(1));
  EXPECT_TRUE(traits.is_loss(0));
  EXPECT_FALSE(traits.is_loss(1));
  EXPECT_TRUE(traits.any_loss());
  EXPECT_TRUE(traits.fed_from_outside());
  EXPECT_TRUE(traits.bottom_gradient_reads().ReadsTop(0));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_FALSE(traits.param_gradient_reads().ReadsBottom(0));
  EXPECT_TRUE(traits.param_gradient_reads().ReadsBottom(1));
}

TEST(LayerTraits, WithoutBackwardNothingHasAGradient) {
  EXPECT_FALSE(LayerTraits().NoBackward().differentiable(0));
  EXPECT_FALSE(LayerTraits().NoBackward().has_backward());
}

TEST(LayerTraits, AreValues) {
  LayerTraits one;
  LayerTraits two = one;
  two.Bottoms(5);
  EXPECT_EQ(one.least_bottoms(), 1);
  one = two;
  two.Bottoms(6);
  EXPECT_EQ(one.least_bottoms(), 5);
}

TEST(Reads, CountEveryBottomFrom63OnAsOne) {
  const Reads reads = Reads::Bottom(70);
  EXPECT_TRUE(reads.ReadsBottom(63));
  EXPECT_TRUE(reads.ReadsBottom(1000));
  EXPECT_FALSE(reads.ReadsBottom(62));
  EXPECT_FALSE(reads.ReadsTop(63));
}

}  // namespace
}  // namespace moka
