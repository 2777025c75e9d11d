// Whatever happens at any system call of a snapshot, no training is lost: the process ends there,
// the power fails, the disk is full, or it fails.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "io/hdf5.h"
#include "io/system_calls.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::EverythingThatHasState;
using testing::TemporaryFolder;
using testing::Training;

constexpr int kKill = -1, kPowerCut = -2;
constexpr int kKilledStatus = 77;

int call = 0, fault_at = 0, fault = 0;
std::string names;  // of all calls, in order

// What a power cut takes away: data that were not synced, and names that were given or taken
// without the folder being synced since.
std::map<int, std::string> open_files;
std::set<std::string> unsynced;
std::set<int> folders;  // open ones
struct Change {
  std::string path, before;  // what the file held
  bool was_there = false;
};
std::vector<Change> changes;  // of names

Change Before(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {path, {std::istreambuf_iterator<char>(file), {}}, static_cast<bool>(file)};
}

void CutThePower() {
  for (const std::string& path : unsynced) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(path, ignored);
    if (!ignored) std::filesystem::resize_file(path, size / 2, ignored);
  }
  for (size_t i = changes.size(); i-- > 0;) {
    std::filesystem::remove(changes[i].path);
    if (changes[i].was_there) std::ofstream(changes[i].path, std::ios::binary) << changes[i].before;
  }
}

// Counts a call; whether it is to fail.
bool Fails(const char* name) {
  names += std::string(name) + ' ';
  if (++call != fault_at) return false;
  if (fault == kPowerCut) CutThePower();
  if (fault == kKill || fault == kPowerCut) _exit(kKilledStatus);
  errno = fault;
  return true;
}

const SystemCalls kFaulty = {
    [](const char* path, int flags, mode_t mode) {
      if (Fails("open")) return -1;
      const int file = open(path, flags, mode);
      if ((flags & O_DIRECTORY) != 0) {
        folders.insert(file);
      } else {
        open_files[file] = path;
        unsynced.insert(path);
      }
      return file;
    },
    [](int file, const void* data, size_t bytes) {
      return Fails("write") ? -1 : write(file, data, bytes);
    },
    [](int file) {  // what it does is seen in CutThePower
      if (Fails("fsync")) return -1;
      unsynced.erase(open_files[file]);
      if (folders.contains(file)) changes.clear();
      return 0;
    },
    [](int file) {
      const bool fails = Fails("close");
      folders.erase(file);
      return close(file) == 0 && !fails ? 0 : -1;
    },
    [](const char* from, const char* to) {
      if (Fails("rename")) return -1;
      changes.push_back(Before(to));
      if (unsynced.erase(from) > 0) unsynced.insert(to);
      return rename(from, to);
    },
    [](const char* path) {
      if (Fails("unlink")) return -1;
      changes.push_back(Before(path));
      return unlink(path);
    },
};

// Notes in a file which snapshots are said to be on the disk.
class Promises final : public SolverObserver {
 public:
  explicit Promises(const std::string& file)
      : file_(open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666)) {}
  ~Promises() override { close(file_); }
  void OnSnapshot(const std::string& model, const std::string&) override {
    const std::string line = model.substr(model.find_last_of('_') + 1) + "\n";
    if (write(file_, line.data(), line.size()) < 0) _exit(1);
  }
  void OnSnapshotFailed(int64_t, const std::string&) override { ++problems; }
  void OnOldSnapshotStays(int64_t, const std::string&) override { ++problems; }
  int problems = 0;

 private:
  const int file_;
};

class SaveFaults : public ::testing::Test {
 protected:
  static std::string Text(const std::string& prefix) {
    return EverythingThatHasState(prefix, 12) + (hdf5_ ? "snapshot_format: HDF5 " : "") +
           "snapshot_after_train: true snapshot_keep: 2 ema_decay: 0.5 snapshot_best: 'loss'";
  }

  // Trains, from the newest snapshot if there is one, with a fault at one call. Whether that was
  // told, or thrown.
  static bool Train(const TemporaryFolder& folder, int at, int what) {
    Training training(Text(folder / "s"), 11, 1);
    Promises promises(folder / "promised");
    training->AddObserver(&promises);
    training->ResumeNewest();
    call = 0, fault_at = at, fault = what;
    names.clear(), open_files.clear(), unsynced.clear(), folders.clear(), changes.clear();
    Calls() = kFaulty;
    bool told = false;
    try {
      training->Solve();
    } catch (const Error&) {  // the last snapshot
      told = true;
    }
    Calls() = before_;
    return told || promises.problems > 0;
  }

  // The last one that was said to be on the disk; -1 if none was.
  static int Promised(const TemporaryFolder& folder) {
    const std::string lines = folder.Read("promised");
    int last = -1;
    for (size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
      last = std::max(last, std::stoi(lines.substr(at)));
    }
    return last;
  }

  static std::string End(const TemporaryFolder& folder) {
    const std::string end = hdf5_ ? ".h5" : "";
    return folder.Read("s_iter_12.caffemodel" + end) +
           folder.Read("s_iter_12_averaged.caffemodel" + end);
  }

  // After a fault: the newest snapshot is whole, no older than promised, and leads to the same end.
  static void ExpectNothingLost(const TemporaryFolder& folder, const std::string& expected) {
    {
      Training training(Text(folder / "s"), 11, 1);
      const ResumeReport report = training->ResumeNewest();
      EXPECT_TRUE(report.skipped.empty()) << report.skipped[0];
      EXPECT_GE(report.state.empty() ? -1 : training->iteration(), Promised(folder));
    }
    Train(folder, 0, 0);
    EXPECT_EQ(End(folder), expected);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
    }
  }

  static void TryCalls(int every);

  static const SystemCalls before_;
  static bool hdf5_;
};

const SystemCalls SaveFaults::before_ = Calls();
bool SaveFaults::hdf5_ = false;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kEvery = 7;  // all of them would take minutes
#else
constexpr int kEvery = 1;
#endif

// All calls of the saves, or each n-th.
void SaveFaults::TryCalls(int every) {
  TemporaryFolder whole;
  Train(whole, 0, 0);
  const std::string expected = End(whole), all = names;
  const int calls = call;
  for (const char* name : {"open", "write", "fsync", "close", "rename", "unlink"})
    EXPECT_NE(all.find(name), std::string::npos) << name;

  int tried = 0;
  for (int at = 1; at <= calls; at += every) {
    for (const int what : {kKill, kPowerCut, ENOSPC, EIO}) {
      SCOPED_TRACE("call " + std::to_string(at) + ", fault " + std::to_string(what));
      TemporaryFolder folder;
      if (what < 0) {
        const pid_t child = fork();
        if (child == 0) {
          Train(folder, at, what);
          _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), kKilledStatus);
      } else {
        EXPECT_TRUE(Train(folder, at, what));
        ASSERT_GE(call, at);
      }
      ExpectNothingLost(folder, expected);
      ++tried;
    }
  }
  std::printf("%d calls of the saves, %d faults tried, 0 lost: %s\n", calls, tried, all.c_str());
}

TEST_F(SaveFaults, LoseNothingAtAnyCall) { TryCalls(kEvery); }

// The library's own calls are not among these; what it could do wrong would be found by the
// checksum.
TEST_F(SaveFaults, LoseNothingOfHdf5) {
  if (!HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5";
  hdf5_ = true;
  TryCalls(9 * kEvery);
  hdf5_ = false;
}

}  // namespace
}  // namespace moka
