// A file that appears under its name only when it is whole.
#include "io/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "io/hdf5.h"
#include "io/system_calls.h"
#include "io/temporary_folder.h"
#include "io/weights_file.h"
#include "moka/error.h"

namespace moka {
namespace {

using testing::TemporaryFolder;

std::string calls;  // those of one test, in order
int writes_left = 0;

// Notes every call; a write puts down a part, or is interrupted, now and then.
const SystemCalls kNoted = {
    [](const char* path, int flags, mode_t mode) {
      calls += flags & O_DIRECTORY ? "open folder, " : "open, ";
      return open(path, flags, mode);
    },
    [](int file, const void* data, size_t bytes) -> ssize_t {
      calls += "write, ";
      if (++writes_left == 1) return errno = EINTR, -1;
      return write(file, data, bytes > 1 ? bytes / 2 : bytes);
    },
    [](int file) { return calls += "fsync, ", fsync(file); },
    [](int file) { return calls += "close, ", close(file); },
    [](const char* from, const char* to) { return calls += "rename, ", rename(from, to); },
    [](const char* path) { return calls += "unlink, ", unlink(path); },
};

class OutputFileTest : public ::testing::Test {
 protected:
  OutputFileTest() : before_(Calls()) { calls.clear(), writes_left = 0; }
  ~OutputFileTest() override { Calls() = before_; }
  TemporaryFolder folder_;

 private:
  const SystemCalls before_;
};

TEST_F(OutputFileTest, IsSyncedBeforeItHasItsNameAndTheFolderAfter) {
  Calls() = kNoted;
  OutputFile file(folder_ / "f");
  file.Write("ab");
  file.Commit();
  EXPECT_EQ(calls, "open, write, write, write, fsync, close, rename, open folder, fsync, close, ");
  EXPECT_EQ(folder_.Read("f"), "ab");
}

TEST_F(OutputFileTest, LeavesNothingBehindWithoutCommit) {
  folder_.Write("f", "old");
  {
    OutputFile file(folder_ / "f");
    file.Write("new");
    EXPECT_EQ(folder_.files(), 2u);
  }
  EXPECT_EQ(folder_.files(), 1u);
  EXPECT_EQ(folder_.Read("f"), "old");
}

TEST_F(OutputFileTest, IsNoLeftoverWhileItIsWritten) {
  Calls().rename = [](const char* from, const char* to) {
    RemoveLeftover(from);  // another process, just before the last step
    return rename(from, to);
  };
  OutputFile file(folder_ / "f");
  RemoveLeftover(file.temporary());
  file.Write("x");
  file.Commit();
  EXPECT_EQ(folder_.Read("f"), "x");
  EXPECT_EQ(folder_.files(), 1u);
}

TEST_F(OutputFileTest, OfAnotherProcessIsALeftoverOnceThatIsDead) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const OutputFile file(folder_ / "f");
    if (write(ready[1], "x", 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]), close(ready[1]);
  const auto temporary = std::filesystem::directory_iterator(folder_.path())->path();
  RemoveLeftover(temporary);
  EXPECT_EQ(folder_.files(), 1u);
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(folder_.files(), 1u);
  RemoveLeftover(temporary);
  EXPECT_EQ(folder_.files(), 0u);
}

TEST_F(OutputFileTest, AFileOfAnotherNameIsNoLeftover) {
  for (const std::string name : {"a.tmp12", "a.tmp", "a.tmp12.", "a.tmp.0", "a.tmpx.0", "a.tmp1.0x",
                                 "a.tmp1.0.1", "a.caffemodel"}) {
    RemoveLeftover(folder_.Write(name, ""));
  }
  EXPECT_EQ(folder_.files(), 8u);
  RemoveLeftover(folder_.Write("a.tmp12.0", ""));
  EXPECT_EQ(folder_.files(), 8u);
}

// HDF5 has locks of its own, if somebody wants them.
TEST_F(OutputFileTest, MayBeLockedByHdf5Too) {
  if (!HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5";
  setenv("HDF5_USE_FILE_LOCKING", "TRUE", 1);
  WriteWeightsFile(folder_ / "m.caffemodel.h5", "net", {});
  unsetenv("HDF5_USE_FILE_LOCKING");
  EXPECT_TRUE(IsHdf5File(folder_ / "m.caffemodel.h5"));
}

// Another process may look for leftovers between the making of the file and its lock.
TEST_F(OutputFileTest, IsMadeAnewIfItWasTakenForALeftover) {
  Calls().open = [](const char* path, int flags, mode_t mode) {
    const int file = open(path, flags, mode);
    if (calls.empty()) RemoveLeftover(path);
    calls += "open, ";
    return file;
  };
  OutputFile file(folder_ / "f");
  EXPECT_EQ(calls, "open, open, ");
  file.Write("x");
  file.Commit();
  EXPECT_EQ(folder_.Read("f"), "x");
}

// What a process left that died is not in the way of another one with the same number.
TEST_F(OutputFileTest, TakesAnotherTemporaryNameIfThatIsThere) {
  std::string next;
  {
    const OutputFile probe(folder_ / "f");
    next = probe.temporary();
  }
  const size_t dot = next.rfind('.');
  next = next.substr(0, dot + 1) + std::to_string(std::stoi(next.substr(dot + 1)) + 1);
  folder_.Write(std::filesystem::path(next).filename().string(), "left");
  OutputFile file(folder_ / "f");
  EXPECT_NE(file.temporary(), next);
  file.Commit();
  EXPECT_EQ(folder_.Read(std::filesystem::path(next).filename().string()), "left");
}

TEST_F(OutputFileTest, TellsOfAFolderThatCannotBeSyncedAndIsThere) {
  Calls().open = [](const char* path, int flags, mode_t mode) {
    return flags & O_DIRECTORY ? (errno = EIO, -1) : open(path, flags, mode);
  };
  OutputFile file(folder_ / "f");
  file.Write("x");
  try {
    file.Commit();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "cannot write \"" + (folder_ / "f") + "\": Input/output error");
  }
  EXPECT_EQ(folder_.Read("f"), "x");
}

TEST_F(OutputFileTest, BearsAFolderAndAFileThatAreNotMadeForIt) {
  Calls().open = [](const char* path, int flags, mode_t mode) {
    return flags & O_DIRECTORY ? (errno = EACCES, -1) : open(path, flags, mode);
  };
  Calls().fsync = [](int) { return errno = EINVAL, -1; };
  OutputFile file(folder_ / "f");
  file.Write("x");
  file.Commit();
  EXPECT_EQ(folder_.Read("f"), "x");
}

}  // namespace
}  // namespace moka
