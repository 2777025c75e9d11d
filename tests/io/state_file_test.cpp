// States of training as files: what is refused before it takes memory.
#include "io/state_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "io/temporary_folder.h"
#include "moka/error.h"

namespace moka {
namespace {

using testing::TemporaryFolder;

template <typename F>
std::string ErrorOf(const F& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// `bytes` long, all in fields that no state lacks room for one by one.
std::string Names(size_t bytes) {
  SolverState state;
  for (size_t at = 0; at < bytes; at += 1 << 16) state.add_history_of(std::string(65530, 'x'));
  return state.SerializeAsString();
}

TEST(StateFile, RefusesFieldsThatAreTooMuchTogether) {
  TemporaryFolder folder;
  const std::string iter("\x08\x07");  // iter: 7
  ASSERT_EQ(Names(1 << 16).size(), size_t{1} << 16);
  const std::string most = Names(16 << 20).substr(0, (16 << 20) - (1 << 16));
  EXPECT_EQ(StateFile(folder.Write("a", iter + most)).state().history_of_size(), 255);
  folder.Write("b", iter + Names(16 << 20));
  EXPECT_EQ(ErrorOf([&] { StateFile(folder / "b"); }),
            (folder / "b") +
                ": all but its history has more than 16777216 bytes; is it a "
                ".solverstate?");
}

TEST(StateFile, IsNotWrittenIfItCouldNotBeRead) {
  TemporaryFolder folder;
  SolverState state;
  state.set_iter(7);
  for (int i = 0; i < 1'600'000; ++i) state.add_recent_loss(1);
  EXPECT_EQ(ErrorOf([&] { WriteStateFile(folder / "s", state, {}); }),
            "cannot write \"" + (folder / "s") +
                "\": all but its history has 17600002 bytes, and 16777216 are the most; is "
                "average_loss so large?");
  EXPECT_EQ(folder.files(), 0u);
}

TEST(StateFile, SaysThatThereIsNoMemoryForIt) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "skipped: sanitizers end the process where there is no memory";
#endif
  TemporaryFolder folder;
  SolverState state;
  state.set_iter(7);
  for (int i = 0; i < 3'000'000; ++i) state.add_history_of("");  // 12 MB, in memory many times that
  folder.Write("s", state.SerializeAsString());
  const pid_t child = fork();
  if (child == 0) {
    const rlimit most = {300 << 20, 300 << 20};
    setrlimit(RLIMIT_AS, &most);
    const std::string error = ErrorOf([&] { StateFile(folder / "s"); });
    _exit(error == (folder / "s") + ": there is not enough memory to read it" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace moka
