// The contract of a layer: one function with its shapes, params, forward and backward pass.
//
// Life of a layer: Traits (static) -> constructor -> SetUp once -> Reshape -> Forward, Backward,
// ... A new bottom shape means another Reshape. With x the bottoms, y the tops, w the params and f
// = sum over all tops of <y, dy>:
//   Forward writes every element of every top:             y = F(x, w)
//   Backward assigns  bottom_diff(i) = df/dx(i)            where wants_bottom(i),
//            assigns or adds  param_diff(k) = df/dw(k)     where wants_param(k), adding if
//            adds_param(k).
// Backward reads only those bottoms and tops that the traits declare. The bottoms are never
// written. A layer allocates nothing and starts no threads in a pass: memory comes from Reshape's
// Plan, threads from pass.ParallelFor.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "moka/context.h"
#include "moka/error.h"
#include "moka/export.h"
#include "moka/param.h"
#include "moka/random.h"
#include "moka/shape.h"
#include "moka/tensor.h"
#include "moka/traits.h"

namespace moka {

class DataParameter;
class DataSource;
class ElementStep;
class Filler;
class FillerParameter;
class LayerParameter;
class LayerDescription;
class Registry;

// What the net file says of a layer, whatever its type. Borrows the layer's description and the
// registry that its type is in; both outlive the layer.
class MOKA_EXPORT LayerSpec {
 public:
  LayerSpec(const LayerDescription& description, const Registry& registry, bool training = true)
      : description_(&description), registry_(&registry), training_(training) {}

  const std::string& name() const;
  const std::string& type() const;
  bool training() const { return training_; }  // phase TRAIN
  int bottom_count() const;
  int top_count() const;
  const LayerParameter& common() const;  // moka/layer.pb.h
  // The serialised parameter message of a field ("relu_param"), empty if the file does not have it.
  std::string_view ParamBytes(std::string_view field) const;
  bool HasParam(std::string_view field) const;
  // Where a file that the layer names lies: tried as given, beside the net file, under $MOKA_DATA.
  // Throws Error listing all three.
  std::string FindFile(const std::string& path) const;
  // The filler that a parameter of the layer names, checked for a shape. `field` is where it stands
  // ("inner_product_param.weight_filler"). Throws Error at that field or below it.
  std::unique_ptr<Filler> MakeFiller(const FillerParameter& filler, const Shape& shape,
                                     const std::string& field) const;
  // What `data_param` names. Throws Error, its field below data_param. Since plugin API 2.1.
  std::unique_ptr<DataSource> OpenDataSource(const DataParameter& params) const;

 private:
  const LayerDescription* description_;
  const Registry* registry_;
  bool training_;
};

// A handle for memory that Reshape asked for; a pass turns it into a span.
template <typename T>
struct Buffer {
  int id = -1;
  int64_t count = 0;
};

// What SetUp asks for.
class MOKA_EXPORT Setup {
 public:
  // A learned param, filled by `filler` when it is new. The order of calls is that of `blobs` in a
  // .caffemodel. `name` is short: "weight", "bias". The returned index is what passes use.
  int AddParam(std::string_view name, const Shape& shape, const FillerParameter& filler);
  // Persistent state that is no learned param: saved with the weights, never given a gradient.
  int AddState(std::string_view name, const Shape& shape, float value);

  struct Impl;
  explicit Setup(Impl& impl) : impl_(impl) {}

 private:
  Impl& impl_;
};

// What Reshape decides: the shapes of the tops, and memory.
class MOKA_EXPORT Plan {
 public:
  Shape& top(int i);
  // Memory that lives for one call of Forward or of Backward; per_worker: one piece for each worker
  // of ParallelFor.
  template <typename T>
  Buffer<T> Scratch(int64_t count, bool per_worker = false) {
    return {AddScratch(Bytes(count, sizeof(T)), per_worker), count};
  }
  // Memory that Forward leaves to Backward (masks, indices). In a net that never runs Backward it
  // lives for the call.
  template <typename T>
  Buffer<T> Saved(int64_t count) {
    return {AddSaved(Bytes(count, sizeof(T))), count};
  }
  // Memory that keeps what the layer's passes leave in it until the next Reshape: what is made from
  // params whose version has not changed since. It begins as zeros. Since plugin API 3.0.
  template <typename T>
  Buffer<T> Lasting(int64_t count) {
    return {AddLasting(Bytes(count, sizeof(T))), count};
  }
  // For `moka summary` and `moka time`: how many multiply-adds Forward does.
  void MultiplyAdds(int64_t count);

  struct Impl;
  explicit Plan(Impl& impl) : impl_(impl) {}

 private:
  static int64_t Bytes(int64_t count, size_t size);  // checked
  int AddScratch(int64_t bytes, bool per_worker);
  int AddSaved(int64_t bytes);
  int AddLasting(int64_t bytes);
  Impl& impl_;
};

// What both passes give a layer.
class MOKA_EXPORT Pass {
 public:
  int bottom_count() const;
  int top_count() const;
  const Tensor& bottom(int i) const;
  int param_count() const;
  const Param& param(int k) const;

  // The memory behind a handle; for per-worker scratch, the worker's own piece.
  template <typename T>
  std::span<T> Get(Buffer<T> buffer, int worker = 0) {
    return {static_cast<T*>(Memory(buffer.id, worker)), static_cast<size_t>(buffer.count)};
  }

  Context& context();
  int threads() const;
  void ParallelFor(int64_t count, int64_t grain, RangeBody body);
  // The same numbers in the Forward and the Backward of one iteration; other ones in the next.
  // Depends on the Context's seed, the layer's name, `stream` and the number of the pass.
  RandomStream random(uint32_t stream = 0) const;
  // How many Forward passes the net has begun before this one, over all runs of a resumed training.
  uint64_t counter() const;

  // The layers behind this one whose work it is to do as well, which only a StepTaker has
  // (moka/fusion.h). Since plugin API 3.0.
  int fused_count() const;
  const ElementStep& fused_step(int i) const;
  const Tensor& fused_operand(int i) const;  // what step i, a sum, adds

  struct Impl;

 protected:
  explicit Pass(Impl& impl) : impl_(impl) {}
  ~Pass() = default;
  void* Memory(int id, int worker);
  Impl& impl_;
};

class MOKA_EXPORT ForwardPass : public Pass {
 public:
  Tensor& top(int i);
  // For a layer whose output size depends on the data: Reshape declared the upper bound, this is
  // what it came to (zero is legal).
  void SetTopShape(int i, const Shape& shape);
  // Persistent state, by what Setup::AddState returned. Throws Error for a learned param.
  Tensor& state(int k);
  // Whether a Backward of this iteration will follow; if not, Saved buffers need not be written.
  bool backward_follows() const;
  // The pass of a layer whose work this one does as well: its params.
  ForwardPass fused(int i) const;

  explicit ForwardPass(Impl& impl) : Pass(impl) {}
};

class MOKA_EXPORT BackwardPass : public Pass {
 public:
  const Tensor& top(int i) const;
  const Tensor& top_diff(int i) const;
  bool wants_bottom(int i) const;
  Tensor& bottom_diff(int i);
  bool wants_param(int k) const;
  bool adds_param(int k) const;  // add to param_diff(k) rather than assign
  Tensor& param_diff(int k);
  // The pass of a layer whose work this one does as well: its params and their diffs.
  BackwardPass fused(int i) const;

  explicit BackwardPass(Impl& impl) : Pass(impl) {}
};

// An optional interface of data layers, by the name kName: which item of the source a sample was,
// for error messages.
class SampleNames {
 public:
  static constexpr const char* kName = "SampleNames";
  static constexpr int kVersion = 1;
  virtual std::string SampleName(uint64_t seed, uint64_t counter, int64_t sample) const = 0;

 protected:
  ~SampleNames() = default;
};

class MOKA_EXPORT Layer {
 public:
  // Constructors of layers take (const LayerSpec&, const Message&...) and check them; they open no
  // file. Throw Error.
  explicit Layer(const LayerSpec& spec) : spec_(spec) {}
  virtual ~Layer();
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  // Once: params and state, which depend on the bottoms' shapes. Throws Error.
  virtual void SetUp(Shapes bottom, Setup& setup);
  // For each new set of bottom shapes: top shapes and memory. Throws Error.
  virtual void Reshape(Shapes bottom, Plan& plan) = 0;
  virtual void Forward(ForwardPass& pass) = 0;
  // Throws Error ("has no gradient") unless overridden.
  virtual void Backward(BackwardPass& pass);
  // Room for growth without breaking plugins: an optional interface by name and version, or
  // nullptr.
  virtual const void* Interface(const char* name, int version) const;

  const LayerSpec& spec() const { return spec_; }

 private:
  LayerSpec spec_;
};

}  // namespace moka
