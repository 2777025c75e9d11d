// CheckLayer: passes right layers, and catches what Forward does wrong.
#include "moka/check_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "check/sample_layers.h"

namespace moka {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

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

// y: the positive ones of x, which Reshape cannot know the number of.
class Positive : public Layer {
 public:
  using Layer::Layer;
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = {bottom[0].count()}; }
  void Forward(ForwardPass& pass) override {
    int64_t count = 0;
    for (const float x : pass.bottom(0).values()) {
      if (x > 0) pass.top(0).data()[count++] = x;
    }
    pass.SetTopShape(0, {count});
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* dy = pass.top_diff(0).data();
    const auto x = pass.bottom(0).values();
    for (size_t i = 0; i < x.size(); ++i) pass.bottom_diff(0).data()[i] = x[i] > 0 ? *dy++ : 0;
  }
};
TEST(CheckLayer, PassesALayerWhoseTopShrinksWithTheData) {
  CheckOptions options;
  options.kinks = {0};
  EXPECT_TRUE(Check<Positive>({{3, 4}}, options));
  options.input = [](int, int64_t, float random) { return -1 - random; };
  EXPECT_TRUE(Check<Positive>({{3, 4}}, options)) << "an empty top";
}

// y = x + s, where s, kept over the passes, counts them; by way of a buffer for each worker.
class Counts : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits().NoBackward(); }
  void SetUp(Shapes, Setup& setup) override { setup.AddState("count", {1}, 0); }
  void Reshape(Shapes bottom, Plan& plan) override {
    plan.top(0) = bottom[0];
    row_ = plan.Scratch<float>(bottom[0].count_from(1), true);
  }
  void Forward(ForwardPass& pass) override {
    const float s = ++pass.state(0).data()[0], *x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.bottom(0).shape()[0], 1, [&](int64_t begin, int64_t end, int worker) {
      const auto row = pass.Get(row_, worker);
      const auto k = static_cast<int64_t>(row.size());
      for (int64_t i = begin; i < end; ++i) {
        std::copy_n(x + i * k, k, row.data());
        for (int64_t j = 0; j < k; ++j) y[i * k + j] = row[static_cast<size_t>(j)] + s;
      }
    });
  }
  Buffer<float> row_;
};
TEST(CheckLayer, PassesALayerWithStateAndBuffersOfWorkers) {
  const CheckResult result = Check<Counts>({{3, 5}});
  EXPECT_TRUE(result);
  EXPECT_THAT(result.checked(), Not(Contains("gradients are the differences of Forward")));
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

class DiffersFromLayerToLayer : public Square {
 public:
  explicit DiffersFromLayerToLayer(const LayerSpec& spec) : Square(spec), number_(++made_) {}
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    pass.top(0).data()[2] = static_cast<float>(number_);
  }

 private:
  static inline int made_ = 0;
  const int number_;
};
TEST(CheckLayer, CatchesALayerThatDiffersFromOthersOfItsSeed) {
  EXPECT_THAT(Check<DiffersFromLayerToLayer>({{2, 3}}).broken(),
              Contains("with a new layer of the same seed: top 0 at element 2 (0,2): expected 1, "
                       "got 2"));
}

class ShrinksAnew : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    pass.SetTopShape(0, {++runs_ % 2 + 1, 3});
  }
  int runs_ = 0;
};
TEST(CheckLayer, CatchesAnotherShapeFromTheSameInput) {
  EXPECT_THAT(Check<ShrinksAnew>({{2, 3}}).broken(),
              Contains("run again: the shape of top 0: expected 2x3, got 1x3"));
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

class RemembersTheLargestShape : public Square {
 public:
  using Square::Square;
  void Forward(ForwardPass& pass) override {
    Square::Forward(pass);
    most_ = std::max(most_, pass.top(0).count());
    if (pass.top(0).count() < most_) pass.top(0).data()[0] = 0;
  }
  int64_t most_ = 0;
};
TEST(CheckLayer, CatchesALayerThatForgetsASmallerBatch) {
  EXPECT_THAT(Check<RemembersTheLargestShape>({{2, 3}}).broken(),
              Contains(HasSubstr("back at batch 2: top 0 at element 0 (0,0): expected ")));
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

class ParamForEachRow : public Square {
 public:
  using Square::Square;
  void SetUp(Shapes bottom, Setup& setup) override { setup.AddState("rows", {bottom[0][0]}, 1); }
};
TEST(CheckLayer, NotesThatParamsDependOnTheBatch) {
  EXPECT_THAT(Check<ParamForEachRow>({{2, 3}}).checked(),
              Contains("another batch size and back again: skipped, the layer refuses it: the "
                       "params change"));
}

}  // namespace
}  // namespace moka
