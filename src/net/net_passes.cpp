// The passes of a net: forward and backward.
#include <algorithm>
#include <limits>
#include <utility>

#include "moka/math.h"
#include "net/fuse.h"
#include "net/net_impl.h"
#include "net/setup.h"

namespace moka {
namespace {

// What a layer asks for after its input shrank must fit into what was planned.
void CheckFits(const std::vector<Plan::Impl::Piece>& pieces,
               const std::vector<Plan::Impl::Piece>& planned) {
  if (pieces.size() != planned.size()) {
    throw Error("asks for ", pieces.size(), " buffers after its input changed, for ",
                planned.size(), " before");
  }
  for (size_t p = 0; p < pieces.size(); ++p) {
    if (pieces[p].bytes > planned[p].bytes) {
      throw Error("asks for more memory for a smaller input: ", pieces[p].bytes,
                  " bytes in buffer ", p, ", planned were ", planned[p].bytes);
    }
  }
}

void AddScalar(float value, Tensor& tensor) {
  for (float& x : tensor.values()) x += value;
}

}  // namespace

void Net::Impl::RefusePlanOnly() const {
  if (options_.plan_only) {
    throw Error("net \"", description_.name,
                "\" was made to be planned only (NetOptions::plan_only)");
  }
}

// What Forward and FindNonFinite begin with: from here on there is nothing that Backward could use.
void Net::Impl::BeginPass() {
  forward_done_ = false;
  workspace_->set_user(this);
  if (bound_generation_ != workspace_->generation()) Bind();
}

double Net::Impl::Forward() {
  RefusePlanOnly();
  const Workspace::Lock lock(*workspace_);
  const FlushDenormals flush;
  BeginPass();
  if (options_.separate_memory) FillDead(-1);
  double loss = 0;
  for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i) {
    for (NetObserver* observer : observers_) observer->BeforeForward(self_, i);
    if (check_numerics_) CheckBeforeForward(i);
    ForwardNode(i);
    if (check_numerics_) CheckAfterForward(i);
    for (const int v : graph_.nodes[static_cast<size_t>(i)].tops) {
      const float weight = graph_.values[static_cast<size_t>(v)].loss_weight;
      if (weight != 0) loss += weight * Sum(context_, values_[static_cast<size_t>(v)].values());
    }
    for (NetObserver* observer : observers_) observer->AfterForward(self_, i);
    if (options_.separate_memory) FillDead(i);
  }
  pass_counter_ = counter_++;
  forward_done_ = true;
  return loss;
}

void Net::Impl::ForwardNode(int i) {
  Node& node = graph_.nodes[static_cast<size_t>(i)];
  if (node.fused_into >= 0) return;
  Pass::Impl& impl = passes_[static_cast<size_t>(i)].forward;
  impl.counter = counter_;
  for (const int n : ForwardWork(graph_, i)) ReshapeForData(n);
  InLayer(*node.description, node.type, [&] {
    try {
      ForwardPass pass(impl);
      CheckParts(node);
      const size_t top = node.tops.empty() ? 0 : static_cast<size_t>(WrittenTop(graph_, i, 0));
      if (!node.tops.empty() && lifetimes_.stride[top] > 0) {
        InterfaceOf<StridedForward>(node)->ForwardStrided(pass, lifetimes_.stride[top]);
      } else {
        node.layer->Forward(pass);
      }
    } catch (Error& error) {
      throw error.Suffix(SampleName(node, error.sample()));
    }
  });
}

// What was written into its place in the node's top must be in the right one, though data changed
// shapes since it was planned.
void Net::Impl::CheckParts(const Node& node) const {
  for (size_t b = 0; b < node.bottoms.size(); ++b) {
    const size_t v = static_cast<size_t>(node.bottoms[b]);
    if (lifetimes_.stride[v] == 0) continue;
    const SideBySide& whole = *InterfaceOf<SideBySide>(node);
    if (whole.offset(static_cast<int>(b)) != lifetimes_.offset[v] ||
        whole.stride() != lifetimes_.stride[v]) {
      throw Error("bottom ", b, " was planned to stand in the top at ", lifetimes_.offset[v],
                  " of ", lifetimes_.stride[v], ", but the data moved it to ",
                  whole.offset(static_cast<int>(b)), " of ", whole.stride(),
                  "; NetOptions::fuse = false copies it");
    }
  }
}

// ` (labels.gz item 17)` for a sample that came from a data layer, looked for through the last
// bottom first: that is where labels are. Empty if there is none.
std::string Net::Impl::SampleName(const Node& node, int64_t sample) const {
  for (size_t b = node.bottoms.size(); sample >= 0 && b-- > 0;) {
    std::string name = SampleName(graph_.values[static_cast<size_t>(node.bottoms[b])], sample);
    if (!name.empty()) return name;
  }
  return "";
}

// Of a sample of one value. It is followed only through layers that leave each sample in its place.
// A layer that cannot tell does not hide what the name is wanted for.
std::string Net::Impl::SampleName(const Value& value, int64_t sample) const {
  const Node& producer = graph_.nodes[static_cast<size_t>(value.producer)];
  std::string name;
  try {
    InLayer(*producer.description, producer.type, [&] {
      const void* names = producer.layer->Interface(SampleNames::kName, SampleNames::kVersion);
      if (names == nullptr) return;
      const auto* source = static_cast<const SampleNames*>(names);
      name = " (" + source->SampleName(context_.seed(), counter_, sample) + ")";
    });
  } catch (const Error& error) {
    name = " (of an unknown item: " + error.message() + ")";
  }
  if (!name.empty()) return name;
  for (size_t b = 0; b < producer.bottoms.size(); ++b) {
    const Value& bottom = graph_.values[static_cast<size_t>(producer.bottoms[b])];
    if (producer.traits.same_values(value.top, static_cast<int>(b)) &&
        bottom.shape.size_or_1(0) == value.shape.size_or_1(0)) {
      return SampleName(bottom, sample);
    }
  }
  return "";
}

// After a layer whose output size depends on the data, the rest follows in place: its memory was
// planned for the largest case.
void Net::Impl::ReshapeForData(int i) {
  Node& node = graph_.nodes[static_cast<size_t>(i)];
  if (node.traits.fed_from_outside()) return;
  bool changed = !node.reshaped;
  for (size_t b = 0; b < node.bottoms.size(); ++b) {
    changed =
        changed || values_[static_cast<size_t>(node.bottoms[b])].shape() != node.bottom_shapes[b];
  }
  if (changed) {
    const std::vector<Plan::Impl::Piece> planned = node.plan.pieces;
    for (const int v : node.bottoms) {
      graph_.values[static_cast<size_t>(v)].shape = values_[static_cast<size_t>(v)].shape();
    }
    try {
      InLayer(*node.description, node.type, [&] {
        ReshapeNode(graph_, node);
        CheckFits(node.plan.pieces, planned);
      });
    } catch (...) {
      node.reshaped = false;
      node.plan.pieces = planned;
      throw;
    }
    node.plan.pieces = planned;
  }
  for (size_t t = 0; t < node.tops.size(); ++t) {
    Tensor& top = values_[static_cast<size_t>(node.tops[t])];
    if (top.shape() != node.plan.tops[t]) top.Reshape(node.plan.tops[t]);
  }
}

bool Net::Impl::Backward(bool add, bool check) {
  if (!options_.backward) throw Error("net \"", description_.name, "\" was made without backward");
  if (!forward_done_) throw Error("Backward needs a Forward before it");
  const Workspace::Lock lock(*workspace_);
  const FlushDenormals flush;
  if (workspace_->user() != this) {
    throw Error(
        "another net on the same workspace ran since this net's Forward; Backward needs what that "
        "left");
  }
  forward_done_ = false;
  bool finite = true;
  const int count = static_cast<int>(graph_.nodes.size());
  for (int i = count - 1; i >= 0; --i) {
    if (BackwardWork(graph_, i).empty()) continue;
    for (NetObserver* observer : observers_) observer->BeforeBackward(self_, i);
    BackwardNode(i, add);
    if (check_numerics_) CheckAfterBackward(i);
    if (check && !ParamGradientsAreFinite(i)) finite = false;
    for (NetObserver* observer : observers_) observer->AfterBackward(self_, i);
    if (options_.separate_memory) FillDead(2 * count - 1 - i);
  }
  return finite;
}

// The diff of each top before the layer's Backward: what its readers computed, plus the loss
// weight; zeros where nobody did.
void Net::Impl::AddLossWeights(int i) {
  const Node& node = graph_.nodes[static_cast<size_t>(i)];
  for (const int v : node.tops) {
    const Value& value = graph_.values[static_cast<size_t>(v)];
    if (value.loss_weight == 0) continue;
    Tensor& diff = diffs_[static_cast<size_t>(v)];
    if (diff.shape() != values_[static_cast<size_t>(v)].shape())
      diff.Reshape(values_[static_cast<size_t>(v)].shape());
    const bool computed = std::any_of(value.uses.begin(), value.uses.end(), [&](const Use& use) {
      return graph_.nodes[static_cast<size_t>(use.node)]
                 .wants_bottom[static_cast<size_t>(use.bottom)] != 0;
    });
    if (computed) {
      AddScalar(value.loss_weight, diff);
    } else {
      diff.Fill(value.loss_weight);
    }
  }
}

void Net::Impl::PrepareZeros(int i) {
  std::vector<Tensor>& zeros = passes_[static_cast<size_t>(i)].zeros;
  for (size_t t = 0; t < zeros.size(); ++t) {
    if (lifetimes_.nodes[static_cast<size_t>(i)].zeros[t] < 0) continue;
    zeros[t].Reshape(
        values_[static_cast<size_t>(graph_.nodes[static_cast<size_t>(i)].tops[t])].shape());
    zeros[t].Fill(0);
  }
}

// The layer's Backward, or that for a top which is a part of another.
void Net::Impl::RunBackward(int i, BackwardPass& pass) {
  Node& node = graph_.nodes[static_cast<size_t>(i)];
  const size_t top = node.tops.empty() ? 0 : static_cast<size_t>(node.tops[0]);
  const int64_t stride = node.tops.empty() ? 0 : lifetimes_.stride[top];
  const auto* strided = stride == 0 ? nullptr : InterfaceOf<StridedBackward>(node);
  if (strided == nullptr) return node.layer->Backward(pass);
  const Tensor& y = values_[top];
  const int64_t dense = y.count() / std::max<int64_t>(1, y.shape().size_or_1(0));
  strided->BackwardStrided(pass, stride, lifetimes_.diff_is_part[top] ? stride : dense);
}

void Net::Impl::BackwardNode(int i, bool add) {
  Node& node = graph_.nodes[static_cast<size_t>(i)];
  NodePasses& passes = passes_[static_cast<size_t>(i)];
  Pass::Impl& impl = passes.backward;
  impl.counter = pass_counter_;
  AddLossWeights(i);
  PrepareZeros(i);
  for (size_t b = 0; b < node.bottoms.size(); ++b) {
    const Shape& shape = values_[static_cast<size_t>(node.bottoms[b])].shape();
    if (impl.bottom_diffs[b] && impl.bottom_diffs[b]->shape() != shape)
      impl.bottom_diffs[b]->Reshape(shape);
  }
  for (const int n : BackwardWork(graph_, i)) {
    NodePasses& of = passes_[static_cast<size_t>(n)];
    for (size_t k = 0; k < of.backward.adds_param.size(); ++k)
      of.backward.adds_param[k] = add || !of.first_contribution[k];
  }
  InLayer(*node.description, node.type, [&] {
    BackwardPass pass(impl);
    RunBackward(i, pass);
  });
  const auto& writes = lifetimes_.nodes[static_cast<size_t>(i)].diff_writes;
  for (size_t b = 0; b < writes.size(); ++b) {
    if (writes[b] == DiffWrite::kAdd) {
      Axpy(context_, 1, passes.beside[b].values(),
           diffs_[static_cast<size_t>(node.bottoms[b])].values());
    }
  }
}

// Debugging: memory whose last reader was `step` must not be read again; -1: nothing was written
// yet.
void Net::Impl::FillDead(int step) {
  for (size_t s = 0; s < lifetimes_.storages.size(); ++s) {
    const MemoryBlock& block = lifetimes_.storages[s].block;
    if (lifetimes_.storages[s].kept || (step >= 0 && block.last != step)) continue;
    float* memory = reinterpret_cast<float*>(MemoryOf(static_cast<int>(s)));
    std::fill_n(memory, block.bytes / 4, std::numeric_limits<float>::quiet_NaN());
  }
}

}  // namespace moka
