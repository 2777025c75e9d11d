// A resumed training gives the bits of one that was never interrupted: for every update rule, from
// every source of data, stopped after any iteration. With dropout, shuffled data that are read
// ahead, iter_size, two test nets, a window of losses, warm-up, a policy that looks at the loss,
// the mean of the weights and the best test.
#include <gtest/gtest.h>

#include "io/data_files.h"
#include "io/system_calls.h"
#include "moka/net.pb.h"
#include "solver/rule_reference.h"

namespace moka {
namespace {

using testing::kRules;
using testing::TemporaryFolder;
using testing::Training;

constexpr int kIterations = 24;  // with tests in the last passes

struct Case {
  std::string rule, source;
};

// `top` data and labels, with another batch size in tests.
std::string Source(const std::string& name, const std::string& folder) {
  if (name == "dummy") {
    return "layer { name: 'data' type: 'DummyData' top: 'x' top: 't' dummy_data_param { shape { "
           "dim: 3 dim: 1 dim: 4 dim: 4 } shape { dim: 3 } data_filler { type: 'gaussian' } "
           "data_filler { type: 'constant' value: 2 } } }";
  }
  const std::string data = name == "idx"
                               ? "source: '" + folder + "/images' labels: '" + folder + "/labels'"
                               : "source: '" + folder + "/cifar'";
  const auto layer = [&](const std::string& phase, const std::string& more) {
    return "layer { name: 'data' type: 'Data' top: 'x' top: 't' include { phase: " + phase +
           " } transform_param { scale: 0.01 " + (phase == "TRAIN" ? "mirror: true" : "") +
           " } data_param { " + data + " " + more + " } }";
  };
  return layer("TRAIN", "batch_size: 3 shuffle: true prefetch: 3") +
         layer("TEST", "batch_size: 2 prefetch: 1");
}

std::string Text(const Case& one, const std::string& folder, const std::string& prefix,
                 const std::string& snapshots) {
  return one.rule +
         " base_lr: 0.01 lr_policy: 'plateau' gamma: 0.5 plateau_winsize: 2 plateau_winsize: 3 "
         "warmup_iter: 4 weight_decay: 0.01 iter_size: 2 average_loss: 3 clip_gradients: 5 "
         "test_interval: 4 test_iter: 2 test_iter: 3 display: 5 ema_decay: 0.8 snapshot_best: "
         "'loss' " +
         snapshots + " max_iter: " + std::to_string(kIterations) + " snapshot_prefix: '" + prefix +
         "' net_param {" + Source(one.source, folder) +
         "layer { name: 'ip1' type: 'InnerProduct' bottom: 'x' top: 'h' inner_product_param { "
         "num_output: 5 weight_filler { type: 'xavier' } } }"
         "layer { name: 'bn' type: 'BatchNorm' bottom: 'h' top: 'n' }"
         "layer { name: 'drop' type: 'Dropout' bottom: 'n' top: 'd' }"
         "layer { name: 'ip2' type: 'InnerProduct' bottom: 'd' top: 'y' inner_product_param { "
         "num_output: 10 weight_filler { type: 'xavier' } } }"
         "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'y' bottom: 't' top: 'loss' } }";
}

// What can be seen of an iteration from outside.
class Log final : public SolverObserver {
 public:
  void OnIteration(const IterationReport& report) override {
    Add(report.iteration, {report.loss, report.smoothed_loss, report.rate});
  }
  void OnTest(const TestReport& report) override {
    for (const OutputValue& output : report.outputs) Add(report.iteration, {output.value});
  }
  void OnBest(int64_t iteration, const std::string&, double value) override {
    Add(iteration, {value});
  }
  std::vector<double> From(int iteration) const {
    std::vector<double> numbers;
    for (const auto& [when, number] : entries_) {
      if (when >= iteration) numbers.push_back(number);
    }
    return numbers;
  }

 private:
  void Add(int64_t iteration, std::initializer_list<double> numbers) {
    for (double number : numbers) entries_.emplace_back(iteration, number);
  }
  std::vector<std::pair<int64_t, double>> entries_;
};

// The last files, without the folder's name.
std::string End(const TemporaryFolder& folder, const std::string& prefix) {
  const std::string stem = prefix + "_iter_" + std::to_string(kIterations);
  SolverState state;
  EXPECT_TRUE(state.ParseFromString(folder.Read(stem + ".solverstate")));
  state.clear_learned_net();
  state.clear_averaged_net();
  state.clear_snapshot_prefix();
  state.clear_checksum();
  return folder.Read(stem + ".caffemodel") + folder.Read(stem + "_averaged.caffemodel") +
         state.SerializeAsString();
}

class ResumeMatrix : public ::testing::TestWithParam<Case> {
 protected:
  ResumeMatrix() : before_(Calls()) {
    Calls().fsync = [](int) { return 0; };  // nothing here loses power, and it takes long
  }
  ~ResumeMatrix() override { Calls() = before_; }

 private:
  const SystemCalls before_;
};

TEST_P(ResumeMatrix, GivesTheSameBitsFromEveryStop) {
  TemporaryFolder folder;
  folder.Write("images", IdxImages(17, 4, 4));
  folder.Write("labels", IdxLabels(17));
  folder.Write("cifar", CifarRecords(0, 11));
  Log log;
  {
    Training training(Text(GetParam(), folder.path(), folder / "whole", "snapshot: 1"), 7, 1);
    training->AddObserver(&log);
    ASSERT_TRUE(training->Solve());
  }
  const std::string expected = End(folder, "whole");
  const std::string text =
      Text(GetParam(), folder.path(), folder / "part", "snapshot_after_train: true");
  for (int stop = 1; stop < kIterations; ++stop) {
    SCOPED_TRACE("stopped after " + std::to_string(stop));
    Log part;
    Training training(text, 1000 + stop, 1);  // another seed: the snapshot's counts
    training->Restore(folder / ("whole_iter_" + std::to_string(stop) + ".solverstate"));
    training->AddObserver(&part);
    ASSERT_TRUE(training->Solve());
    EXPECT_EQ(part.From(stop), log.From(stop));
    EXPECT_EQ(End(folder, "part"), expected);
  }
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const std::string& rule : kRules) {
    for (const char* source : {"idx", "cifar", "dummy"}) cases.push_back({rule, source});
  }
  return cases;
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  const std::string& rule = info.param.rule;
  const size_t begin = rule.find("type: '") + 7;
  const std::string type = rule.find("type: '") == std::string::npos
                               ? "SGD"
                               : rule.substr(begin, rule.find('\'', begin) - begin);
  return std::to_string(info.index) + "_" + type + "_" + info.param.source;
}

INSTANTIATE_TEST_SUITE_P(EveryRuleAndSource, ResumeMatrix, ::testing::ValuesIn(Cases()), NameOf);

}  // namespace
}  // namespace moka
