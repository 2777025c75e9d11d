// Where a net's values, diffs, gradients and buffers lie: plans the memory and binds the passes to
// it.
#include <algorithm>
#include <cstring>

#include "net/fuse.h"
#include "net/net_impl.h"
#include "net/setup.h"

namespace moka {

void OwnMemory::Allocate(int64_t bytes) {
  void* fresh = AllocateAligned(bytes);  // if there is none, the old memory stays
  FreeAligned(memory_);
  memory_ = fresh;
  std::memset(memory_, 0, static_cast<size_t>(bytes));
}

// Fed values and outputs, and what was asked for by name.
void Net::Impl::ChooseKept() {
  kept_.assign(graph_.values.size(), 0);
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    const Value& value = graph_.values[v];
    const Node& producer = graph_.nodes[static_cast<size_t>(value.producer)];
    kept_[v] = value.uses.empty() || producer.traits.fed_from_outside();
  }
  for (const std::string& name : options_.keep) kept_[static_cast<size_t>(FindValue(name))] = 1;
}

void Net::Impl::PlanMemory() {
  FuseLayers(graph_, {options_.fuse, options_.backward, kept_});
  OrderContributions();
  LifetimeOptions options;
  options.backward = options_.backward;
  options.separate = options_.separate_memory;
  options.parts = options_.fuse;
  options.threads = context_.threads();
  options.keep = kept_;
  lifetimes_ = FindLifetimes(graph_, options);
  planned_shapes_.clear();
  for (const Value& value : graph_.values) planned_shapes_.push_back(value.shape);
  PlaceStorages();
  if (options_.plan_only) return;
  try {
    const Workspace::Lock lock(*workspace_);
    workspace_->Reserve(plan_.bytes);
    kept_memory_.Allocate(plan_.kept_bytes);
  } catch (Error& error) {
    throw error.Prefix("net \"" + description_.name + "\": ").Suffix(LargestPart());
  }
  Bind();
}

// "; the largest part are the 400 bytes of "ip1" in layer "ip1" (InnerProduct)".
std::string Net::Impl::LargestPart() const {
  size_t largest = 0;
  const auto& storages = lifetimes_.storages;
  for (size_t s = 1; s < storages.size(); ++s) {
    if (storages[s].block.bytes > storages[largest].block.bytes) largest = s;
  }
  const auto is_it = [&](int storage) { return storage == static_cast<int>(largest); };
  const Node* owner = nullptr;
  for (size_t i = 0; i < graph_.nodes.size() && owner == nullptr; ++i) {
    const Lifetimes::NodeMemory& memory = lifetimes_.nodes[i];
    bool owns = false;
    for (const auto* pieces : {&memory.saved, &memory.scratch_forward, &memory.scratch_backward}) {
      owns = owns || std::any_of(pieces->begin(), pieces->end(), is_it);
    }
    for (const int v : graph_.nodes[i].tops) {
      owns = owns || is_it(lifetimes_.value[static_cast<size_t>(v)]) ||
             is_it(lifetimes_.diff[static_cast<size_t>(v)]);
    }
    if (owns) owner = &graph_.nodes[i];
  }
  if (owner == nullptr) return "";  // nothing but diffs
  const MemoryBlock& block = storages[largest].block;
  return "; the largest part are the " + std::to_string(block.bytes) + " bytes of \"" + block.name +
         "\" in " + owner->description->Label();
}

void Net::Impl::ReshapeFed(size_t value, const Shape& shape) {
  const Shape before = graph_.values[value].shape;
  if (before == shape) return;
  std::vector<std::pair<size_t, Tensor>> fed;  // the other fed values keep what was written to them
  for (const Node& node : graph_.nodes) {
    for (const int v : node.tops) {
      const size_t other = static_cast<size_t>(v);
      if (node.traits.fed_from_outside() && other != value)
        fed.emplace_back(other, values_[other].Clone());
    }
  }
  forward_done_ = false;
  try {
    CheckSize(shape, 0);
    graph_.values[value].shape = shape;
    ReshapeLayers(graph_);
    PlanMemory();
  } catch (...) {
    graph_.values[value].shape = before;
    ReshapeLayers(graph_);
    PlanMemory();
    Refill(fed);
    throw;
  }
  Refill(fed);
}

void Net::Impl::Refill(const std::vector<std::pair<size_t, Tensor>>& fed) {
  for (const auto& [value, tensor] : fed) {
    std::copy(tensor.values().begin(), tensor.values().end(), values_[value].data());
  }
}

void Net::Impl::PlaceStorages() {
  std::vector<MemoryBlock> blocks;
  kept_offsets_.assign(lifetimes_.storages.size(), -1);
  int64_t kept_bytes = 0;
  for (size_t s = 0; s < lifetimes_.storages.size(); ++s) {
    const Storage& storage = lifetimes_.storages[s];
    if (storage.kept) {
      kept_offsets_[s] = kept_bytes;
      kept_bytes += AlignedBytes(storage.block.bytes);
    } else {
      blocks.push_back(storage.block);
      if (options_.separate_memory) {  // alive all the time: nothing overlaps
        blocks.back().first = 0;
        blocks.back().last = 2 * static_cast<int>(graph_.nodes.size());
      }
    }
  }
  const int64_t gradient_bytes = plan_.gradient_bytes;
  plan_ = PlaceBlocks(std::move(blocks));
  plan_.kept_bytes = kept_bytes;
  plan_.gradient_bytes = gradient_bytes;
  for (const Weights::Entry& entry : weights_->entries()) {
    for (const auto& param : entry.params) plan_.param_bytes += param->values().count() * 4;
  }
  size_t next = 0;
  for (Storage& storage : lifetimes_.storages) {
    if (storage.kept) continue;
    storage.block.offset = plan_.blocks[next].offset;
    plan_.blocks[next].first = storage.block.first;
    plan_.blocks[next++].last = storage.block.last;
  }
}

// One arena for the gradients of all params, the last layer's first, since Backward finishes them
// in this order.
void Net::Impl::CollectLearned() {
  passes_.resize(graph_.nodes.size());
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    passes_[i].learned.assign(node.params.size(), -1);
    for (size_t k = 0; k < node.params.size(); ++k) {
      if (!node.params[k]->learned()) continue;
      const auto known = std::find_if(learned_.begin(), learned_.end(), [&](const Learned& l) {
        return l.param == node.params[k].get();
      });
      passes_[i].learned[k] = static_cast<int>(known - learned_.begin());
      if (known == learned_.end()) {
        learned_.push_back(
            {node.description->common.name(), static_cast<int>(k), node.params[k].get(), nullptr});
      }
    }
  }
  if (!options_.backward) return;
  const auto size = [&](size_t l) { return (learned_[l].param->values().count() + 15) / 16 * 16; };
  int64_t count = 0;
  for (size_t l = 0; l < learned_.size(); ++l) count += size(l);
  plan_.gradient_bytes = count * static_cast<int64_t>(sizeof(float));
  if (options_.plan_only) return;
  gradient_memory_.Allocate(plan_.gradient_bytes);
  gradients_.resize(learned_.size());
  float* at = reinterpret_cast<float*>(gradient_memory_.data());
  for (size_t l = learned_.size(); l-- > 0;) {
    gradients_[l] = std::make_unique<Tensor>(learned_[l].param->shape(), at);
    learned_[l].diff = gradients_[l].get();
    at += size(l);
  }
}

// Which of the layers that share a param is the first in a Backward to write its gradient.
void Net::Impl::OrderContributions() {
  std::vector<char> seen(learned_.size(), 0);
  for (int i = static_cast<int>(graph_.nodes.size()) - 1; i >= 0; --i) {
    for (const int n : BackwardWork(graph_, i)) {
      NodePasses& passes = passes_[static_cast<size_t>(n)];
      passes.first_contribution.assign(passes.learned.size(), 0);
      for (size_t k = 0; k < passes.learned.size(); ++k) {
        const int l = passes.learned[k];
        if (l < 0 || !graph_.nodes[static_cast<size_t>(n)].wants_param[k]) continue;
        passes.first_contribution[k] = !seen[static_cast<size_t>(l)];
        seen[static_cast<size_t>(l)] = 1;
      }
    }
  }
}

std::byte* Net::Impl::MemoryOf(int storage) const {
  if (storage < 0) return nullptr;
  const size_t s = static_cast<size_t>(storage);
  return kept_offsets_[s] >= 0 ? kept_memory_.data() + kept_offsets_[s]
                               : workspace_->data() + lifetimes_.storages[s].block.offset;
}

Tensor Net::Impl::TensorOf(int storage, const Shape& shape) const {
  return storage < 0 ? Tensor() : Tensor(shape, reinterpret_cast<float*>(MemoryOf(storage)));
}

void Net::Impl::Bind() {
  values_.resize(graph_.values.size());
  diffs_.resize(graph_.values.size());
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    values_[v] =
        Tensor(planned_shapes_[v],
               reinterpret_cast<float*>(MemoryOf(lifetimes_.value[v])) + lifetimes_.offset[v]);
    diffs_[v] = TensorOf(lifetimes_.diff[v], planned_shapes_[v]);
    if (lifetimes_.diff_is_part[v])
      diffs_[v] = Tensor(planned_shapes_[v], diffs_[v].data() + lifetimes_.offset[v]);
  }
  for (size_t i = 0; i < graph_.nodes.size(); ++i) BindNode(static_cast<int>(i));
  bound_generation_ = workspace_->generation();
}

void Net::Impl::BindNode(int i) {
  const Node& node = graph_.nodes[static_cast<size_t>(i)];
  const Lifetimes::NodeMemory& memory = lifetimes_.nodes[static_cast<size_t>(i)];
  NodePasses& passes = passes_[static_cast<size_t>(i)];

  Pass::Impl& forward = passes.forward;
  forward = Pass::Impl();
  forward.context = &context_;
  forward.layer_name = &node.description->common.name();
  forward.backward_follows =
      options_.backward && (node.runs_backward || !BackwardWork(graph_, i).empty());
  for (const int v : node.bottoms) forward.bottoms.push_back(&values_[static_cast<size_t>(v)]);
  for (const int v : node.tops) forward.tops.push_back(&values_[static_cast<size_t>(v)]);
  for (const auto& param : node.params) forward.params.push_back(param.get());
  for (size_t p = 0; p < node.plan.pieces.size(); ++p) {
    const int storage = memory.saved[p] >= 0 ? memory.saved[p] : memory.scratch_forward[p];
    const bool per_worker = node.plan.pieces[p].per_worker;
    forward.memory.push_back(
        {MemoryOf(storage), per_worker ? AlignedBytes(node.plan.pieces[p].bytes) : 0});
  }
  for (const Taken& taken : node.takes) {
    const Node& other = graph_.nodes[static_cast<size_t>(taken.node)];
    const Tensor* operand =
        other.bottoms.size() < 2
            ? nullptr
            : &values_[static_cast<size_t>(other.bottoms[static_cast<size_t>(1 - taken.bottom)])];
    forward.fused.push_back(
        {taken.step, operand, &passes_[static_cast<size_t>(taken.node)].forward});
  }
  if (!forward.backward_follows) return;

  Pass::Impl& backward = passes.backward;
  backward = forward;
  backward.fused.clear();
  for (size_t k = 0; node.fused_backward && k < node.takes.size(); ++k) {
    backward.fused.push_back(forward.fused[k]);
    backward.fused[k].pass = &passes_[static_cast<size_t>(node.takes[k].node)].backward;
  }
  for (size_t p = 0; p < node.plan.pieces.size(); ++p) {
    if (memory.scratch_backward[p] >= 0)
      backward.memory[p].data = MemoryOf(memory.scratch_backward[p]);
  }
  passes.zeros.clear();
  passes.beside.clear();
  passes.zeros.resize(node.tops.size());
  passes.beside.resize(node.bottoms.size());
  for (size_t t = 0; t < node.tops.size(); ++t) {
    const size_t v = static_cast<size_t>(ReadTopDiff(graph_, i, t));
    if (memory.zeros[t] >= 0) passes.zeros[t] = TensorOf(memory.zeros[t], planned_shapes_[v]);
    backward.top_diffs.push_back(memory.zeros[t] >= 0 ? &passes.zeros[t] : &diffs_[v]);
  }
  for (size_t b = 0; b < node.bottoms.size(); ++b) {
    const size_t v = static_cast<size_t>(node.bottoms[b]);
    if (memory.beside[b] >= 0) passes.beside[b] = TensorOf(memory.beside[b], planned_shapes_[v]);
    Tensor* diff = memory.diff_writes[b] == DiffWrite::kNone  ? nullptr
                   : memory.diff_writes[b] == DiffWrite::kAdd ? &passes.beside[b]
                                                              : &diffs_[v];
    backward.bottom_diffs.push_back(diff);
  }
  for (size_t k = 0; k < node.params.size(); ++k) {
    backward.param_diffs.push_back(
        node.wants_param[k] ? gradients_[static_cast<size_t>(passes.learned[k])].get() : nullptr);
    backward.adds_param.push_back(0);
  }
}

}  // namespace moka
