// Work in a child process: what it returns, throws and dies of.
#include "io/hdf5_apart.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "caught.h"

namespace moka {
namespace {

class Hdf5Apart : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kHdf5Apart) GTEST_SKIP() << "skipped: under sanitizers HDF5 runs in this process";
  }
};

std::string Answer(const std::function<std::string()>& work, int64_t most = 1000,
                   int seconds = 60) {
  return ReadApart("m.h5", most, seconds, work);
}

std::string ErrorOf(const std::function<std::string()>& work, int64_t most = 1000,
                    int seconds = 60) {
  return Caught([&] { Answer(work, most, seconds); }).message();
}

TEST_F(Hdf5Apart, TheResultArrivesAndNothingElseChanges) {
  int changed = 0;
  EXPECT_EQ(Answer([&] {
              changed = 1;
              return std::string("a\0b", 3);
            }),
            std::string("a\0b", 3));
  EXPECT_EQ(changed, 0);
  const std::string large(3'000'000, 'x');  // more than a pipe holds
  EXPECT_EQ(Answer([&] { return large; }, 3'000'000), large);
  EXPECT_EQ(Answer([] { return std::string(); }), "");
}

TEST_F(Hdf5Apart, AnErrorIsThrownHere) {
  EXPECT_EQ(ErrorOf([]() -> std::string { throw Error("m.h5: no /data"); }), "m.h5: no /data");
}

TEST_F(Hdf5Apart, AChildThatDiesIsAnError) {
  EXPECT_EQ(ErrorOf([]() -> std::string {
              raise(SIGSEGV);
              return "";
            }),
            "cannot read \"m.h5\": HDF5 crashes (signal 11)");
  EXPECT_EQ(ErrorOf([]() -> std::string { std::abort(); }),
            "cannot read \"m.h5\": HDF5 crashes (signal 6)");
  EXPECT_EQ(ErrorOf([]() -> std::string { _exit(0); }),
            "cannot read \"m.h5\": HDF5 fails, perhaps for want of memory");
  EXPECT_EQ(ErrorOf([]() -> std::string {
              raise(SIGKILL);
              return "";
            }),
            "cannot read \"m.h5\": HDF5 fails, perhaps for want of memory");
  EXPECT_EQ(ErrorOf([]() -> std::string { throw std::bad_alloc(); }),
            "cannot read \"m.h5\": HDF5 fails, perhaps for want of memory");
}

TEST_F(Hdf5Apart, AChildThatDoesNotComeToAnEndIsAnError) {
  EXPECT_EQ(ErrorOf(
                []() -> std::string {
                  for (volatile int i = 0;;) i = 1 - i;
                },
                1000, 1),
            "cannot read \"m.h5\": HDF5 does not come to an end");
}

TEST_F(Hdf5Apart, ALongerAnswerThanIsWantedIsAnError) {
  EXPECT_EQ(ErrorOf([] { return std::string(3'000'000, 'x'); }, 999),
            "cannot read \"m.h5\": HDF5 fails, perhaps for want of memory");
}

TEST_F(Hdf5Apart, WritingSaysThatItIsWriting) {
  WriteApart("m.h5", 60, [] {});
  EXPECT_EQ(Caught([] { WriteApart("m.h5", 60, [] { raise(SIGBUS); }); }).message(),
            "cannot write \"m.h5\": HDF5 crashes (signal 7)");
  EXPECT_EQ(Caught([] { WriteApart("m.h5", 60, [] { throw Error("disk full"); }); }).message(),
            "disk full");
}

}  // namespace
}  // namespace moka
