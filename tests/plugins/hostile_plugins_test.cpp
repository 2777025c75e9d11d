// The 20 hostile plugins: the host survives each, and says of which file what is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "caught.h"
#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/schema.h"
#include "moka/solver.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

using testing::Library;

struct Hostile {
  std::string what, file, refusal;
};

// What is wrong with a copy of a good plugin is made here, in `folder`.
std::vector<Hostile> HostilePlugins(const testing::TemporaryFolder& folder) {
  std::filesystem::copy_file(Library("snake"), folder / "good.so");
  const std::string good = folder.Read("good.so");
  std::string foreign = good;
  foreign[18] = 8;  // e_machine: MIPS
  const std::string twice = Library("faulty_1"), taken = Library("faulty_4");
  return {
      {"NotElf", folder.Write("text.so", "layer { }\n"), "not a shared library: it is text"},
      {"Empty", folder.Write("empty.so", ""), "not a shared library: it is empty"},
      {"Truncated", folder.Write("cut.so", good.substr(0, 4096)),
       "not a whole shared library: it ends after 4096 bytes, within a segment"},
      {"OtherArchitecture", folder.Write("mips.so", foreign),
       "not a shared library for this machine: it was built for ELF machine 8, this is " +
           std::to_string(static_cast<unsigned char>(good[18]))},
      {"WrongMagic", Library("hostile_2"),
       "no plugin of Moka: moka_plugin_info gives something else"},
      {"OlderApi", Library("hostile_11"),
       "built for plugin API 2, this is 3: rebuild it with this version's headers"},
      {"NewerApi", Library("hostile_1"),
       "built for plugin API 4, this is 3: rebuild it with this version's headers"},
      {"MissingSymbol", Library("hostile_7"),
       "no plugin of Moka: it has no function moka_plugin_info"},
      {"UndefinedSymbol", Library("hostile_8"),
       "cannot be loaded: undefined symbol: acme::Missing(int)"},
      {"ThrowsInRegistration", Library("hostile_20"), "no licence"},
      {"ThrowsInt", Library("faulty_3"), "an exception that is no std::exception"},
      {"Aborts", Library("hostile_12"), "it crashed while it was loaded (signal 6, Aborted)"},
      {"Segfaults", Library("hostile_13"),
       "it crashed while it was loaded (signal 11, Segmentation fault)"},
      {"Exits", Library("hostile_14"), "it ended the process while it was loaded (exit status 0)"},
      {"Hangs", Library("hostile_15"), "it did not come back within 1 s while it was loaded"},
      {"DuplicateType", twice, "type \"Nothing\" is registered twice (from " + twice + ")"},
      {"DuplicateField", taken,
       "type \"Nothing\" (from " + taken +
           ") wants relu_param for its message moka.FillerParameter, but type \"ReLU\" (built in) "
           "uses it for moka.ReLUParameter"},
      {"InvalidDescriptor", Library("faulty_5"),
       "the embedded schema (17 bytes) is no protobuf descriptor set"},
      {"RegistersThenThrows", Library("faulty_2"), "no licence"},
      {"TenThousandTypes", Library("faulty_7"), "it brings more than 1000 layer types"},
      {"NullCallbacks", Library("faulty_8"), "type \"Nothing\" has no function that creates it"},
  };
}

TEST(HostilePlugins, AreAllRefusedByOneProcessThatThenTrainsWithAGoodOne) {
  const testing::PlainCrashes plain_crashes;
  const testing::TemporaryFolder folder;
  for (const Hostile& hostile : HostilePlugins(folder)) {
    SCOPED_TRACE(hostile.what);
    if (hostile.what == "Hangs") setenv("MOKA_PLUGIN_TIMEOUT", "1", 1);
    EXPECT_EQ(Caught([&] { LoadRegistry({hostile.file}); }).message(),
              "plugin " + hostile.file + ": " + hostile.refusal);
    unsetenv("MOKA_PLUGIN_TIMEOUT");
  }

  const Registry registry = LoadRegistry({Library("snake")});
  const NetSchema schema(registry);
  Context context({.threads = 2, .seed = 1});
  SolverDescription description = schema.ParseSolver(
      "base_lr: 0.05 lr_policy: 'fixed' max_iter: 100 snapshot_after_train: false net_param {"
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 't' dummy_data_param {"
      "  shape { dim: 2 dim: 3 } shape { dim: 2 dim: 4 }"
      "  data_filler { type: 'constant' value: 1 } data_filler { type: 'constant' value: 2 } } }"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'ip' inner_product_param {"
      "  num_output: 4 weight_filler { type: 'constant' value: 0.2 } } }"
      "layer { name: 's' type: 'Snake' bottom: 'ip' top: 'y' }"
      "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' top: 'loss' } }");
  Solver solver(description, schema, registry, context);
  EXPECT_GT(solver.Step(1), 1);
  EXPECT_LT(solver.Step(99), 1e-3);
}

}  // namespace
}  // namespace moka
