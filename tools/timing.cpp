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

namespace {

// Collects a time for each layer and pass, in milliseconds, and which gradients a layer writes.
class LayerTimer final : public NetObserver {
 public:
  explicit LayerTimer(int layers)
      : forward(static_cast<size_t>(layers)), backward(forward), wanted(forward.size()) {}
  void BeforeForward(const Net&, int) override { start_ = Clock::now(); }
  void AfterForward(const Net&, int i) override {
    forward[static_cast<size_t>(i)].push_back(Milliseconds(start_));
  }
  void BeforeBackward(const Net&, int) override { start_ = Clock::now(); }
  void AfterBackward(const Net& net, int i) override {
    const auto layer = static_cast<size_t>(i);
    backward[layer].push_back(Milliseconds(start_));
    if (backward[layer].size() > 1) return;
    const size_t bottoms = net.layer(i).bottoms.size();
    for (size_t b = 0; b < bottoms; ++b) {
      wanted[layer].push_back(net.layer_bottom_diff(i, static_cast<int>(b)) != nullptr);
    }
  }

  std::vector<std::vector<double>> forward, backward;
  std::vector<std::vector<bool>> wanted;  // by bottom; none if Backward never ran

 private:
  Clock::time_point start_;
};

int64_t Count(const std::vector<Shape>& shapes, const auto& chosen) {
  int64_t count = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (chosen(static_cast<int>(i))) count += shapes[i].count();
  }
  return count;
}

bool Any(int) { return true; }

Work ForwardWork(const LayerInfo& layer) {
  int64_t count = Count(layer.bottom_shapes, Any) + Count(layer.top_shapes, Any);
  for (const Param* param : layer.params) count += param->values().count();
  return {4 * count, layer.multiply_adds};
}

// Reads the tops' gradients, what the traits declare, and the params if a bottom has a gradient;
// writes the gradients of bottoms and params. Each of these two takes as many multiply-adds as
// Forward.
Work BackwardWork(const LayerInfo& layer, const LayerTraits& traits,
                  const std::vector<bool>& wanted) {
  const int64_t bottom_gradients =
      Count(layer.bottom_shapes, [&](int i) { return wanted[static_cast<size_t>(i)]; });
  int64_t params = 0, param_gradients = 0;
  for (const Param* param : layer.params) {
    params += param->values().count();
    if (param->learned() && param->lr_mult != 0) param_gradients += param->values().count();
  }
  Reads reads = Reads::Nothing();
  if (bottom_gradients > 0) reads = reads | traits.bottom_gradient_reads();
  if (param_gradients > 0) reads = reads | traits.param_gradient_reads();
  const int64_t values = Count(layer.bottom_shapes, [&](int i) { return reads.ReadsBottom(i); }) +
                         Count(layer.top_shapes, [&](int i) { return reads.ReadsTop(i); });
  const int64_t top_gradients = Count(layer.top_shapes, Any);
  const int parts = (bottom_gradients > 0 ? 1 : 0) + (param_gradients > 0 ? 1 : 0);
  return {4 * (values + top_gradients + bottom_gradients + param_gradients +
               (bottom_gradients > 0 ? params : 0)),
          parts * layer.multiply_adds};
}

}  // namespace

std::vector<LayerTime> TimeLayers(Net& net, const Registry& registry, bool backward) {
  LayerTimer timer(net.layer_count());
  net.AddObserver(&timer);
  for (int i = 0; i < FLAGS_iterations; ++i) {
    net.Forward();
    if (backward) net.Backward();
  }
  net.RemoveObserver(&timer);
  std::vector<LayerTime> times;
  for (int i = 0; i < net.layer_count(); ++i) {
    const auto at = static_cast<size_t>(i);
    LayerTime time{.layer = net.layer(i)};
    time.forward = {Median(timer.forward[at]), ForwardWork(time.layer)};
    if (!timer.backward[at].empty()) {
      const LayerTraits traits = TraitsOf(registry, net.description().layers[at]);
      time.has_backward = true;
      time.backward = {Median(timer.backward[at]),
                       BackwardWork(time.layer, traits, timer.wanted[at])};
    }
    times.push_back(std::move(time));
  }
  return times;
}

PassTime Total(const std::vector<LayerTime>& layers, bool backward, double ms) {
  PassTime total{.ms = ms};
  for (const LayerTime& layer : layers) {
    total.work.multiply_adds += layer.forward.work.multiply_adds;
    if (backward) total.work.multiply_adds += layer.backward.work.multiply_adds;
  }
  return total;
}

}  // namespace moka::tool
