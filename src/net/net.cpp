// A net: construction and what can be asked of it. Its memory is in net_memory.cpp, its
// passes in net_passes.cpp.
#include "moka/net.h"

#include <algorithm>
#include <utility>

#include "net/filter.h"
#include "net/gradients.h"
#include "net/net_impl.h"
#include "net/setup.h"

namespace moka {

NetObserver::~NetObserver() = default;
void NetObserver::BeforeForward(const Net&, int) {}
void NetObserver::AfterForward(const Net&, int) {}
void NetObserver::BeforeBackward(const Net&, int) {}
void NetObserver::AfterBackward(const Net&, int) {}

std::shared_ptr<Workspace> MakeWorkspace() { return std::make_shared<Workspace>(); }

namespace {

NetDescription WithPhase(NetDescription description, Phase phase) {
  description.state.set_phase(phase);
  return description;
}

}  // namespace

Net::Impl::Impl(const Net& self, NetDescription description, const Registry& registry,
                Context& context, const NetOptions& options)
    : self_(self),
      registry_(registry),
      description_(FilterByState(WithPhase(std::move(description), options.phase))),
      context_(context),
      options_(options),
      weights_(options.weights ? options.weights : std::make_shared<Weights>()),
      workspace_(options.workspace ? options.workspace : MakeWorkspace()) {
  if (description_.layers.empty()) {
    Error error("net \"", description_.name, "\" has no layers for phase ",
                options.phase == TRAIN ? "TRAIN" : "TEST");
    if (!description_.file.empty()) error.SetPlace({description_.file});
    throw error;
  }
  Problems problems;
  graph_ = Connect(description_, registry_, problems);
  SetUpLayers(graph_, *weights_, context_, problems);
  problems.ThrowIfAny();
  DecideGradients(graph_, description_.force_backward, problems);
  problems.ThrowIfAny();
  ChooseKept();
  CollectLearned();
  PlanMemory();
}

std::vector<std::string> Net::Impl::BlobNames() const {
  std::vector<std::string> names;
  for (const auto& entry : graph_.last_value) names.push_back(entry.first);
  return names;
}

int Net::Impl::FindValue(std::string_view name) const {
  const auto found = graph_.last_value.find(name);
  if (found != graph_.last_value.end()) return found->second;
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    for (const std::string& split : SplitNames(graph_, static_cast<int>(v))) {
      if (split == name) return static_cast<int>(v);
    }
  }
  throw Error("there is no blob \"", name, "\" in net \"", description_.name, "\"",
              DidYouMean(name, BlobNames()));
}

const Tensor& Net::Impl::Readable(std::string_view name, bool diff) const {
  RefusePlanOnly();
  const size_t v = static_cast<size_t>(FindValue(name));
  const bool gone = diff ? graph_.values[v].diff_fused_away : graph_.values[v].fused_away;
  const int storage = diff && !gone ? lifetimes_.diff[v] : lifetimes_.value[v];
  if (storage < 0)
    throw Error("blob \"", name,
                "\" has no diff: no gradient is needed for it (force_backward asks for all)");
  if (gone ||
      (!lifetimes_.storages[static_cast<size_t>(storage)].kept && !options_.separate_memory)) {
    throw Error("the memory of blob \"", name,
                "\" is used for others too; name it in NetOptions::keep to read it after a pass");
  }
  return diff ? diffs_[v] : values_[v];
}

Net::Net(NetDescription description, const Registry& registry, Context& context,
         const NetOptions& options) {
  impl_ = std::make_unique<Impl>(*this, std::move(description), registry, context, options);
}
Net::~Net() = default;

const std::string& Net::name() const { return impl_->description_.name; }
Phase Net::phase() const { return impl_->options_.phase; }
double Net::Forward() { return impl_->Forward(); }
bool Net::Backward(bool add, bool check) { return impl_->Backward(add, check); }
uint64_t Net::counter() const { return impl_->counter_; }
void Net::set_counter(uint64_t counter) { impl_->counter_ = counter; }
int Net::layer_count() const { return static_cast<int>(impl_->graph_.nodes.size()); }
const Tensor& Net::blob(std::string_view name) const { return impl_->Readable(name, false); }
const Tensor& Net::diff(std::string_view name) const { return impl_->Readable(name, true); }
std::span<const Learned> Net::learned() const { return impl_->learned_; }
const Weights& Net::weights() const { return *impl_->weights_; }
Weights& Net::weights() { return *impl_->weights_; }
const MemoryPlan& Net::memory_plan() const { return impl_->plan_; }
void Net::AddObserver(NetObserver* observer) { impl_->observers_.push_back(observer); }
void Net::RemoveObserver(NetObserver* observer) { std::erase(impl_->observers_, observer); }
std::string Net::FindNonFinite(bool backward) { return impl_->FindNonFinite(backward); }
void Net::CheckNumerics(bool on) { impl_->check_numerics_ = on; }
const NetDescription& Net::description() const { return impl_->description_; }

LayerInfo Net::layer(int i) const {
  const Node& node = impl_->graph_.nodes.at(static_cast<size_t>(i));
  LayerInfo info;
  info.name = node.description->common.name();
  info.type = node.description->common.type();
  info.origin = node.type->origin;
  if (node.fused_into >= 0) {
    const Node& doer = impl_->graph_.nodes[static_cast<size_t>(node.fused_into)];
    info.fused_into = doer.description->common.name();
  }
  for (const int v : node.bottoms) {
    info.bottoms.push_back(impl_->graph_.values[static_cast<size_t>(v)].name);
    info.bottom_shapes.push_back(impl_->graph_.values[static_cast<size_t>(v)].shape);
  }
  for (const int v : node.tops) {
    info.tops.push_back(impl_->graph_.values[static_cast<size_t>(v)].name);
    info.top_shapes.push_back(impl_->graph_.values[static_cast<size_t>(v)].shape);
  }
  for (const auto& param : node.params) info.params.push_back(param.get());
  info.multiply_adds = node.plan.multiply_adds;
  info.runs_backward = impl_->options_.backward && node.runs_backward;
  return info;
}

std::vector<std::string> Net::blob_names() const { return impl_->BlobNames(); }

std::vector<std::string> Net::input_names() const {
  std::vector<std::string> names;
  for (const Node& node : impl_->graph_.nodes) {
    if (!node.traits.fed_from_outside()) continue;
    for (const int v : node.tops)
      names.push_back(impl_->graph_.values[static_cast<size_t>(v)].name);
  }
  return names;
}

Tensor& Net::input(std::string_view name) {
  impl_->RefusePlanOnly();
  for (const Node& node : impl_->graph_.nodes) {
    if (!node.traits.fed_from_outside()) continue;
    for (const int v : node.tops) {
      if (impl_->graph_.values[static_cast<size_t>(v)].name == name)
        return impl_->values_[static_cast<size_t>(v)];
    }
  }
  throw Error("net \"", this->name(), "\" has no input \"", name, "\"",
              DidYouMean(name, input_names()));
}

void Net::ReshapeInput(std::string_view name, const Shape& shape) {
  const Tensor& tensor = input(name);
  impl_->ReshapeFed(static_cast<size_t>(&tensor - impl_->values_.data()), shape);
}

std::vector<NetOutput> Net::outputs() const {
  impl_->RefusePlanOnly();
  std::vector<NetOutput> outputs;
  for (size_t v = 0; v < impl_->graph_.values.size(); ++v) {
    const Value& value = impl_->graph_.values[v];
    if (value.uses.empty()) outputs.push_back({value.name, &impl_->values_[v], value.loss_weight});
  }
  std::stable_sort(outputs.begin(), outputs.end(),
                   [](const NetOutput& a, const NetOutput& b) { return a.name < b.name; });
  return outputs;
}

const Tensor& Net::layer_top(int layer, int top) const {
  const Node& node = impl_->graph_.nodes.at(static_cast<size_t>(layer));
  return impl_->values_[static_cast<size_t>(node.tops.at(static_cast<size_t>(top)))];
}

const Tensor* Net::layer_bottom_diff(int layer, int bottom) const {
  const auto& diffs = impl_->passes_.at(static_cast<size_t>(layer)).backward.bottom_diffs;
  return diffs.empty() ? nullptr : diffs.at(static_cast<size_t>(bottom));
}

}  // namespace moka
