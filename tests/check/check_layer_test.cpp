// CheckLayer: passes right layers, and catches each broken promise.
#include "moka/check_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "check/sample_layers.h"

namespace moka {
namespace {

using testing::Contains;
using testing::HasSubstr;

template <typename L>
CheckResult Check(const std::vector<Shape>& shapes, CheckOptions options = {}) {
  const Registry registry = Only<L>();
  options.registry = &registry;
  return CheckLayer(R"(type: "Sample")", shapes, options);
}

CheckOptions Random() {
  CheckOptions options;
  options.random_layer = true;
  return options;
}

TEST(CheckLayer, PassesLayersThatKeepTheContract) {
  EXPECT_TRUE(Check<Square>({{2, 3}}));
  EXPECT_TRUE(Check<Linear>({{3, 2, 2}}));
  EXPECT_TRUE(Check<Product>({{2, 3}, {2, 3}}));
  EXPECT_TRUE(Check<HalfSquares>({{2, 3}, {2, 3}}));
  EXPECT_TRUE(Check<Twice>({{2, 3}}));
  EXPECT_TRUE(Check<Mask>({{5, 7}}, Random()));
}

TEST(CheckLayer, SaysWhatItChecked) {
  const CheckResult result = Check<Linear>({{3, 4}});
  for (const char* promise :
       {"every element is written, and only from memory that was written",
        "the same input and seed, the same result", "the same tops without a Backward to follow",
        "the same bits for 1, 2 and 3 threads", "the same result in each pass",
        "another batch size and back again", "gradients of params are added where that is asked",
        "each gradient is the same, whichever others are wanted",
        "Backward reads only the bottoms and tops that the traits declare",
        "no gradient where the tops' diffs are 0", "gradients are the differences of Forward"}) {
    EXPECT_THAT(result.checked(), Contains(promise));
  }
  EXPECT_THAT(Check<Square>({{3, 4}}).checked(),
              Contains("tops in the memory of bottoms give the same bits"));
  EXPECT_THAT(Check<Twice>({{3, 4}}).checked(),
              Contains("tops that are declared to have a bottom's values have them"));
  EXPECT_THAT(Check<Mask>({{5, 7}}, Random()).checked(),
              Contains("other random numbers in each pass"));
}

TEST(CheckLayer, ShowsItsLogInTheTestThatFails) {
  CheckResult result;
  result.Checked("one thing");
  result.Broken("another thing");
  const testing::AssertionResult assertion(result);
  EXPECT_FALSE(assertion);
  EXPECT_STREQ(assertion.failure_message(), "\n  broken: another thing\n  kept: one thing");
}

TEST(CheckLayer, ThrowsIfTheLayerCannotBeBuilt) {
  EXPECT_THROW(Check<Product>({{2, 3}, {3, 2}}), Error);
  EXPECT_THROW(Check<Product>({{2, 3}}), Error);
}

// ---- Forward

class LeavesOneOut : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    const auto x = pass.bottom(0).values();
    for (size_t i = 0; i < x.size(); ++i) {
      if (i != 4) pass.top(0).data()[i] = x[i] * x[i];
    }
  }
};
TEST(CheckLayer, CatchesAnElementThatIsNotWritten) {
  EXPECT_THAT(
      Check<LeavesOneOut>({{2, 3}}).broken(),
      Contains("with 1e+30 instead of NaN in all memory not yet written: top 0 at element 4 "
               "(1,1): expected nan, got 1e+30"));
}

class ReadsItsTop : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    const auto x = pass.bottom(0).values();
    for (size_t i = 0; i < x.size(); ++i) {
      float& y = pass.top(0).data()[i];
      y = y < -1 ? 0 : x[i] * x[i];  // swallows NaN and 1e30
    }
  }
};
TEST(CheckLayer, CatchesAComparisonWithMemoryThatNobodyWrote) {
  EXPECT_THAT(
      Check<ReadsItsTop>({{2, 3}}).broken(),
      Contains(HasSubstr("with -1e+30 instead of NaN in all memory not yet written: top 0")));
}

class WritesItsBottom : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    const_cast<float*>(pass.bottom(0).data())[1] = 7;
  }
};
TEST(CheckLayer, CatchesABottomThatIsWritten) {
  EXPECT_THAT(Check<WritesItsBottom>({{2, 3}}).broken(), Contains("Forward writes bottom 0"));
}

class WritesTooFar : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    pass.top(0).data()[pass.top(0).count()] = 7;
  }
};
TEST(CheckLayer, CatchesAWriteBeyondTheEnd) {
  EXPECT_THAT(Check<WritesTooFar>({{2, 3}}).broken(), Contains("Forward writes beyond top 0"));
}

class Hasty : public Mask {
 public:
  using Mask::Mask;
  void Forward(ForwardPass& pass) override {
    if (pass.backward_follows()) return Mask::Forward(pass);
    std::fill_n(pass.top(0).data(), pass.top(0).count(), 0.0f);
  }
};
TEST(CheckLayer, CatchesOtherTopsWithoutABackwardToFollow) {
  EXPECT_THAT(Check<Hasty>({{5, 7}}, Random()).broken(),
              Contains(HasSubstr("without a Backward to follow: top 0 at element")));
}

class CountsItsRuns : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    pass.top(0).data()[2] = static_cast<float>(++runs_);
  }
  int runs_ = 0;
};
TEST(CheckLayer, CatchesAnotherResultFromTheSameInput) {
  EXPECT_THAT(Check<CountsItsRuns>({{2, 3}}).broken(),
              Contains(HasSubstr("run again: top 0 at element 2 (0,2): expected 1, got ")));
}

class CountsItsThreads : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    pass.top(0).data()[2] = static_cast<float>(pass.threads());
  }
};
TEST(CheckLayer, CatchesAResultThatDependsOnTheNumberOfThreads) {
  EXPECT_THAT(Check<CountsItsThreads>({{2, 3}}).broken(),
              Contains("with 3 threads: top 0 at element 2 (0,2): expected 1, got 3"));
}

TEST(CheckLayer, CatchesRandomNumbersThatNobodySpokeOf) {
  EXPECT_THAT(Check<Mask>({{5, 7}}).broken(),
              Contains(HasSubstr("in the next pass (if it draws random numbers: "
                                 "CheckOptions::random_layer): top 0 at element")));
}

class AlwaysTheSameMask : public Mask {
 public:
  using Mask::Mask;

 protected:
  RandomStream Random(ForwardPass&) override { return RandomStream(1, "mask", 0, 0); }
};
TEST(CheckLayer, CatchesTheSameRandomNumbersInEachPass) {
  EXPECT_THAT(Check<AlwaysTheSameMask>({{5, 7}}, Random()).broken(),
              Contains("random_layer is said, but the next pass gives the same tops"));
}

class RemembersTheFirstShape : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    if (count_ == 0) count_ = pass.top(0).count();
    for (int64_t i = count_; i < pass.top(0).count(); ++i) pass.top(0).data()[i] = 0;
  }
  int64_t count_ = 0;
};
TEST(CheckLayer, CatchesALayerThatForgetsALargerBatch) {
  EXPECT_THAT(Check<RemembersTheFirstShape>({{2, 3}}).broken(),
              Contains(HasSubstr("with batch 3 after 2: top 0 at element 6 (2,0): expected ")));
}

class OfTwo : public Square {
 public:
  using Square::Square;
  void Reshape(Shapes bottom, Plan& plan) override {
    if (bottom[0][0] != 2) throw Error("wants 2");
    Square::Reshape(bottom, plan);
  }
};
TEST(CheckLayer, NotesThatALayerRefusesAnotherBatch) {
  const CheckResult result = Check<OfTwo>({{2, 3}});
  EXPECT_TRUE(result);
  EXPECT_THAT(
      result.checked(),
      Contains("another batch size and back again: skipped, the layer refuses it: wants 2"));
}

// ---- Backward

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

// ---- shared memory

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
