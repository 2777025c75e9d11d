#include <gtest/gtest.h>

#include <regex>

#include "io/data_files.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/blob.pb.h"

namespace moka {
namespace {

using Floats = std::vector<float>;

// A set of 10 images of 2 x 3 in files, and nets that read it.
class Data : public ::testing::Test {
 protected:
  Data() {
    folder_.Write("images", IdxImages(10, 2, 3));
    folder_.Write("labels", IdxLabels(10));
    folder_.Write("cifar", CifarRecords(0, 4));
    folder_.Write("more_cifar", CifarRecords(4, 2));
  }

  // A Data layer; NAME@ stands for a file in the folder.
  std::string Layer(const std::string& param,
                    const std::string& tops = "top: 'data' top: 'label'") {
    return std::regex_replace("layer { name: 'digits' type: 'Data' " + tops + "\n" + param + " }",
                              std::regex("'([a-z_]+)@'"), "'" + (folder_ / "") + "$1'");
  }
  static std::string Digits(const std::string& more, const std::string& transform = "") {
    return "data_param { source: 'images@' labels: 'labels@' " + more + " } transform_param { " +
           transform + " }";
  }
  std::unique_ptr<Net> Make(const std::string& param, Phase phase = TRAIN, int threads = 1) {
    context_ = std::make_unique<Context>(ContextOptions{.threads = threads, .seed = 5});
    return MakeDataNet(Layer(param), *context_, phase);
  }
  // "LINE: what the layer says", without the folder.
  std::string Refused(const std::string& param) {
    std::string text = std::regex_replace(
        WhyRefused(Layer(param)), std::regex(R"(^(\d+):\d+: layer "digits" \(Data\))"), "$1");
    const std::string path = folder_ / "";
    for (size_t at; (at = text.find(path)) != std::string::npos;) text.erase(at, path.size());
    return text;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Context> context_;
};

// Images and labels of the next `count` passes.
Floats NextPasses(Net& net, int count) {
  Floats all;
  for (int i = 0; i < count; ++i) {
    net.Forward();
    for (const char* name : {"data", "label"}) {
      const Floats values = BlobValues(net, name);
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return all;
}

TEST_F(Data, GivesImagesAndLabelsInOrderInTest) {
  const auto net = Make(Digits("batch_size: 4"), TEST);
  net->Forward();
  EXPECT_EQ(net->blob("data").shape(), (Shape{4, 1, 2, 3}));
  EXPECT_EQ(net->blob("label").shape(), (Shape{4}));
  EXPECT_EQ(BlobValues(*net, "label"), (Floats{0, 1, 2, 3}));
  EXPECT_EQ(Floats(net->blob("data").data(), net->blob("data").data() + 8),
            (Floats{0, 1, 2, 3, 4, 5, 10, 11}));
  EXPECT_EQ(NextValues(*net, "label"), (Floats{4, 5, 6, 7}));
  EXPECT_EQ(NextValues(*net, "label"), (Floats{8, 9, 0, 1}));
}

TEST_F(Data, IsAskedForTheNameOfASampleWhoseLabelIsWrong) {
  context_ = std::make_unique<Context>(ContextOptions{.threads = 1, .seed = 5});
  const auto net = MakeDataNet(
      Layer(Digits("batch_size: 4")) +
          "layer { name: 'scores' type: 'DummyData' top: 's' dummy_data_param { shape { dim: 4 "
          "dim: 5 } } }"
          "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 's' bottom: 'label' top: 'loss' }",
      *context_, TEST);
  net->Forward();  // labels 0 to 3
  std::string error;
  try {
    net->Forward();
  } catch (const Error& e) {
    error = e.message();
  }
  EXPECT_EQ(error,
            "layer \"loss\" (SoftmaxWithLoss): label 5 of sample 1 (position 0) is outside 0..4 (" +
                (folder_ / "images") + " item 5)");
}

// A slice of the batch counts its samples anew: no item is better than a wrong one.
TEST_F(Data, NamesNoItemForASampleThatWasMoved) {
  context_ = std::make_unique<Context>(ContextOptions{.threads = 1, .seed = 5});
  const auto net = MakeDataNet(
      Layer(Digits("batch_size: 8")) +
          "layer { name: 'slice' type: 'Slice' bottom: 'label' top: 'a' top: 'b' "
          "slice_param { axis: 0 } }"
          "layer { name: 'scores' type: 'DummyData' top: 's' dummy_data_param { shape { dim: 4 "
          "dim: 5 } } }"
          "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 's' bottom: 'b' top: 'loss' }",
      *context_, TEST);
  std::string error;
  try {
    net->Forward();
  } catch (const Error& e) {
    error = e.message();
  }
  EXPECT_EQ(error,
            "layer \"loss\" (SoftmaxWithLoss): label 5 of sample 1 (position 0) is outside 0..4");
}

TEST_F(Data, ShufflesInTrainUnlessToldOtherwise) {
  const Floats in_order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_NE(NextValues(*Make(Digits("batch_size: 10")), "label"), in_order);
  EXPECT_EQ(NextValues(*Make(Digits("batch_size: 10 shuffle: false")), "label"), in_order);
  EXPECT_EQ(NextValues(*Make(Digits("batch_size: 10"), TEST), "label"), in_order);
  EXPECT_NE(NextValues(*Make(Digits("batch_size: 10 shuffle: true"), TEST), "label"), in_order);
}

TEST_F(Data, ShufflesAnewInEachEpoch) {
  const auto net = Make(Digits("batch_size: 10"));
  const Floats first = NextValues(*net, "label");
  EXPECT_NE(NextValues(*net, "label"), first);
}

TEST_F(Data, KeepsLabelsWithTheirImages) {
  const auto net = Make(Digits("batch_size: 7"));
  for (int pass = 0; pass < 10; ++pass) {
    net->Forward();
    for (int i = 0; i < 7; ++i) {
      EXPECT_EQ(net->blob("data").data()[6 * i], 10 * net->blob("label").data()[i]);
    }
  }
}

TEST_F(Data, GoesOnWhereACounterSays) {
  const auto whole = Make(Digits("batch_size: 4", "mirror: true"));
  NextPasses(*whole, 7);
  const Floats rest = NextPasses(*whole, 5);
  const auto resumed = Make(Digits("batch_size: 4", "mirror: true"));
  resumed->set_counter(7);
  EXPECT_EQ(NextPasses(*resumed, 5), rest);
}

TEST_F(Data, HasTheSameBitsForAnyThreadsAndAnyPrefetch) {
  const std::string transform = "mirror: true crop_size: 2 scale: 0.1 mean_value: 3";
  const Floats expected = NextPasses(*Make(Digits("batch_size: 4 prefetch: 0", transform)), 9);
  for (int threads : {1, 2, 3}) {
    for (const char* prefetch : {"0", "1", "4", "50"}) {
      const std::string more = "batch_size: 4 prefetch: " + std::string(prefetch);
      EXPECT_EQ(NextPasses(*Make(Digits(more, transform), TRAIN, threads), 9), expected);
    }
  }
}

TEST_F(Data, DependsOnTheSeed) {
  const auto net = Make(Digits("batch_size: 10"));
  const Floats first = NextValues(*net, "label");
  net->set_counter(0);
  context_->set_seed(6);
  EXPECT_NE(NextValues(*net, "label"), first);
}

TEST_F(Data, ReadsCifar10FromSeveralFiles) {
  const auto net =
      Make("data_param { source: 'cifar@' source: 'more_cifar@' batch_size: 6 }", TEST);
  EXPECT_EQ(NextValues(*net, "label"), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(net->blob("data").shape(), (Shape{6, 3, 32, 32}));
  EXPECT_EQ(net->blob("data").data()[6 * 3072 - 1], 8);
}

TEST_F(Data, NeedsNoLabelsForOneTop) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      Layer("data_param { source: 'images@' batch_size: 1 }", "top: 'data'"), context, TEST);
  EXPECT_EQ(NextValues(*net, "data"), (Floats{0, 1, 2, 3, 4, 5}));
}

TEST_F(Data, CutsFromTheCentreInTestAndAtRandomInTrain) {
  const std::string param = Digits("batch_size: 10 shuffle: false", "crop_size: 2");
  const Floats test = NextValues(*Make(param, TEST), "data");
  EXPECT_EQ(Floats(test.begin(), test.begin() + 4), (Floats{0, 1, 3, 4}));
  EXPECT_NE(NextValues(*Make(param), "data"), test);
}

TEST_F(Data, SubtractsAMeanImageFromAFile) {
  BlobProto mean;
  for (int64_t size : {1, 2, 3}) mean.mutable_shape()->add_dim(size);
  for (int i = 0; i < 6; ++i) mean.add_data(static_cast<float>(i));
  folder_.Write("mean", mean.SerializeAsString());
  const auto net = Make(Digits("batch_size: 2", "mean_file: 'mean@' scale: 0.5"), TEST);
  EXPECT_EQ(NextValues(*net, "data"), (Floats{0, 0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5}));
}

TEST_F(Data, TakesTransformsFromTheirOldPlace) {
  EXPECT_EQ(NextValues(*Make(Digits("batch_size: 1 scale: 0.5 crop_size: 2"), TEST), "data"),
            (Floats{0, 0.5f, 1.5f, 2}));
  EXPECT_EQ(Refused(Digits("batch_size: 1\n scale: 0.5", "scale: 2")),
            "3: scale is given twice: 0.5 in data_param and 2 in transform_param");
}

TEST_F(Data, RefusesDatabasesAndSaysWhatIsRead) {
  EXPECT_EQ(Refused(Digits("batch_size: 4\n backend: LMDB")),
            "3: backend LMDB: databases are not read yet; MNIST's IDX files (`source` and "
            "`labels`) and CIFAR-10's binary files are");
  EXPECT_EQ(Refused(Digits("batch_size: 4\n backend: LEVELDB")),
            "3: backend LEVELDB: databases are not read yet; MNIST's IDX files (`source` and "
            "`labels`) and CIFAR-10's binary files are");
  std::filesystem::create_directory(folder_ / "lmdb");
  EXPECT_EQ(Refused("data_param { batch_size: 4\n source: 'lmdb@' }"),
            "3: lmdb is a folder: LMDB and LevelDB databases are not read yet; MNIST's IDX files "
            "(`source` and `labels`) and CIFAR-10's binary files are");
}

TEST_F(Data, RefusesParametersThatMakeNoSense) {
  EXPECT_EQ(Refused("data_param { batch_size: 4 }"), "2: data_param needs a source");
  EXPECT_EQ(Refused(Digits("")), "2: data_param needs a batch_size");
  EXPECT_EQ(Refused(Digits("\nbatch_size: 0")), "3: batch_size 0 is no batch");
  EXPECT_EQ(Refused(Digits("batch_size: 1\n prefetch: 4000000000")),
            "3: prefetch 4000000000 is more than the 1024 batches that make sense");
  EXPECT_EQ(Refused(Digits("batch_size: 1", "\nforce_gray: true")),
            "3: force_gray speaks of encoded images; IDX and CIFAR-10 files hold none");
  EXPECT_EQ(Refused(Digits("batch_size: 1\n force_encoded_color: true")),
            "3: force_encoded_color speaks of encoded images; IDX and CIFAR-10 files hold none");
  EXPECT_EQ(Refused(Digits("batch_size: 1", "mean_file: 'nowhere'\n mean_value: 3")),
            "3: mean_file and mean_value are both given; one of them says what to subtract");
  EXPECT_EQ(Refused(Digits("batch_size: 1", "\nmean_value: 3 mean_value: 4")),
            "3: mean_value is given 2 times, but the images are 1x2x3; give it once, or once for "
            "each channel");
  EXPECT_EQ(Refused(Digits("batch_size: 1", "\ncrop_size: 3")),
            "3: crop_size 3 is larger than the image, 2x3");
}

TEST_F(Data, RefusesFilesThatDoNotFit) {
  EXPECT_EQ(Refused("data_param { batch_size: 1\n source: 'nowhere@' }"),
            "3: cannot find \"nowhere\"; tried nowhere");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'images@'\n labels: 'nowhere@' }"),
            "3: cannot find \"nowhere\"; tried nowhere");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'labels@'\n labels: 'images@' }"),
            "2: labels: its magic number says labels (2049), not images (2051); are images and "
            "labels swapped?");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'images@'\n labels: 'images@' }"),
            "3: images: its magic number says images (2051), not labels (2049); are images and "
            "labels swapped?");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'images@'\n source: 'images@' }"),
            "3: there are 2 sources, but an IDX file holds a whole set: name one");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'images@' }"),
            "2: a second top wants labels, but data_param.labels names no file");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'images@' format: 'cifar10' }"),
            "2: images: 76 bytes are 0 CIFAR-10 records of 3073 bytes and 76 more; it begins as an "
            "IDX file does");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'cifar@' format: 'idx' }"),
            "2: cifar: its magic number says 65793, not images (2051); is this an IDX file?");
  EXPECT_EQ(Refused("data_param { batch_size: 1 source: 'cifar@' labels: 'labels@' }"),
            "2: cifar: its magic number says 65793, not images (2051); is this an IDX file?");
  EXPECT_EQ(
      Refused(
          "data_param { batch_size: 1 source: 'cifar@' format: 'cifar10'\n labels: 'labels@' }"),
      "3: CIFAR-10's files hold their labels; labels names another file");
}

// Files that lie there as long as the program runs.
std::string Digits(const std::string& more) {
  static const testing::TemporaryFolder folder;
  if (folder.files() == 0) {
    folder.Write("images", IdxImages(10, 2, 3));
    folder.Write("labels", IdxLabels(10));
  }
  return "data_param { source: '" + (folder / "images") + "' labels: '" + (folder / "labels") +
         "' batch_size: " + more;
}

ContractCase WithTops(int tops, const std::string& params, bool training = true) {
  CheckOptions options;
  options.tops = tops;
  options.random_layer = true;
  options.training = training;
  return {params, {}, options};
}

const ContractCases kCases(
    "Data",
    {
        WithTops(2, Digits("4 }")),
        WithTops(1, Digits("4 }")),
        WithTops(2, Digits("1 }")),
        WithTops(2, Digits("25 }")),
        WithTops(2, Digits("4 prefetch: 0 }")),
        WithTops(2, Digits("4 prefetch: 1 }")),
        WithTops(2, Digits("4 shuffle: false }")),
        WithTops(2, Digits("4 rand_skip: 7 }")),
        WithTops(1, Digits("4 mirror: true crop_size: 2 }")),
        WithTops(2, Digits("4 } transform_param { scale: 0.5 mean_value: 3 mirror: true }")),
        WithTops(2, Digits("4 }"), false),
        WithTops(2, Digits("4 crop_size: 1 prefetch: 0 }"), false),
    });

}  // namespace
}  // namespace moka
