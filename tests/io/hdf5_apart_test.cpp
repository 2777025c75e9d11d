// Work in a child process: what it returns, throws and dies of.
#include "io/hdf5_apart.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "caught.h"

namespace moka {
namespace {

std::string Run(const std::function<std::string()>& work, int64_t most = 1000, int seconds = 60) {
  return RunApart("m.h5", most, seconds, work);
}

std::string ErrorOf(const std::function<std::string()>& work, int64_t most = 1000,
                    int seconds = 60) {
  return Caught([&] { Run(work, most, seconds); }).message();
}

TEST(Hdf5Apart, TheResultArrivesAndNothingElseChanges) {
  int changed = 0;
  EXPECT_EQ(Run([&] {
              changed = 1;
              return std::string("a\0b", 3);
            }),
            std::string("a\0b", 3));
  EXPECT_EQ(changed, 0);
  const std::string large(3'000'000, 'x');  // more than a pipe holds
  EXPECT_EQ(Run([&] { return large; }, 3'000'000), large);
  EXPECT_EQ(Run([] { return std::string(); }), "");
}

TEST(Hdf5Apart, AnErrorIsThrownHere) {
  EXPECT_EQ(ErrorOf([]() -> std::string { throw Error("m.h5: no /data"); }), "m.h5: no /data");
}

TEST(Hdf5Apart, AChildThatDiesIsAnError) {
  EXPECT_EQ(ErrorOf([]() -> std::string {
              raise(SIGSEGV);
              return "";
            }),
            "m.h5: HDF5 crashes on it (signal 11); it is damaged");
  EXPECT_EQ(ErrorOf([]() -> std::string { std::abort(); }),
            "m.h5: HDF5 crashes on it (signal 6); it is damaged");
  EXPECT_EQ(ErrorOf([]() -> std::string { _exit(0); }),
            "m.h5: HDF5 could not read it, perhaps for want of memory; it may be damaged");
  EXPECT_EQ(ErrorOf([]() -> std::string { throw std::bad_alloc(); }),
            "m.h5: HDF5 could not read it, perhaps for want of memory; it may be damaged");
}

TEST(Hdf5Apart, AChildThatDoesNotComeToAnEndIsAnError) {
  EXPECT_EQ(ErrorOf(
                []() -> std::string {
                  for (volatile int i = 0;;) i = 1 - i;
                },
                1000, 1),
            "m.h5: HDF5 does not come to an end with it; it is damaged");
}

TEST(Hdf5Apart, ALongerAnswerThanIsWantedIsAnError) {
  EXPECT_EQ(ErrorOf([] { return std::string(3'000'000, 'x'); }, 999),
            "m.h5: HDF5 could not read it, perhaps for want of memory; it may be damaged");
}

TEST(Hdf5Apart, TheChildMayEnterWhatAnotherThreadOrItsParentHasLocked) {
  const auto held = OneThreadInHdf5();
  EXPECT_EQ(Run([] {
              const auto own = OneThreadInHdf5();
              return std::string("in");
            }),
            "in");
}

}  // namespace
}  // namespace moka
