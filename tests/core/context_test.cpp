// The thread pool: every piece once, by the right worker; errors, nesting, wake-ups, denormals.
#include "moka/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "caught.h"

namespace moka {
namespace {

// Returns in all pieces only when `count` of them run at once.
class Meeting {
 public:
  explicit Meeting(int count) : missing_(count) {}
  void Wait() {
    --missing_;
    while (missing_ > 0) std::this_thread::yield();
  }

 private:
  std::atomic<int> missing_;
};

ContextOptions Threads(int threads) { return {.threads = threads, .seed = 1}; }

TEST(ParallelFor, VisitsEveryItemOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    Context context(Threads(threads));
    for (const int64_t count : {0, 1, 2, 7, 64, 1000}) {
      for (const int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
        context.ParallelFor(count, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
        });
        for (const auto& visit : visits) ASSERT_EQ(1, visit);
      }
    }
  }
}

TEST(ParallelFor, CutsByCountAndGrainAlone) {
  for (const int threads : {1, 2, 3}) {
    Context context(Threads(threads));
    std::mutex mutex;
    std::map<int64_t, int64_t> pieces;
    context.ParallelFor(10, 4, [&](int64_t begin, int64_t end) {
      const std::lock_guard lock(mutex);
      pieces[begin] = end;
    });
    EXPECT_EQ((std::map<int64_t, int64_t>{{0, 4}, {4, 8}, {8, 10}}), pieces);
  }
}

TEST(ParallelFor, BearsHugeCountsAndGrains) {
  Context context(Threads(2));
  std::atomic<int64_t> sum = 0;
  const auto add = [&](int64_t begin, int64_t end) { sum += end - begin; };
  context.ParallelFor(INT64_MAX, INT64_MAX, add);
  EXPECT_EQ(INT64_MAX, sum);
  sum = 0;
  context.ParallelFor(INT64_MAX, INT64_MAX / 2, add);
  EXPECT_EQ(INT64_MAX, sum);
}

TEST(ParallelFor, GivesEachWorkerOnePieceAtATime) {
  Context context(Threads(3));
  std::vector<std::atomic<int>> busy(3);
  std::atomic<bool> shared = false;
  for (int round = 0; round < 200; ++round) {
    context.ParallelFor(50, 1, [&](int64_t, int64_t, int worker) {
      if (worker < 0 || worker >= 3 || busy[static_cast<size_t>(worker)]++ != 0) {
        shared = true;
      } else {
        --busy[static_cast<size_t>(worker)];
      }
    });
  }
  EXPECT_FALSE(shared);
}

TEST(ParallelFor, RunsPiecesAtTheSameTime) {
  Context context(Threads(3));
  Meeting meeting(3);
  std::vector<int> workers(3);
  context.ParallelFor(3, 1, [&](int64_t begin, int64_t, int worker) {
    meeting.Wait();
    workers[static_cast<size_t>(begin)] = worker;
  });
  EXPECT_EQ(3, workers[0] + workers[1] + workers[2]);  // 0, 1 and 2 in some order
}

// The pauses are around the time after which workers fall asleep.
TEST(ParallelFor, LetsEachWorkerBeginWithItsOwnShareOfNeighbours) {
  Context context(Threads(2));
  for (int round = 0; round < 20; ++round) {
    Meeting meeting(2);
    std::mutex mutex;
    std::map<int, std::vector<int64_t>> pieces;  // of each worker, in order
    context.ParallelFor(7, 1, [&](int64_t begin, int64_t, int worker) {
      bool first;
      {
        const std::lock_guard lock(mutex);
        pieces[worker].push_back(begin);
        first = pieces[worker].size() == 1;
      }
      if (first) meeting.Wait();
    });
    ASSERT_EQ(pieces[0].at(0), 0);
    ASSERT_EQ(pieces[1].at(0), 4);
  }
}

TEST(ParallelFor, LosesNoWakeUp) {
  Context context(Threads(2));
  for (int round = 0; round < 600; ++round) {
    Meeting meeting(2);
    context.ParallelFor(2, 1, [&](int64_t, int64_t) { meeting.Wait(); });
    std::this_thread::sleep_for(std::chrono::microseconds(round % 60));
  }
}

TEST(ParallelFor, ShowsTheCallerWhatThePiecesWrote) {
  Context context(Threads(4));
  std::vector<int64_t> values(64);
  for (int64_t round = 0; round < 5000; ++round) {
    context.ParallelFor(
        64, 1, [&](int64_t begin, int64_t) { values[static_cast<size_t>(begin)] = round + begin; });
    for (int64_t i = 0; i < 64; ++i) ASSERT_EQ(round + i, values[static_cast<size_t>(i)]);
  }
}

TEST(ParallelFor, RunsNestedCallsInlineAsTheOuterWorker) {
  Context context(Threads(3));
  std::atomic<int> wrong = 0, visits = 0;
  context.ParallelFor(6, 1, [&](int64_t, int64_t, int outer) {
    const auto thread = std::this_thread::get_id();
    context.ParallelFor(5, 1, [&](int64_t, int64_t, int inner) {
      context.ParallelFor(1, 1,
                          [&](int64_t, int64_t, int innermost) { wrong += innermost != outer; });
      wrong += inner != outer || std::this_thread::get_id() != thread;
      ++visits;
    });
  });
  EXPECT_EQ(0, wrong);
  EXPECT_EQ(30, visits);
}

TEST(ParallelFor, LeavesThePoolToWhatASinglePieceCalls) {
  Context context(Threads(2));
  Meeting meeting(2);
  context.ParallelFor(1, 1, [&](int64_t, int64_t) {
    context.ParallelFor(2, 1, [&](int64_t, int64_t) { meeting.Wait(); });
  });
}

TEST(ParallelFor, NestsThroughAnotherContextAndBack) {
  Context a(Threads(2)), b(Threads(1));
  std::atomic<int> visits = 0;
  a.ParallelFor(4, 1, [&](int64_t, int64_t) {
    b.ParallelFor(
        3, 1, [&](int64_t, int64_t) { a.ParallelFor(2, 1, [&](int64_t, int64_t) { ++visits; }); });
  });
  EXPECT_EQ(24, visits);
}

TEST(ParallelFor, RethrowsTheLowestPiecesException) {
  for (const int threads : {1, 2, 4}) {
    Context context(Threads(threads));
    for (int round = 0; round < 100; ++round) {
      const Error error = Caught([&] {
        context.ParallelFor(40, 1, [&](int64_t begin, int64_t) {
          if (begin % 7 == 5) throw Error("piece ", begin);
        });
      });
      ASSERT_STREQ("piece 5", error.what());
    }
    std::atomic<int> visits = 0;  // and the pool lives on
    context.ParallelFor(40, 1, [&](int64_t, int64_t) { ++visits; });
    EXPECT_EQ(40, visits);
  }
}

TEST(ParallelFor, RethrowsAfterAllPiecesHaveEnded) {
  Context context(Threads(2));
  Meeting meeting(2);
  std::atomic<bool> ended = false;
  EXPECT_THROW(context.ParallelFor(2, 1,
                                   [&](int64_t begin, int64_t) {
                                     meeting.Wait();
                                     if (begin == 0) throw std::runtime_error("early");
                                     std::this_thread::sleep_for(std::chrono::milliseconds(5));
                                     ended = true;
                                   }),
               std::runtime_error);
  EXPECT_TRUE(ended);
}

TEST(ParallelFor, ServesTwoThreadsOneAfterTheOther) {
  Context context(Threads(2));
  std::atomic<int64_t> sum = 0;
  std::vector<std::atomic<int>> busy(2);
  std::atomic<bool> shared = false;
  const auto call = [&] {
    for (int round = 0; round < 500; ++round) {
      context.ParallelFor(10, 1, [&](int64_t begin, int64_t, int worker) {
        if (busy[static_cast<size_t>(worker)]++ != 0) shared = true;
        sum += begin;
        --busy[static_cast<size_t>(worker)];
      });
    }
  };
  std::thread other(call);
  call();
  other.join();
  EXPECT_EQ(2 * 500 * 45, sum);
  EXPECT_FALSE(shared);
}

TEST(Context, StartsAndStopsQuicklyEvenUnused) {
  for (int round = 0; round < 50; ++round) Context context(Threads(1 + round % 4));
}

TEST(Context, TakesOneThreadForEachUsableCore) {
  Context context;
  EXPECT_GE(context.threads(), 1);
  EXPECT_LE(context.threads(), 64);
}

TEST(Context, RefusesThreadsOutOfRange) {
  const Error negative = Caught([] { Context context({.threads = -1}); });
  EXPECT_STREQ("threads is -1; it must be 0 (one for each core) to 1024", negative.what());
  EXPECT_EQ("threads", negative.field());
  EXPECT_STREQ("threads is 1025; it must be 0 (one for each core) to 1024",
               Caught([] { Context context({.threads = 1025}); }).what());
}

TEST(Context, KeepsOrDrawsTheSeed) {
  Context context({.threads = 1, .seed = 42, .keep_blas_threads = true});
  EXPECT_EQ(42u, context.seed());
  EXPECT_TRUE(context.keep_blas_threads());
  context.set_seed(43);
  EXPECT_EQ(43u, context.seed());
  const Context a({.threads = 1}), b({.threads = 1}), c({.threads = 1});
  EXPECT_FALSE(a.seed() == b.seed() && b.seed() == c.seed());
}

#if defined(__SSE2__)
// 1e-45 is a denormal; the volatile keeps the compiler from knowing.
bool Flushes() {
  volatile float x = 1e-30f;
  return x * 1e-10f == 0;
}

TEST(FlushDenormals, HoldsInItsScopeAndNests) {
  EXPECT_FALSE(Flushes());
  {
    const FlushDenormals flush;
    EXPECT_TRUE(Flushes());
    { const FlushDenormals again; }
    EXPECT_TRUE(Flushes());
  }
  EXPECT_FALSE(Flushes());
}

TEST(FlushDenormals, HoldsInAllPieces) {
  Context context(Threads(3));
  Meeting meeting(3);
  std::vector<int> flushes(3, -1);
  context.ParallelFor(3, 1, [&](int64_t, int64_t, int worker) {
    meeting.Wait();
    flushes[static_cast<size_t>(worker)] = Flushes();
  });
  EXPECT_EQ((std::vector<int>{1, 1, 1}), flushes);
  EXPECT_FALSE(Flushes());
}

// Denormals that are added up in 3 pieces.
float SumOfDenormals(int threads) {
  Context context(Threads(threads));
  Meeting meeting(threads);
  std::vector<float> sums(3);
  context.ParallelFor(3, 1, [&](int64_t piece, int64_t) {
    if (threads > 1) meeting.Wait();  // so that each takes a piece
    volatile float x = 1e-40f;
    for (int i = 0; i < 1000; ++i) sums[static_cast<size_t>(piece)] += x;
  });
  return sums[0] + sums[1] + sums[2];
}

TEST(FlushDenormals, GivesTheSameBitsForAnyNumberOfThreads) {
  EXPECT_EQ(0.0f, SumOfDenormals(1));
  EXPECT_EQ(0.0f, SumOfDenormals(3));
}
#endif

}  // namespace
}  // namespace moka
