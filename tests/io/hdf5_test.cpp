// HDF5 weights and states: ours and Caffe's, and how they are named, sealed and refused.
#include "io/hdf5.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "io/hdf5_apart.h"
#include "io/hdf5_files.h"

namespace moka {
namespace {

using testing::TemporaryFolder;
using namespace std::string_literals;
using Floats = std::vector<float>;

class Hdf5 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5";
  }
  TemporaryFolder folder;
};

// Two layers and one without blobs between them; the first has a gradient.
void WriteSmallModel(const std::string& path) {
  const Tensor w(Shape{2, 3}, Floats{1, 2, 3, 4, 5, 6}), dw(Shape{2, 3}, Floats{6, 5, 4, 3, 2, 1});
  const Tensor b(Shape{2}, Floats{-1, 0.5}), scalar(Shape{}, Floats{7});
  WriteHdf5Weights(path, {{"ip1", {{w.shape(), &w, &dw}, {b.shape(), &b, nullptr}}},
                          {"relu1", {}},
                          {"a/scale", {{scalar.shape(), &scalar, nullptr}}}});
}

SolverState SmallState() {
  SolverState state;
  state.set_iter(500);
  state.set_learned_net("lenet_iter_500.caffemodel.h5");
  state.set_current_step(2);
  state.set_seed(1ull << 63);
  state.add_recent_loss(0.1);
  state.set_solver_type("Adam");
  return state;
}

void WriteSmallState(const std::string& path, const SolverState& state = SmallState()) {
  const Tensor first(Shape{2, 3}, Floats{1, 2, 3, 4, 5, 6}), second(Shape{2}, Floats{7, 8});
  WriteHdf5State(path, state, {&first, &second});
}

TEST(Hdf5Names, EveryNameIsOneLinkAndComesBack) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"conv1", "conv1"}, {"inception_3a/1x1", "inception_3a%2F1x1"},
      {"50%", "50%25"},   {"%2F", "%252F"},
      {"", "%"},          {"%", "%25"},
      {".", "%2E"},       {"..", ".."},
      {"a\0b"s, "a%00b"}, {"Schicht ü", "Schicht ü"},
      {"a.b", "a.b"},     {"/", "%2F"}};
  for (const auto& [name, link] : table) {
    EXPECT_EQ(EscapeHdf5Name(name), link);
    EXPECT_EQ(UnescapeHdf5Name(link), name);
  }
}

TEST(Hdf5Names, WhatOtherProgramsWriteStaysAsItIs) {
  for (const std::string link : {"50%", "%2", "%2f", "%41", "a%"}) {
    EXPECT_EQ(UnescapeHdf5Name(link), link);
  }
}

TEST(Hdf5Signature, TellsHdf5FromOtherFiles) {
  TemporaryFolder folder;
  EXPECT_TRUE(IsHdf5File(Hdf5Fixture("float.caffemodel.h5")));
  EXPECT_FALSE(IsHdf5File(folder.Write("a", "")));
  EXPECT_FALSE(IsHdf5File(folder.Write("b", "\x89HDF\r\n\x1a")));
  EXPECT_FALSE(IsHdf5File(folder.Write("c", "name: \"LeNet\"")));
  EXPECT_EQ(Refusal<Error>(folder, [&] { IsHdf5File(folder / "none"); }),
            "cannot read \"none\": No such file or directory");
}

TEST(Hdf5Missing, ABuildWithoutItSaysHowToGetIt) {
  if (HasHdf5()) GTEST_SKIP() << "skipped: needs a build without HDF5";
  TemporaryFolder folder;
  const std::string how =
      ": this build of Moka has no HDF5; install the library (Debian: libhdf5-dev) and build again "
      "with cmake -DMOKA_HDF5=ON";
  EXPECT_EQ(Refusal<Error>(folder, [&] { Hdf5Weights weights(folder / "m.h5"); }),
            "cannot read \"m.h5\"" + how);
  EXPECT_EQ(Refusal<Error>(folder, [&] { Hdf5State state(folder / "m.h5"); }),
            "cannot read \"m.h5\"" + how);
  EXPECT_EQ(Refusal<Error>(folder, [&] { WriteHdf5Weights(folder / "m.h5", {}); }),
            "cannot write \"m.h5\"" + how);
  EXPECT_EQ(Refusal<Error>(folder, [&] { WriteHdf5State(folder / "m.h5", {}, {}); }),
            "cannot write \"m.h5\"" + how);
}

TEST_F(Hdf5, ReadsTheWeightsThatItWrote) {
  WriteSmallModel(folder / "m.h5");
  EXPECT_TRUE(IsHdf5File(folder / "m.h5"));
  const Hdf5Weights weights(folder / "m.h5");
  EXPECT_TRUE(weights.sealed());
  ASSERT_EQ(weights.layers().size(), 3u);
  EXPECT_EQ(weights.layers()[0].name, "ip1");
  EXPECT_EQ(weights.layers()[0].blobs, (std::vector<std::optional<Shape>>{Shape{2, 3}, Shape{2}}));
  EXPECT_EQ(weights.layers()[1].name, "relu1");
  EXPECT_TRUE(weights.layers()[1].blobs.empty());
  EXPECT_EQ(weights.layers()[2].name, "a/scale");
  EXPECT_EQ(weights.layers()[2].blobs, (std::vector<std::optional<Shape>>{Shape{}}));
  EXPECT_EQ(ValuesOf(weights, 0, 0), (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(ValuesOf(weights, 0, 1), (Floats{-1, 0.5}));
  EXPECT_EQ(ValuesOf(weights, 2, 0), (Floats{7}));
}

TEST_F(Hdf5, WithoutGradientsThereIsNoDiff) {
  const Tensor one(Shape{1}, Floats{1});
  WriteSmallModel(folder / "with.h5");
  WriteHdf5Weights(folder / "without.h5", {{"ip", {{Shape{1}, &one, nullptr}}}});
  EXPECT_NE(folder.Read("with.h5").find("diff"), std::string::npos);
  EXPECT_EQ(folder.Read("without.h5").find("diff"), std::string::npos);
}

TEST_F(Hdf5, KeepsTheOrderAndNamesOfManyLayers) {
  const Tensor one(Shape{1}, Floats{1}), empty(Shape{0, 3});
  std::vector<Hdf5Layer> layers;
  for (int i = 40; i-- > 0;) {
    layers.push_back({"conv/" + std::to_string(i), {{Shape{1}, &one, nullptr}}});
  }
  for (const std::string& name : {""s, "."s, "a\0b"s, "%"s, "ü"s, std::string(70000, 'x')}) {
    layers.push_back({name, {{Shape{0, 3}, &empty, nullptr}}});
  }
  WriteHdf5Weights(folder / "m.h5", layers);
  const Hdf5Weights weights(folder / "m.h5");
  ASSERT_EQ(weights.layers().size(), layers.size());
  for (size_t i = 0; i < layers.size(); ++i) EXPECT_EQ(weights.layers()[i].name, layers[i].name);
  EXPECT_EQ(weights.layers().back().blobs[0], (Shape{0, 3}));
  EXPECT_EQ(ValuesOf(weights, 45, 0), Floats{});
}

TEST_F(Hdf5, WritesTheSameBytesEachTime) {
  WriteSmallModel(folder / "a");
  folder.Write("b", "an old file, which is longer than nothing");
  WriteSmallModel(folder / "b");
  const std::string bytes = folder.Read("a");
  EXPECT_EQ(folder.Read("b"), bytes);
  EXPECT_EQ(bytes[8],
            2);  // the version of the format: the first in which all but values has checksums
  // HDF5's own way is to store the time, in seconds.
  const auto now = static_cast<uint32_t>(std::time(nullptr));
  for (uint32_t second = now - 5; second <= now; ++second) {
    EXPECT_EQ(bytes.find({reinterpret_cast<const char*>(&second), sizeof second}), bytes.npos);
  }
}

TEST_F(Hdf5, BytesAfterTheEndOfTheFileDoNotMatter) {
  WriteSmallModel(folder / "m.h5");
  WriteSmallState(folder / "s.h5");
  folder.Write("m2.h5", folder.Read("m.h5") + "moka\x01\x02\x03\x04");
  folder.Write("s2.h5", folder.Read("s.h5") + "moka\x01\x02\x03\x04");
  const Hdf5Weights weights(folder / "m2.h5");
  EXPECT_TRUE(weights.sealed());
  EXPECT_EQ(ValuesOf(weights, 0, 0), (Floats{1, 2, 3, 4, 5, 6}));
  const Hdf5State state(folder / "s2.h5");
  EXPECT_TRUE(state.sealed());
  EXPECT_EQ(HistoryOf(state, 1), (Floats{7, 8}));
}

TEST_F(Hdf5, ReadsCaffesWeights) {
  for (const std::string name : {"float", "double", "big_float", "big_double", "packed"}) {
    const Hdf5Weights weights(Hdf5Fixture(name + ".caffemodel.h5"));
    EXPECT_FALSE(weights.sealed());
    ASSERT_EQ(weights.layers().size(), 4u);  // by name, as Caffe finds them
    EXPECT_EQ(weights.layers()[0].name, "data");
    EXPECT_EQ(weights.layers()[1].name, "ip1");
    EXPECT_EQ(weights.layers()[1].blobs,
              (std::vector<std::optional<Shape>>{Shape{2, 3}, Shape{2}}));
    EXPECT_EQ(weights.layers()[2].name, "ip2");
    EXPECT_EQ(weights.layers()[2].blobs,
              (std::vector<std::optional<Shape>>{std::nullopt, Shape{2}}));
    EXPECT_EQ(weights.layers()[3].name, "relu1");
    EXPECT_EQ(ValuesOf(weights, 1, 0), (Floats{-1, -0.75, -0.5, -0.25, 0, 0.25})) << name;
    EXPECT_EQ(ValuesOf(weights, 1, 1), (Floats{0.1f, -0.2f})) << name;
    EXPECT_EQ(ValuesOf(weights, 2, 1), (Floats{0.5, 0.25})) << name;
  }
}

TEST_F(Hdf5, SaysThatASharedBlobIsElsewhere) {
  const Hdf5Weights weights(Hdf5Fixture("float.caffemodel.h5"));
  Floats values(6);
  EXPECT_EQ(
      Refusal<Error>(folder, [&] { weights.Read(2, 0, values); }),
      Hdf5Fixture("float.caffemodel.h5") + ": /ip2/0 is not in it: another layer has its values");
  EXPECT_EQ(Refusal<Error>(folder, [&] { weights.Read(1, 1, values); }),
            Hdf5Fixture("float.caffemodel.h5") + ": /ip1/1 has 2 values, 6 are wanted");
}

TEST_F(Hdf5, ReadsTheStateThatItWrote) {
  WriteSmallState(folder / "s.h5");
  const Hdf5State state(folder / "s.h5");
  EXPECT_TRUE(state.sealed());
  EXPECT_EQ(state.state().SerializeAsString(), SmallState().SerializeAsString());
  EXPECT_EQ(state.history(), (std::vector<Shape>{Shape{2, 3}, Shape{2}}));
  EXPECT_EQ(HistoryOf(state, 0), (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(HistoryOf(state, 1), (Floats{7, 8}));
}

TEST_F(Hdf5, ReadsCaffesState) {
  const Hdf5State state(Hdf5Fixture("float.solverstate.h5"));
  EXPECT_FALSE(state.sealed());
  EXPECT_EQ(state.state().iter(), 500);
  EXPECT_EQ(state.state().current_step(), 2);
  EXPECT_EQ(state.state().learned_net(), "lenet_iter_500.caffemodel.h5");
  EXPECT_FALSE(state.state().has_seed());
  EXPECT_EQ(HistoryOf(state, 0), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(HistoryOf(state, 1), (Floats{7, 8}));
}

TEST_F(Hdf5, ManyThreadsMayReadAndWrite) {
  std::vector<std::thread> threads;
  std::vector<Floats> read(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::string path = folder / std::to_string(i);
      for (int round = 0; round < 5; ++round) {
        WriteSmallModel(path);
        read[static_cast<size_t>(i)] = ValuesOf(Hdf5Weights(path), 0, 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Floats& values : read) EXPECT_EQ(values, (Floats{1, 2, 3, 4, 5, 6}));
}

// What h5py finds in our files, by a script in Python.
TEST_F(Hdf5, OursAreReadByH5py) {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import h5py' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << "skipped: needs python3-h5py";
  }
  WriteSmallModel(folder / "m.h5");
  WriteSmallState(folder / "s.h5");
  folder.Write("m.h5", folder.Read("m.h5") + "a trailer");
  const std::string script = folder.Write("show.py", R"(
import sys, h5py
for path in sys.argv[1:]:
    with h5py.File(path, "r") as file:
        def show(name, item):
            values = "" if isinstance(item, h5py.Group) else f" {item.dtype} {item.shape} {item[()].tolist()}"
            if name != "moka_state": print(name + values)
        print(file.attrs["moka_sealed"], file.attrs["moka_sealed"].dtype)
        file.visititems(show)
)");
  const std::string command =
      python + " " + script + " " + (folder / "m.h5") + " " + (folder / "s.h5") + " 2>&1";
  FILE* output = popen(command.c_str(), "r");
  ASSERT_NE(output, nullptr);
  std::string text;
  for (int c; (c = std::fgetc(output)) != EOF;) text += static_cast<char>(c);
  EXPECT_EQ(pclose(output), 0);
  EXPECT_EQ(text, R"(1 uint8
data
data/a%2Fscale
data/a%2Fscale/0 float32 () 7.0
data/ip1
data/ip1/0 float32 (2, 3) [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
data/ip1/1 float32 (2,) [-1.0, 0.5]
data/relu1
diff
diff/a%2Fscale
diff/ip1
diff/ip1/0 float32 (2, 3) [[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]]
diff/relu1
1 uint8
current_step int32 (1,) [2]
history
history/0 float32 (2, 3) [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
history/1 float32 (2,) [7.0, 8.0]
iter int32 (1,) [500]
learned_net |S29 () b'lenet_iter_500.caffemodel.h5'
)");
}

TEST_F(Hdf5, SaysWhyAFileCannotBeWritten) {
  const auto refusal = [&](const std::string& path) {
    return Refusal<Error>(folder, [&] { WriteSmallModel(path); });
  };
  EXPECT_EQ(refusal(folder / "none/m.h5"), "cannot write \"none/m.h5\": No such file or directory");
  EXPECT_EQ(refusal(folder / ""), "cannot write \"\": Is a directory");

  const Tensor one(Shape{1}, Floats{1});
  const Hdf5Layer layer{"ip", {{Shape{1}, &one, nullptr}}};
  EXPECT_EQ(Refusal<Error>(folder,
                           [&] {
                             WriteHdf5Weights(folder / "m.h5", {layer, layer});
                           }),
            "cannot write \"m.h5\": two layers are called \"ip\", which HDF5 files cannot hold");
}

// HDF5 1.10 would crash at the end of the process in which this happens.
TEST_F(Hdf5, SaysThatTheDiskIsFull) {
  if (!kHdf5Apart) GTEST_SKIP() << "skipped: under sanitizers HDF5 runs in this process";
  const Tensor big(Shape{100000});
  rlimit old_limit = {};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  rlimit small = old_limit;
  small.rlim_cur = 100000;
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string text = Refusal<Error>(folder, [&] {
    WriteHdf5Weights(folder / "m.h5", {{"ip", {{big.shape(), &big, nullptr}}}});
  });
  setrlimit(RLIMIT_FSIZE, &old_limit);
  EXPECT_EQ(text, "m.h5: /data/ip/0: HDF5 cannot write it: File too large");
  WriteSmallModel(folder / "m.h5");
  EXPECT_EQ(ValuesOf(Hdf5Weights(folder / "m.h5"), 0, 1), (Floats{-1, 0.5}));
}

}  // namespace
}  // namespace moka
