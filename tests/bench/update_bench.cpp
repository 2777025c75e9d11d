// An update of 11.6 million params, cut as ResNet-18's, on 2 threads, against a plain loop that
// moves as many arrays through memory: for SGD with momentum it reads w, dw, v and writes w, v.
// Both in turn; of_plain is the update's time over the plain loop's, of medians.
//   build/bench/bin/update_bench --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>

#include <chrono>
#include <list>
#include <string>
#include <vector>

#include "copy.h"
#include "moka/registry.h"
#include "shapes.h"
#include "solver/updater.h"

namespace moka::bench {
namespace {

// Convolutions without bias, each with a scale and a shift, and the classifier.
std::vector<Shape> ResNet18() {
  std::vector<Shape> shapes;
  const auto convolution = [&](int64_t outputs, int64_t inputs, int64_t size) {
    shapes.push_back({outputs, inputs, size, size});
    shapes.push_back({outputs});
    shapes.push_back({outputs});
  };
  convolution(64, 3, 7);
  int64_t inputs = 64;
  for (const int64_t outputs : {64, 128, 256, 512}) {
    convolution(outputs, inputs, 3);
    for (int i = 0; i < 3; ++i) convolution(outputs, outputs, 3);
    if (outputs != inputs) convolution(outputs, inputs, 1);
    inputs = outputs;
  }
  shapes.push_back({1000, 512});
  shapes.push_back({1000});
  return shapes;
}

struct Model {
  std::list<Param> params;
  std::list<Tensor> diffs;
  std::vector<Learned> learned;
  int64_t count = 0;

  Model() {
    for (const Shape& shape : ResNet18()) {
      Param& param = params.emplace_back("w", shape, true);
      Tensor& diff = diffs.emplace_back(shape);
      const std::vector<float> values = Random(shape.count());
      std::copy(values.begin(), values.end(), param.Change().data());
      std::copy(values.rbegin(), values.rend(), diff.data());
      learned.push_back({"layer", 0, &param, &diff});
      count += shape.count();
    }
  }
};

// w and the histories are read and written, dw is read: in one loop, with as little computation as
// there can be.
class PlainLoop {
 public:
  PlainLoop(int64_t count, int histories) : dw_(Shape{count}) {
    dw_.Fill(1e-3f);
    for (int i = 0; i <= histories; ++i) changed_.emplace_back(Shape{count}).Fill(1);
  }
  void operator()(Context& context) {
    if (changed_.size() == 2) return Run<2>(context);
    changed_.size() == 3 ? Run<3>(context) : Run<4>(context);
  }

 private:
  template <int arrays>
  void Run(Context& context) {
    std::array<float*, arrays> y;
    for (size_t a = 0; a < arrays; ++a) y[a] = changed_[a].data();
    context.ParallelFor(dw_.count(), kElementGrain,
                        [y, x = dw_.data()](int64_t begin, int64_t end) {
                          Vectorised([=] {
#pragma GCC ivdep
                            for (int64_t i = begin; i < end; ++i) {
                              for (size_t a = 0; a < arrays; ++a) y[a][i] += x[i];
                            }
                          });
                        });
  }

  Tensor dw_;
  std::vector<Tensor> changed_;
};

void Update(benchmark::State& state, const std::string& type) {
  using Clock = std::chrono::steady_clock;
  Context context({.threads = 2, .seed = 1});
  SolverParameter solver;
  solver.set_type(type);
  solver.set_weight_decay(1e-4f);
  if (type != "AdaGrad" && type != "RMSProp") solver.set_momentum(0.9f);
  const Registry registry = BuiltinLayers();
  Model model;
  Updater updater(solver, registry, model.learned, context);
  const int histories = registry.MakeUpdateRule(solver)->histories();
  PlainLoop plain(model.count, histories);
  int64_t iteration = 0;
  updater.Apply(1e-6f, iteration++, 0);  // touches all memory
  std::vector<double> plains, updates;
  for (auto _ : state) {
    const auto start = Clock::now();
    plain(context);
    const auto middle = Clock::now();
    updater.Apply(1e-6f, iteration++, 0);
    const auto end = Clock::now();
    plains.push_back(std::chrono::duration<double>(middle - start).count());
    updates.push_back(std::chrono::duration<double>(end - middle).count());
    state.SetIterationTime(updates.back());
  }
  const double bytes = 4.0 * static_cast<double>(model.count * (2 * histories + 3));
  state.counters["params_M"] = static_cast<double>(model.count) * 1e-6;
  state.counters["of_plain"] = Median(updates) / Median(plains);
  state.counters["plain_GB/s"] = bytes / Median(plains) * 1e-9;
}

#define MOKA_UPDATE(type) \
  BENCHMARK_CAPTURE(Update, type, #type)->UseManualTime()->Unit(benchmark::kMillisecond)

MOKA_UPDATE(SGD);
MOKA_UPDATE(Nesterov);
MOKA_UPDATE(AdaGrad);
MOKA_UPDATE(RMSProp);
MOKA_UPDATE(AdaDelta);
MOKA_UPDATE(Adam);
MOKA_UPDATE(AdamW);
MOKA_UPDATE(AMSGrad);
MOKA_UPDATE(LARS);

}  // namespace
}  // namespace moka::bench
