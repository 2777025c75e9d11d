// One layer with its memory, outside any net: what RunLayer and CheckLayer drive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/room.h"
#include "layer/pass_impl.h"
#include "moka/context.h"
#include "moka/description.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "moka/schema.h"

namespace moka {

using Floats = std::vector<float>;

// What stands inside `layer { }`, and how to read and build it.
struct LayerSource {
  std::string text;
  const Registry* registry = nullptr;  // null: BuiltinLayers()
  bool training = true;
  int tops = 0;  // where the text names none; 0: the least that the traits allow
  uint64_t seed = 1;
};

// What goes into one Forward and, if wanted, the Backward after it.
struct RunInput {
  using Pair = std::pair<int, int>;  // (top, bottom)

  std::vector<Floats> bottoms;
  std::vector<Floats> params;  // values of all params and states
  bool backward = false;
  std::vector<Floats> top_diffs;  // for Backward; a longer one than its top is cut
  std::vector<char> wants_bottom, wants_param;
  std::vector<Floats> param_diffs;  // what Backward shall add to; none: it assigns
  bool backward_follows = true;     // what Forward is told, if no Backward does
  int threads = 1;
  uint64_t counter = 0;
  float poison = kNanPoison;        // fills all memory that nobody has written yet
  std::optional<float> undeclared;  // fills, before Backward, the values that it does not declare
  std::vector<Pair> shared_values;  // this top in this bottom's memory
  std::vector<Pair> shared_diffs;   // this bottom's diff in this top's diff's memory
};

struct RunOutput {
  std::vector<Shape> top_shapes;
  std::vector<Floats> tops, states;
  std::vector<Floats> bottom_diffs, param_diffs;  // empty where not wanted
  std::vector<std::string> broken;                // written where it must not be, in either pass
};

class LayerRunner {
 public:
  // Throws Error: the text is wrong, the arity is, or the layer refuses.
  LayerRunner(const LayerSource& source, const std::vector<Shape>& shapes);
  LayerRunner(const LayerRunner&) = delete;  // the layer points into it

  // Throws Error if the layer does.
  void Reshape(const std::vector<Shape>& shapes);
  RunOutput Run(const RunInput& input);

  const LayerTraits& traits() const { return traits_; }
  const std::string& type() const { return description_.common.type(); }
  int bottom_count() const { return static_cast<int>(bottom_shapes_.size()); }
  int top_count() const { return static_cast<int>(plan_.tops.size()); }
  const Shape& bottom_shape(int i) const { return bottom_shapes_[static_cast<size_t>(i)]; }
  const Shape& top_shape(int i) const { return plan_.tops[static_cast<size_t>(i)]; }
  int param_count() const { return static_cast<int>(params_.size()); }
  // As its filler filled it, or as the last Run left it.
  const Param& param(int k) const { return *params_[static_cast<size_t>(k)]; }

 private:
  struct Memory;

  void FillIn(const LayerSource& source, size_t bottoms);
  void MakeParams();
  Context& context(int threads);
  void SetParams(const RunInput& input);
  Pass::Impl Connect(const RunInput& input, Memory& memory);
  void ConnectDiffs(const RunInput& input, Memory& memory, Pass::Impl& impl);
  void PoisonUndeclared(const RunInput& input, Memory& memory) const;
  void FindStrayWrites(const RunInput& input, const Memory& memory, const char* pass,
                       RunOutput& output) const;

  std::shared_ptr<const void> grammar_;  // keeps the registry
  const Registry* registry_ = nullptr;
  LayerDescription description_;
  const LayerType* type_ = nullptr;
  bool training_;
  uint64_t seed_;
  LayerTraits traits_;
  std::unique_ptr<Layer> layer_;
  std::vector<Setup::Impl::Request> requests_;
  std::vector<std::unique_ptr<Param>> params_;
  std::vector<Shape> bottom_shapes_;
  Plan::Impl plan_;
  std::map<int, std::unique_ptr<Context>> contexts_;  // by number of threads
};

}  // namespace moka
