// A net: wiring and order; runs layers. Made from a description in steps from value to value
// (src/net/): filter by phase, connect, set up, decide gradients, plan memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moka/context.h"
#include "moka/description.h"
#include "moka/export.h"
#include "moka/layer.h"
#include "moka/memory_plan.h"
#include "moka/registry.h"
#include "moka/weights.h"

namespace moka {

class Net;

// Memory for activations, diffs and scratch, of one net or of several that run in turn. One pass at
// a time: a second caller is refused with an Error.
class Workspace;
MOKA_EXPORT std::shared_ptr<Workspace> MakeWorkspace();

// Called around each layer's work. Without observers there is no cost.
class MOKA_EXPORT NetObserver {
 public:
  virtual ~NetObserver();
  virtual void BeforeForward(const Net& net, int layer);
  virtual void AfterForward(const Net& net, int layer);
  virtual void BeforeBackward(const Net& net, int layer);
  virtual void AfterBackward(const Net& net, int layer);
};

struct NetOptions {
  Phase phase = TEST;                    // goes into the description's state
  std::shared_ptr<Weights> weights;      // null: its own
  std::shared_ptr<Workspace> workspace;  // null: its own
  std::vector<std::string> keep;         // blobs whose values and diffs stay readable after a pass
  bool backward =
      true;          // false: a net that never runs Backward (plans less memory); TEST nets usually
  bool fuse = true;  // layers do the work of those behind them where both can (moka/fusion.h)
  bool plan_only =
      false;  // no memory for values: shapes and the plan can be asked for, nothing runs
  bool separate_memory = false;  // debug: no sharing at all, and dead memory is filled with NaN
};

// A learned param as a net trains it.
struct Learned {
  std::string layer;  // its owner: the first layer that uses it
  int index = 0;      // which of the owner's params
  Param* param = nullptr;
  Tensor* diff = nullptr;
};

// A value that nothing in the net reads: what the net is for.
struct NetOutput {
  std::string name;
  const Tensor* values = nullptr;
  float loss_weight = 0;
};

// What a layer of the net is, for tools.
struct LayerInfo {
  std::string name, type, origin;
  std::string fused_into;  // the layer that does this one's work in Forward, or empty
  std::vector<std::string> bottoms, tops;
  std::vector<Shape> bottom_shapes, top_shapes;
  std::vector<const Param*> params;
  int64_t multiply_adds = 0;
  bool runs_backward = false;
};

class MOKA_EXPORT Net {
 public:
  // `description` may still hold layers of other phases: they are filtered by `description.state`
  // with options.phase put in. `registry`, `context` must outlive the net. Throws ErrorList with
  // one error a layer (at most 20), each with its place.
  Net(NetDescription description, const Registry& registry, Context& context,
      const NetOptions& options = {});
  ~Net();
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;

  const std::string& name() const;
  Phase phase() const;

  // Runs all layers; returns the weighted sum of all losses.
  double Forward();
  // Gradients of the last Forward. add: add to the params' gradients rather than assign
  // (iter_size). With `check`, looks at each layer's param gradients once they are written; false
  // if one of them is not finite.
  bool Backward(bool add = false, bool check = false);

  // How many Forward passes there have been: what random numbers and data positions depend on.
  uint64_t counter() const;
  void set_counter(uint64_t counter);

  int layer_count() const;
  LayerInfo layer(int i) const;
  // Values by name: inputs, outputs and kept ones stay readable after a pass. Throws Error for a
  // name that there is not (did you mean) or for a blob whose memory was reused (says how to keep
  // it). Caffe's names of split blobs are understood.
  const Tensor& blob(std::string_view name) const;
  const Tensor& diff(std::string_view name) const;
  std::vector<std::string> blob_names() const;
  // Tops of Input layers, to be written by the caller before Forward.
  std::vector<std::string> input_names() const;
  Tensor& input(std::string_view name);
  // Another shape for an input; all shapes that depend on it follow, and memory is planned anew.
  void ReshapeInput(std::string_view name, const Shape& shape);

  // By name, as Caffe numbers them.
  std::vector<NetOutput> outputs() const;
  std::span<const Learned> learned() const;
  const Weights& weights() const;
  Weights& weights();

  const MemoryPlan& memory_plan() const;

  void AddObserver(NetObserver* observer);  // borrowed, until it is removed or the net ends
  void RemoveObserver(NetObserver* observer);
  // Within an observer's After...: the values and diffs of the layer that just ran. A layer that
  // does the work of others shows the last one's values; a part of a Concat's top is not dense.
  const Tensor& layer_top(int layer, int top) const;
  const Tensor* layer_bottom_diff(int layer, int bottom) const;  // null where there is none

  // The first layer and blob with a non-finite number, in the order of computation: each layer's
  // learned params and each value as it is computed in one more Forward with the same counter (and
  // Backward if `backward`, which overwrites the gradients): `layer "ip1" (InnerProduct), top
  // "ip1": 3 of 640 values are not finite`; or "". A layer that keeps running means changes them.
  std::string FindNonFinite(bool backward);
  // From now on (or no longer): Forward and Backward look at every param, value and gradient as it
  // is computed, and throw Diverged at the first that is not finite: `backward: layer "ip1"
  // (InnerProduct), gradient of bottom "x": 3 of 640 values are not finite, the first nan at [2,
  // 5]`. Off, it costs nothing.
  void CheckNumerics(bool on);

  const NetDescription& description() const;  // after filtering

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moka
