// The nets under models/: they build, the memory plan changes no bit, nor does the number of
// threads.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "moka/net.h"
#include "moka/registry.h"
#include "moka/schema.h"

namespace moka {
namespace {

const std::string kModels = MOKA_SOURCE_DIR "/models/";

// CIFAR-10's files in small: 200 records of noise in each, found through $MOKA_DATA.
class Models : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("moka_models_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    const RandomStream random(1, "cifar", 0, 0);
    for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                             "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
      std::string records(200 * 3073, '\0');
      for (size_t i = 0; i < records.size(); ++i) {
        records[i] = static_cast<char>(random.Below(i, i % 3073 == 0 ? 10 : 256));
      }
      std::ofstream(folder_ / name, std::ios::binary) << records;
    }
    setenv("MOKA_DATA", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("MOKA_DATA");
    std::filesystem::remove_all(folder_);
  }

  static NetDescription Read(const std::string& model) {
    static const Registry registry = BuiltinLayers();
    static const NetSchema schema(registry);
    NetDescription net = schema.ReadNet(kModels + model + "/train.prototxt");
    net.state.add_stage("sample");  // the digits of the repository
    return net;
  }

  // Weights and loss after three steps of plain gradient descent.
  static std::vector<float> Train(const std::string& model, int threads, bool separate) {
    const Registry registry = BuiltinLayers();
    Context context({.threads = threads, .seed = 11});
    NetOptions options;
    options.phase = TRAIN;
    options.separate_memory = separate;
    Net net(Read(model), registry, context, options);
    std::vector<float> all;
    for (int step = 0; step < 3; ++step) {
      all = {static_cast<float>(net.Forward())};
      net.Backward();
      for (const Learned& learned : net.learned()) {
        Tensor& w = learned.param->Change();
        for (int64_t i = 0; i < w.count(); ++i) w.data()[i] -= 0.001f * learned.diff->data()[i];
        all.insert(all.end(), w.values().begin(), w.values().end());
      }
    }
    return all;
  }

  std::filesystem::path folder_;
};

TEST_P(Models, TrainToTheSameBitsOnAnyNumberOfThreads) {
  const std::vector<float> one = Train(GetParam(), 1, false);
  EXPECT_TRUE(Train(GetParam(), 2, false) == one);
  EXPECT_TRUE(Train(GetParam(), 3, false) == one);
}

TEST_P(Models, TrainToTheSameBitsWithAndWithoutSharedMemory) {
  EXPECT_TRUE(Train(GetParam(), 2, false) == Train(GetParam(), 2, true));
}

TEST_P(Models, NeedLessMemoryThanTheirParts) {
  const Registry registry = BuiltinLayers();
  Context context({.threads = 2, .seed = 11});
  NetOptions options;
  options.phase = TRAIN;
  const Net net(Read(GetParam()), registry, context, options);
  EXPECT_LT(net.memory_plan().bytes, net.memory_plan().bytes_apart);
  options.phase = TEST;
  options.backward = false;
  const Net test(Read(GetParam()), registry, context, options);
  EXPECT_LT(test.memory_plan().bytes, test.memory_plan().bytes_apart);
}

INSTANTIATE_TEST_SUITE_P(Each, Models, ::testing::Values("lenet", "mlp", "cifar10_quick"),
                         [](const auto& info) { return info.param; });

// Weights that Caffe trained, on all of MNIST's test digits. Needs data that do not lie in the
// repository.
TEST(CaffesLeNet, GetsTheAccuracyAndTheLossOfCaffesOwnLog) {
  const std::string shared = MOKA_SOURCE_DIR "/../shared/data/";
  const std::string weights = shared + "models/lenet/lenet_iter_10000.caffemodel";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << "skipped: needs " << weights;
  setenv("MOKA_DATA", (shared + "mnist").c_str(), 1);
  const Registry registry = BuiltinLayers();
  const NetSchema schema(registry);
  Context context({.threads = 2, .seed = 1});
  NetOptions options;
  options.phase = TEST;
  options.backward = false;
  Net net(schema.ReadNet(kModels + "lenet/train.prototxt"), registry, context, options);
  const LoadReport report = LoadWeights(weights, net.weights());
  EXPECT_EQ(report.loaded, (std::vector<std::string>{"conv1", "conv2", "ip1", "ip2"}));
  EXPECT_TRUE(report.initial.empty());
  double right = 0, loss = 0;
  for (int batch = 0; batch < 100; ++batch) {
    loss += net.Forward() / 100;
    for (const NetOutput& output : net.outputs()) {
      if (output.name == "accuracy") right += 100 * output.values->data()[0];
    }
  }
  unsetenv("MOKA_DATA");
  EXPECT_EQ(std::lround(right), 9918);
  EXPECT_NEAR(loss, 0.0273357, 1e-6);
}

}  // namespace
}  // namespace moka
