// How `moka time` measures.
#include "timing.h"

#include <algorithm>

#include "flags.h"
#include "moka/random.h"

namespace moka::tool {

double Milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

namespace {

// Which classes an input that is read as labels may name: the size of the other bottom of the layer
// that reads it, along axis 1; 0 for an input that holds data.
int64_t ClassesOf(const Net& net, const std::string& input) {
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    if (layer.bottoms.size() < 2 || layer.bottoms[1] != input) continue;
    const bool smaller = layer.bottom_shapes[1].count() < layer.bottom_shapes[0].count();
    if (smaller) return layer.bottom_shapes[0].size_or_1(1);
  }
  return 0;
}

}  // namespace

// Never zeros: max pooling and rectifiers are faster on them.
void FillInputs(Net& net, uint64_t seed) {
  for (const std::string& name : net.input_names()) {
    const int64_t classes = ClassesOf(net, name);
    const RandomStream random(seed, name, 0, 0);
    Tensor& input = net.input(name);
    for (int64_t i = 0; i < input.count(); ++i) {
      const uint64_t element = static_cast<uint64_t>(i);
      input.data()[i] =
          classes > 0 ? static_cast<float>(random.Below(element, static_cast<uint64_t>(classes)))
                      : random.Gaussian(element);
    }
  }
}

bool RunsBackward(const Net& net) {
  for (int i = 0; i < net.layer_count(); ++i) {
    if (net.layer(i).runs_backward) return true;
  }
  return false;
}

LayerTimer TimeLayers(Net& net, bool backward) {
  LayerTimer timer(net.layer_count());
  net.AddObserver(&timer);
  for (int i = 0; i < FLAGS_iterations; ++i) {
    net.Forward();
    if (backward) net.Backward();
  }
  net.RemoveObserver(&timer);
  return timer;
}

}  // namespace moka::tool
