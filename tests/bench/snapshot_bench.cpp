// How long a snapshot of 250 MB of weights, and as much history, keeps the training waiting,
// against a copy of as many bytes in memory: both in turn, the writing excluded.
//   build/bench/bin/snapshot_bench --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>

#include <chrono>
#include <filesystem>
#include <vector>

#include "copy.h"
#include "solver/snapshot_writer.h"

namespace moka::bench {
namespace {

constexpr int64_t kParams = 62'500'000;

void Stall(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  };
  Context context({.threads = 2, .seed = 1});
  const Shape shape{1000, kParams / 1000};
  Tensor w(shape), v(shape);
  w.Fill(1);
  v.Fill(2);
  LayerDescription layer;
  layer.common.set_name("ip");

  const auto fill = [&](SnapshotImage& image) {
    image.model = {{&layer, TRAIN, {{shape, &w, nullptr}}}};
    image.history = {&v};
  };
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "moka_snapshot_bench";
  std::filesystem::create_directories(folder);
  SnapshotJob job;
  job.prefix = folder / "s";
  job.names = NamesOfSnapshot(job.prefix + "_iter_0", false);
  Tensor w2(shape), v2(shape);
  w2.Fill(0);
  v2.Fill(0);

  std::vector<double> stalls, copies, writes;
  double first = 0;
  SnapshotWriter writer;
  fill(writer.image());
  writer.image().ReserveCopies();
  for (auto _ : state) {
    const auto start = Clock::now();
    for (const auto& [from, to] : {std::pair(&w, &w2), {&v, &v2}}) {
      context.ParallelFor(kParams, 1 << 18,
                          [from = from->data(), to = to->data()](int64_t i, int64_t end) {
                            std::copy(from + i, from + end, to + i);
                          });
    }
    const auto copied = Clock::now();
    fill(writer.image());
    if (!writer.Copy(context) || !writer.image().finite()) state.SkipWithError("no copy");
    writer.Start(job);
    const auto started = Clock::now();
    const auto result = writer.Wait();
    const auto written = Clock::now();
    if (!result->written) state.SkipWithError(result->problem.c_str());
    (first == 0 ? first : stalls.emplace_back()) = seconds(copied, started);
    copies.push_back(seconds(start, copied));
    writes.push_back(seconds(started, written));
    state.SetIterationTime(seconds(copied, started));
  }
  std::filesystem::remove_all(folder);
  state.counters["of_copy"] = Median(stalls) / Median(copies);
  state.counters["first_of_copy"] = first / Median(copies);
  state.counters["write_s"] = Median(writes);
}
BENCHMARK(Stall)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(7);

}  // namespace
}  // namespace moka::bench
