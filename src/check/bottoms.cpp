// Values for the bottoms of a layer under check.
#include <algorithm>
#include <cmath>

#include "check/layer_check.h"

namespace moka {
namespace {

// No two of them nearer than `spread`; their order stays.
void Spread(const std::vector<float*>& values, double spread) {
  std::vector<float*> sorted = values;
  std::stable_sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return *a < *b; });
  double last = 0, moved = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const double value = *sorted[i];
    const double to = i == 0 ? value : std::max(value, last + 1.001 * spread);
    *sorted[i] = static_cast<float>(to);
    moved = to - value;
    last = to;
  }
  // Around the middle they were around.
  for (float* value : sorted) *value -= static_cast<float>(moved / 2);
}

void MoveFrom(const std::vector<float>& kinks, double step, float& value) {
  for (const float kink : kinks) {
    const double least = 2 * step * std::max(1.0, std::abs(static_cast<double>(kink)));
    const double distance = static_cast<double>(value) - kink;
    if (std::abs(distance) < least) {
      value = static_cast<float>(kink + (distance < 0 ? -least : least));
    }
  }
}

}  // namespace

std::vector<Floats> MakeBottoms(const LayerRunner& runner, const CheckOptions& options) {
  std::vector<Floats> bottoms;
  for (int i = 0; i < runner.bottom_count(); ++i) {
    const RandomStream random(options.seed, "bottoms", static_cast<uint32_t>(i), 0);
    Floats values(static_cast<size_t>(runner.bottom_shape(i).count()));
    for (size_t j = 0; j < values.size(); ++j) {
      const float u = random.Uniform(j);
      values[j] = options.input ? options.input(i, static_cast<int64_t>(j), u) : 2 * u - 1;
    }
    bottoms.push_back(std::move(values));
  }
  std::vector<float*> movable;  // not the labels
  for (int i = 0; i < runner.bottom_count(); ++i) {
    if (!runner.traits().differentiable(i)) continue;
    for (float& value : bottoms[static_cast<size_t>(i)]) movable.push_back(&value);
  }
  if (options.spread > 0) Spread(movable, options.spread);
  for (float* value : movable) MoveFrom(options.kinks, options.step, *value);
  return bottoms;
}

}  // namespace moka
