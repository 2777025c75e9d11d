// What a plugin does while it is loaded, it does in another process; and what is asked of it there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "caught.h"
#include "moka/plugin.h"
#include "moka/plugin_files.h"
#include "moka/version.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

namespace fs = std::filesystem;
using testing::Library;

std::string Refusal(const std::string& name) { return testing::Refusal(Library(name)); }

std::ptrdiff_t OpenFiles() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

class PluginProbe : public ::testing::Test {
 protected:
  void TearDown() override {
    unsetenv("MOKA_PLUGIN_TIMEOUT");
    unsetenv("MOKA_TEST_TRACE");
    signal(SIGCHLD, SIG_DFL);
  }

  const testing::PlainCrashes plain_crashes_;
};

TEST_F(PluginProbe, ACrashIsToldWithItsSignal) {
  EXPECT_EQ(Refusal("hostile_12"), "it crashed while it was loaded (signal 6, Aborted)");
  EXPECT_EQ(Refusal("hostile_13"),
            "it crashed while it was loaded (signal 11, Segmentation fault)");
}

TEST_F(PluginProbe, EndingTheProcessIsNoSuccessWhateverTheStatus) {
  EXPECT_EQ(Refusal("hostile_14"), "it ended the process while it was loaded (exit status 0)");
}

TEST_F(PluginProbe, TheLastLineThatItPrintedIsToldInPlainLetters) {
  EXPECT_EQ(Refusal("hostile_17"),
            "it ended the process while it was loaded (exit status 7); the last it printed: "
            "?[31mlicence ??" +
                std::string(185, '0'));
}

TEST_F(PluginProbe, WhatASanitizerFoundIsTold) {
  EXPECT_EQ(Refusal("hostile_24"),
            "it ended the process while it was loaded (exit status 1); the last it printed: "
            "SUMMARY: a was found");
}

TEST_F(PluginProbe, OneThatHangsIsEndedAfterTheTimeLimit) {
  setenv("MOKA_PLUGIN_TIMEOUT", "0.5", 1);
  EXPECT_EQ(Refusal("hostile_15"), "it did not come back within 0.5 s while it was loaded");
}

TEST_F(PluginProbe, ATimeLimitThatIsNoneIsRefused) {
  for (const std::string limit : {"", "soon", "10s", "0", "-1", "nan", "1e9"}) {
    setenv("MOKA_PLUGIN_TIMEOUT", limit.c_str(), 1);
    EXPECT_EQ(Refusal("hostile_21"),
              "MOKA_PLUGIN_TIMEOUT must be a number of seconds, more than 0 and at most 86400, "
              "but is \"" +
                  limit + "\"");
  }
}

TEST_F(PluginProbe, NoProcessAndNoFileIsLeft) {
  setenv("MOKA_PLUGIN_TIMEOUT", "0.5", 1);
  const std::ptrdiff_t before = OpenFiles();
  for (const char* name : {"hostile_1", "hostile_12", "hostile_14", "hostile_15"}) Refusal(name);
  EXPECT_EQ(OpenFiles(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(PluginProbe, AProcessThatItLeavesBehindIsEndedToo) {
  const std::string refusal = Refusal("hostile_19"),
                    start =
                        "it crashed while it was loaded (signal 6, Aborted); the last it printed: ";
  ASSERT_EQ(refusal.substr(0, start.size()), start);
  // Somebody else may have to collect it; until then it is a zombie, Z.
  const std::string stat = "/proc/" + refusal.substr(start.size()) + "/stat";
  std::string pid, name, state = "R";
  while (state != "Z" && std::ifstream(stat) >> pid >> name >> state) std::this_thread::yield();
  SUCCEED();
}

TEST_F(PluginProbe, ItWorksInAHostThatIgnoresItsChildren) {
  signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(Refusal("hostile_12"), "it crashed while it was loaded (signal 6, Aborted)");
  Registry registry;
  LoadPlugin(Library("tanh_plugin"), registry);
  EXPECT_EQ(registry.types(), std::vector<std::string>{"TanH"});
}

TEST_F(PluginProbe, ItWorksInAHostWithoutStandardStreams) {
  int kept[3];
  for (int file = 0; file < 3; ++file) kept[file] = dup(file);
  for (int file = 0; file < 3; ++file) close(file);
  const std::string refusal = Refusal("hostile_17").substr(0, 63);
  Registry registry;
  LoadPlugin(Library("tanh_plugin"), registry);
  for (int file = 0; file < 3; ++file) {
    dup2(kept[file], file);
    close(kept[file]);
  }
  EXPECT_EQ(refusal, "it ended the process while it was loaded (exit status 7); the l");
  EXPECT_EQ(registry.types(), std::vector<std::string>{"TanH"});
}

TEST_F(PluginProbe, AFileIsTriedAgainOnlyWhenItHasChanged) {
  const testing::TemporaryFolder folder;
  const std::string file = folder / "libtrace.so", trace = folder / "trace";
  fs::copy_file(Library("hostile_21"), file);
  setenv("MOKA_TEST_TRACE", trace.c_str(), 1);
  const auto times = [&] { return folder.Read("trace").size() / std::string("loaded\n").size(); };
  Registry registry;
  EXPECT_EQ(ReadPluginInfo(file).package, "hostile");
  EXPECT_EQ(times(), 1u);  // there
  LoadPlugin(file, registry);
  EXPECT_EQ(times(), 3u);  // there and here
  LoadPlugin(file, registry);
  EXPECT_EQ(times(), 3u);  // it is here already
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::hours(1));
  LoadPlugin(file, registry);
  EXPECT_EQ(times(), 4u);  // there
}

TEST_F(PluginProbe, APluginTellsOfItself) {
  const PluginInfo info = ReadPluginInfo(Library("trio"));
  EXPECT_EQ(info.api_major, 3u);
  EXPECT_EQ(info.api_minor, 0u);
  EXPECT_EQ(info.cxx_abi, kPluginCxxAbi);
  EXPECT_EQ(info.library_version, MOKA_VERSION);
  EXPECT_EQ(info.package, "plugins_trio");
  EXPECT_EQ(info.compiler, __VERSION__);
  EXPECT_EQ(info.problem, "");
  EXPECT_EQ(ReadPluginInfo(Library("snake")).package, "snake");
}

TEST_F(PluginProbe, APluginTellsOfItselfEvenIfItIsRefused) {
  PluginInfo info = ReadPluginInfo(Library("hostile_5"));
  EXPECT_EQ(info.protobuf, "3.20.1");
  EXPECT_EQ(info.compiler, "cc 1");
  EXPECT_EQ(info.problem.substr(0, 29), "built with protobuf 3.20.1, t");
  info = ReadPluginInfo(Library("hostile_11"));
  EXPECT_EQ(info.api_major, 2u);
  EXPECT_EQ(info.library_version, "0");
  EXPECT_EQ(info.package, "");  // it came from a time before there were packages
  EXPECT_EQ(info.compiler, "");
  EXPECT_EQ(info.problem,
            "built for plugin API 2, this is 3: rebuild it with this version's headers");
}

TEST_F(PluginProbe, WhatCannotBeLoadedTellsNothing) {
  EXPECT_EQ(Caught([] { ReadPluginInfo("/nowhere/libx.so"); }).message(),
            "plugin /nowhere/libx.so: No such file or directory");
  EXPECT_EQ(
      Caught([] { ReadPluginInfo(Library("hostile_12")); }).message(),
      "plugin " + Library("hostile_12") + ": it crashed while it was loaded (signal 6, Aborted)");
}

}  // namespace
}  // namespace moka
