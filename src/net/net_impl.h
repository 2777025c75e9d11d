// What stands behind Net.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "layer/pass_impl.h"
#include "moka/net.h"
#include "net/graph.h"
#include "net/lifetimes.h"
#include "net/workspace.h"

namespace moka {

// A piece of memory of fixed size that a net owns.
class OwnMemory {
 public:
  OwnMemory() = default;
  ~OwnMemory() { FreeAligned(memory_); }
  OwnMemory(const OwnMemory&) = delete;
  OwnMemory& operator=(const OwnMemory&) = delete;
  void Allocate(int64_t bytes);  // zeros
  std::byte* data() const { return static_cast<std::byte*>(memory_); }

 private:
  void* memory_ = nullptr;
};

class Net::Impl {
 public:
  Impl(const Net& self, NetDescription description, const Registry& registry, Context& context,
       const NetOptions& options);

  // Construction, after the graph is set up.
  void ChooseKept();
  void PlanMemory();
  void CollectLearned();
  void OrderContributions();
  void Bind();  // makes all tensors and passes point into the memory that there is now

  // Passes (net_passes.cpp).
  double Forward();
  bool Backward(bool add, bool check);
  void ForwardNode(int i);
  void BackwardNode(int i, bool add);
  void RunBackward(int i, BackwardPass& pass);

  // Numbers that are not finite (numerics.cpp).
  bool ParamGradientsAreFinite(int i) const;
  std::string FindNonFinite(bool backward);

  // Another shape for a fed value; if that fails, all is as it was.
  void ReshapeFed(size_t value, const Shape& shape);
  std::vector<std::string> BlobNames() const;
  void RefusePlanOnly() const;                 // throws Error if there is no memory
  int FindValue(std::string_view name) const;  // throws Error
  const Tensor& Readable(std::string_view name, bool diff) const;

  struct NodePasses {
    Pass::Impl forward, backward;
    std::vector<Tensor> beside, zeros;  // by bottom, by top
    std::vector<int> learned;           // by param: index into learned_, or -1
    std::vector<char>
        first_contribution;  // by param: nobody before it in a Backward adds to the gradient
  };

  const Net& self_;
  const Registry registry_;
  NetDescription description_;
  Context& context_;
  NetOptions options_;
  std::shared_ptr<Weights> weights_;
  std::shared_ptr<Workspace> workspace_;
  Graph graph_;

  std::vector<char> kept_;  // by value
  Lifetimes lifetimes_;
  MemoryPlan plan_;
  OwnMemory kept_memory_, gradient_memory_;
  std::vector<int64_t> kept_offsets_;  // by storage
  uint64_t bound_generation_ = 0;

  std::vector<Shape> planned_shapes_;   // by value: the largest, where the data decide
  std::vector<Tensor> values_, diffs_;  // by value
  std::vector<NodePasses> passes_;
  std::vector<Learned> learned_;
  std::vector<std::unique_ptr<Tensor>> gradients_;  // of learned_, in one flat arena
  std::vector<NetObserver*> observers_;
  uint64_t counter_ = 0;
  uint64_t pass_counter_ = 0;  // of the last Forward
  bool forward_done_ = false;
  bool check_numerics_ = false;

 private:
  std::byte* MemoryOf(int storage) const;
  Tensor TensorOf(int storage, const Shape& shape) const;
  void BindNode(int i);
  void PlaceStorages();
  std::string LargestPart() const;
  void Refill(const std::vector<std::pair<size_t, Tensor>>& fed);
  void FillDead(int step);
  void PrepareZeros(int i);
  void AddLossWeights(int i);
  void ReshapeForData(int i);
  void CheckParts(const Node& node) const;
  void BeginPass();
  std::string SampleName(const Node& node, int64_t sample) const;
  std::string SampleName(const Value& value, int64_t sample) const;

  // What is bad of node i, or "". Params: the learned ones, or the others.
  std::string BadParam(int i, bool learned) const;
  std::string BadTop(int i) const;
  std::string BadGradient(int i) const;
  std::string Describe(int i, const std::string& what, const Tensor& tensor) const;
  // Throw Diverged.
  void CheckBeforeForward(int i) const;
  void CheckAfterForward(int i) const;
  void CheckAfterBackward(int i) const;
  std::string FindInForward();
  std::string FindInBackward();
};

}  // namespace moka
