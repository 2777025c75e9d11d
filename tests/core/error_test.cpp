// Errors: composition, copies that do not see later changes, and suggestions.
#include "moka/error.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

TEST(Error, JoinsItsPartsAsTheyWouldBePrinted) {
  const Error error("kernel_size ", 5, " is larger than ", 4.5, '!');
  EXPECT_STREQ("kernel_size 5 is larger than 4.5!", error.what());
  EXPECT_EQ("kernel_size 5 is larger than 4.5!", error.message());
  EXPECT_EQ("", error.field());
  EXPECT_EQ(1, error.exit_status());
}

TEST(Error, PutsThePlaceInFrontOfWhatButNotIntoTheMessage) {
  Error error("no such field");
  error.SetPlace({"net.prototxt", 31, 3});
  EXPECT_STREQ("net.prototxt:31:3: no such field", error.what());
  EXPECT_EQ("no such field", error.message());
  EXPECT_EQ(31, error.place().line);
}

TEST(Error, PrefixesTheMessageBehindThePlace) {
  Error error("no bottoms");
  error.SetPlace({"net.prototxt", 2, 1}).Prefix("(Convolution): ").Prefix("layer \"conv2\" ");
  EXPECT_STREQ("net.prototxt:2:1: layer \"conv2\" (Convolution): no bottoms", error.what());
}

TEST(Error, NamesTheFieldAtFault) {
  EXPECT_EQ("pooling_param.pad", Error("pad is 3").At("pooling_param.pad").field());
}

TEST(Error, CopiesDoNotSeeLaterChanges) {
  Error first("one");
  const Error second = first;
  first.Prefix("not ").At("field").SetPlace({"file", 1, 1});
  EXPECT_STREQ("one", second.what());
  EXPECT_EQ("", second.field());
  EXPECT_STREQ("file:1:1: not one", first.what());
}

TEST(Error, KeepsItsTypeAndStatusWhenItDiverged) {
  try {
    throw Diverged("loss is nan at iteration ", 7);
  } catch (const Error& error) {
    EXPECT_EQ(3, error.exit_status());
    EXPECT_STREQ("loss is nan at iteration 7", error.what());
  }
}

TEST(Place, LeavesOutWhatIsUnknown) {
  EXPECT_EQ("a.prototxt:31:3", ToString(Place{"a.prototxt", 31, 3}));
  EXPECT_EQ("a.prototxt:31", ToString(Place{"a.prototxt", 31, 0}));
  EXPECT_EQ("a.prototxt", ToString(Place{"a.prototxt", 0, 3}));
  EXPECT_EQ("4:2", ToString(Place{"", 4, 2}));
  EXPECT_EQ("", ToString(Place{}));
}

TEST(ErrorList, HasALineForEachAndTheFirstOnesPlace) {
  Error first("bad type"), second("bad name");
  first.SetPlace({"net", 1, 2}).At("type");
  second.SetPlace({"net", 5, 6}).At("name");
  const ErrorList list({first, second});
  EXPECT_STREQ("net:1:2: bad type\nnet:5:6: bad name", list.what());
  EXPECT_EQ(1, list.place().line);
  EXPECT_EQ("type", list.field());
  EXPECT_EQ(2u, list.errors().size());
}

TEST(ErrorList, IsNeverEmpty) { EXPECT_EQ(1u, ErrorList({}).errors().size()); }

TEST(Nearest, FindsWordsAFewEditsAway) {
  const std::vector<std::string> types = {"Convolution", "Pooling", "ReLU", "PReLU", "ELU"};
  EXPECT_EQ("Convolution", Nearest("Convolutoin", types));  // swapped
  EXPECT_EQ("Convolution", Nearest("Convoluton", types));   // left out
  EXPECT_EQ("Pooling", Nearest("Poolling", types));         // added
  EXPECT_EQ("ReLU", Nearest("relu", types));
  EXPECT_EQ("ELU", Nearest("elu", types));
}

TEST(Nearest, IgnoresCaseHyphensAndUnderscores) {
  EXPECT_EQ("SoftmaxWithLoss", Nearest("softmax_with-loss", {"SoftmaxWithLoss"}));
  EXPECT_EQ("num_output", Nearest("numOutput", {"num_output"}));
}

TEST(Nearest, TakesTheFirstOfEquallyNearOnes) {
  EXPECT_EQ("conv1", Nearest("conv", {"conv1", "conv2"}));
  EXPECT_EQ("conv2", Nearest("conv", {"conv2", "conv1"}));
}

TEST(Nearest, FindsNothingInWordsFarAway) {
  EXPECT_EQ("", Nearest("Dropout", {"Convolution", "Pooling"}));
  EXPECT_EQ("", Nearest("pool", {"fool2"}));  // two edits in four letters
  EXPECT_EQ("", Nearest("a", {"b"}));         // a single letter, all of it wrong
  EXPECT_EQ("", Nearest("", {"b"}));
  EXPECT_EQ("", Nearest("word", {}));
}

TEST(DidYouMean, AsksOrSaysNothing) {
  EXPECT_EQ("; did you mean \"ReLU\"?", DidYouMean("RelU", {"ReLU"}));
  EXPECT_EQ("", DidYouMean("Sigmoid", {"ReLU"}));
}

}  // namespace
}  // namespace moka
