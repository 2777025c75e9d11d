// CheckLayer: catches what Backward does wrong, and memory that must not be shared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "check/sample_layers.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using testing::Contains;
using testing::HasSubstr;

class WrongByTenPercent : public Square {
 public:
  using Square::Square;
  void Backward(BackwardPass& pass) override {
    Square::Backward(pass);
    if (pass.wants_bottom(0)) pass.bottom_diff(0).data()[4] *= 1.1f;
  }
};
TEST(CheckLayer, CatchesAWrongGradient) {
  const auto broken = Check<WrongByTenPercent>({{2, 3}}).broken();
  EXPECT_THAT(broken, Contains(HasSubstr("gradient of bottom 0 at element 4 (1,1): expected ")));
  EXPECT_EQ(broken.size(), 1);
}

class WrongForParams : public Linear {
 public:
  using Linear::Linear;

 protected:
  void ParamGradient(BackwardPass& pass) override {
    const float before = pass.param_diff(0).data()[3];
    Linear::ParamGradient(pass);
    float& dw = pass.param_diff(0).data()[3];
    dw = pass.adds_param(0) ? before : 0;
  }
};
TEST(CheckLayer, CatchesAWrongGradientOfAParam) {
  const auto broken = Check<WrongForParams>({{3, 2}}).broken();
  EXPECT_THAT(broken, Contains(HasSubstr("gradient of param 0 at element 3 (1,1): expected ")));
  EXPECT_EQ(broken.size(), 1);
}

class IgnoresItsWeight : public HalfSquares {
 public:
  using HalfSquares::HalfSquares;
  void Backward(BackwardPass& pass) override {
    const auto x = pass.bottom(0).values(), label = pass.bottom(1).values();
    for (size_t i = 0; pass.wants_bottom(0) && i < x.size(); ++i) {
      pass.bottom_diff(0).data()[i] = (x[i] - label[i]) / static_cast<float>(x.size());
    }
  }
};
TEST(CheckLayer, CatchesALossThatIgnoresItsTopDiff) {
  EXPECT_THAT(Check<IgnoresItsWeight>({{2, 3}, {2, 3}}).broken(),
              Contains(HasSubstr("with all top diffs 0: gradient of bottom 0 at element 0 (0,0): "
                                 "expected 0, got ")));
}

class Absolute : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    const auto x = pass.bottom(0).values();
    for (size_t i = 0; i < x.size(); ++i) pass.top(0).data()[i] = std::abs(x[i]);
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const auto x = pass.bottom(0).values(), dy = pass.top_diff(0).values();
    for (size_t i = 0; i < x.size(); ++i) pass.bottom_diff(0).data()[i] = x[i] < 0 ? -dy[i] : dy[i];
  }
};
TEST(CheckLayer, StaysAwayFromKinksOrSaysThatItCannotDecide) {
  CheckOptions options;
  options.input = [](int, int64_t i, float) { return i % 2 ? 1e-4f : 1.0f; };
  EXPECT_THAT(Check<Absolute>({{2, 2}}, options).broken(),
              Contains("2 of 4 gradient elements could not be decided: kinks? "
                       "(CheckOptions::kinks, spread, step)"));
  options.kinks = {0};
  EXPECT_TRUE(Check<Absolute>({{2, 2}}, options));
}

class Largest : public Square {
 public:
  using Square::Square;
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits(); }
  void Reshape(Shapes, Plan& plan) override { plan.top(0) = {}; }
  void Forward(ForwardPass& pass) override {
    const auto x = pass.bottom(0).values();
    pass.top(0).data()[0] = *std::max_element(x.begin(), x.end());
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const auto x = pass.bottom(0).values();
    std::fill_n(pass.bottom_diff(0).data(), x.size(), 0.0f);
    pass.bottom_diff(0).data()[std::max_element(x.begin(), x.end()) - x.begin()] =
        pass.top_diff(0).data()[0];
  }
};
TEST(CheckLayer, KeepsInputsApartWhereThatIsAsked) {
  CheckOptions options;
  options.input = [](int, int64_t, float random) { return 1e-4f * random; };
  EXPECT_FALSE(Check<Largest>({{2, 2}}, options));
  options.spread = 0.05;
  EXPECT_TRUE(Check<Largest>({{2, 2}}, options));
}

class AddsAlways : public Linear {
 public:
  using Linear::Linear;

 protected:
  void ParamGradient(BackwardPass& pass) override {
    const std::vector<float> before(pass.param_diff(0).data(),
                                    pass.param_diff(0).data() + pass.param_diff(0).count());
    Linear::ParamGradient(pass);
    for (size_t i = 0; !pass.adds_param(0) && i < before.size(); ++i) {
      pass.param_diff(0).data()[i] += before[i];
    }
  }
};
TEST(CheckLayer, CatchesAddingWhereAssigningIsAsked) {
  EXPECT_THAT(
      Check<AddsAlways>({{3, 2}}).broken(),
      Contains(HasSubstr("with 1e+30 instead of NaN in all memory not yet written: gradient "
                         "of param 0 at element 0 (0,0): expected nan, got 1e+30 (and 3 more)")));
}

class AssignsAlways : public Linear {
 public:
  using Linear::Linear;

 protected:
  void ParamGradient(BackwardPass& pass) override {
    if (pass.adds_param(0))
      std::fill_n(pass.param_diff(0).data(), pass.param_diff(0).count(), 0.0f);
    Linear::ParamGradient(pass);
  }
};
TEST(CheckLayer, CatchesAssigningWhereAddingIsAsked) {
  const auto broken = Check<AssignsAlways>({{3, 2}}).broken();
  EXPECT_THAT(broken, Contains(HasSubstr("gradient of param 0, added to 1.")));
  EXPECT_EQ(broken.size(), 1);
}

class AsksForAll : public Linear {
 public:
  using Linear::Linear;
  void Backward(BackwardPass& pass) override {
    BottomGradient(pass);
    ParamGradient(pass);
  }
};
TEST(CheckLayer, CatchesAGradientThatIsNotWanted) {
  const auto broken = Check<AsksForAll>({{3, 2}}).broken();
  EXPECT_THAT(broken,
              Contains("each gradient is the same, whichever others are wanted: throws: asks "
                       "for bottom_diff(0), which is not wanted: ask wants_bottom(0) first"));
}

class ReadsWhatItDoesNotDeclare : public Square {
 public:
  using Square::Square;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Top(0));
  }
};
TEST(CheckLayer, CatchesAReadOfWhatIsNotDeclared) {
  EXPECT_THAT(
      Check<ReadsWhatItDoesNotDeclare>({{2, 3}}).broken(),
      Contains(HasSubstr("for the gradients of bottoms, with nan in all values not declared "
                         "as read: gradient of bottom 0 at element 0 (0,0): expected ")));
}

class ReadsForParams : public Linear {
 public:
  using Linear::Linear;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Bottom(0)).ParamGradientReads(Reads::Nothing());
  }
};
TEST(CheckLayer, TellsBottomReadsFromParamReads) {
  const auto broken = Check<ReadsForParams>({{3, 2}}).broken();
  EXPECT_THAT(broken, Contains(HasSubstr("for the gradients of params, with nan in all values not "
                                         "declared as read: gradient of param 0")));
  for (const std::string& text : broken)
    EXPECT_THAT(text, HasSubstr("for the gradients of params"));
}

class WritesTopDiff : public Square {
 public:
  using Square::Square;
  void Backward(BackwardPass& pass) override {
    Square::Backward(pass);
    const_cast<float*>(pass.top_diff(0).data())[0] = 7;
  }
};
TEST(CheckLayer, CatchesATopDiffThatIsWritten) {
  EXPECT_THAT(Check<WritesTopDiff>({{2, 3}}).broken(),
              Contains("Backward writes the diff of top 0"));
}

class WritesBeyondItsGradients : public Linear {
 public:
  using Linear::Linear;
  void Backward(BackwardPass& pass) override {
    Linear::Backward(pass);
    for (Tensor* diff : {pass.wants_bottom(0) ? &pass.bottom_diff(0) : nullptr,
                         pass.wants_param(0) ? &pass.param_diff(0) : nullptr}) {
      if (diff != nullptr) diff->data()[diff->count()] = 7;
    }
  }
};
TEST(CheckLayer, CatchesAWriteBeyondAGradient) {
  const auto broken = Check<WritesBeyondItsGradients>({{3, 2}}).broken();
  EXPECT_THAT(broken, Contains("Backward writes beyond the gradient of bottom 0"));
  EXPECT_THAT(broken, Contains("Backward writes beyond the gradient of param 0"));
}

class ForgetsTheGradientAlone : public Linear {
 public:
  using Linear::Linear;
  void Backward(BackwardPass& pass) override {
    Linear::Backward(pass);
    if (!pass.wants_bottom(0)) pass.param_diff(0).Fill(7);
  }
};
TEST(CheckLayer, CatchesAGradientThatDependsOnWhichOthersAreWanted) {
  const auto broken = Check<ForgetsTheGradientAlone>({{3, 2}}).broken();
  EXPECT_THAT(broken, Contains(HasSubstr("without the gradient of bottom 0 wanted: gradient of "
                                         "param 0 at element 0 (0,0): expected ")));
  EXPECT_THAT(broken, Contains(HasSubstr("with only the gradient of param 0 wanted: gradient of "
                                         "param 0 at element 0 (0,0): expected ")));
}

class Reverse : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override { Turn(pass.bottom(0), pass.top(0)); }
  void Backward(BackwardPass& pass) override {
    if (pass.wants_bottom(0)) Turn(pass.top_diff(0), pass.bottom_diff(0));
  }
  static void Turn(const Tensor& from, Tensor& to) {
    for (int64_t i = 0; i < to.count(); ++i) to.data()[i] = from.data()[to.count() - 1 - i];
  }
};
TEST(CheckLayer, CatchesATopThatMayNotTakeItsBottomsMemory) {
  const auto broken = Check<Reverse>({{2, 3}}).broken();
  EXPECT_THAT(broken, Contains(HasSubstr("with top 0 in the memory of bottom 0: top 0 at element 3 "
                                         "(1,0): expected ")));
  EXPECT_THAT(broken,
              Contains(HasSubstr("with the diff of top 0 in the memory of the diff of bottom "
                                 "0: gradient of bottom 0 at element 3 (1,0): expected ")));
}

class FirstDiffFirst : public Product {
 public:
  using Product::Product;
  static LayerTraits Traits(const LayerSpec& spec) { return Product::Traits(spec).MayShare(0, 0); }
};
TEST(CheckLayer, CatchesADiffThatIsOverwrittenTooEarly) {
  EXPECT_THAT(Check<FirstDiffFirst>({{2, 3}, {2, 3}}).broken(),
              Contains(HasSubstr("with the diff of top 0 in the memory of the diff of bottom 0: "
                                 "gradient of bottom 1 at element 0 (0,0): expected ")));
}

class NotTheSameValues : public Twice {
 public:
  using Twice::Twice;
  void Forward(ForwardPass& pass) override {
    Twice::Forward(pass);
    if (pass.top(1).data() != pass.bottom(0).data()) pass.top(1).data()[5] = 7;
  }
};
TEST(CheckLayer, CatchesValuesThatAreNotTheSame) {
  EXPECT_THAT(
      Check<NotTheSameValues>({{2, 3}}).broken(),
      Contains(HasSubstr("declared to have the values of bottom 0: top 1 at element 5 (1,2): "
                         "expected ")));
}

}  // namespace
}  // namespace moka
