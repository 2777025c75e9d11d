// The search for the first number of a pass that is not finite, in the order in which they are
// computed: of each layer its params, then what it writes.
#include <algorithm>
#include <utility>

#include "math/finite.h"
#include "moka/math.h"
#include "net/fuse.h"
#include "net/net_impl.h"

namespace moka {

std::string Net::Impl::Describe(int i, const std::string& what, const Tensor& tensor) const {
  return graph_.nodes[static_cast<size_t>(i)].description->Label() + ", " + what + ": " +
         HowManyNonFinite(tensor) + (check_numerics_ ? FirstNonFinite(tensor) : "");
}

std::string Net::Impl::BadParam(int i, bool learned) const {
  for (const auto& param : graph_.nodes[static_cast<size_t>(i)].params) {
    const Tensor& values = std::as_const(*param).values();
    if (param->learned() == learned && !AllFinite(values.values()))
      return Describe(i, "param \"" + param->name() + "\"", values);
  }
  return "";
}

// Of the last of the layers whose work is done in one. What is a part of another value is looked at
// there.
std::string Net::Impl::BadTop(int i) const {
  const auto& takes = graph_.nodes[static_cast<size_t>(i)].takes;
  if (!takes.empty()) i = takes.back().node;
  for (const int v : graph_.nodes[static_cast<size_t>(i)].tops) {
    const Tensor& top = values_[static_cast<size_t>(v)];
    if (lifetimes_.stride[static_cast<size_t>(v)] == 0 && !AllFinite(top.values()))
      return Describe(i, "top \"" + graph_.values[static_cast<size_t>(v)].name + "\"", top);
  }
  return "";
}

// What the layer's Backward wrote; then the sums of that with what other readers of its bottoms
// wrote.
std::string Net::Impl::BadGradient(int i) const {
  const Node& node = graph_.nodes[static_cast<size_t>(i)];
  const Pass::Impl& impl = passes_[static_cast<size_t>(i)].backward;
  const auto bad = [](const Tensor* diff) { return diff && !AllFinite(diff->values()); };
  for (const int n : BackwardWork(graph_, i)) {
    const auto& diffs = passes_[static_cast<size_t>(n)].backward.param_diffs;
    for (size_t k = 0; k < diffs.size(); ++k) {
      if (!bad(diffs[k])) continue;
      const std::string& name = graph_.nodes[static_cast<size_t>(n)].params[k]->name();
      return Describe(n, "gradient of param \"" + name + "\"", *diffs[k]);
    }
  }
  const auto name = [&](size_t b) {
    return "gradient of bottom \"" + node.description->common.bottom(static_cast<int>(b)) + "\"";
  };
  for (size_t b = 0; b < impl.bottom_diffs.size(); ++b) {
    const Tensor* diff = impl.bottom_diffs[b];
    const size_t v = static_cast<size_t>(node.bottoms[b]);
    if (!lifetimes_.diff_is_part[v] && bad(diff)) return Describe(i, name(b), *diff);
  }
  const auto& writes = lifetimes_.nodes[static_cast<size_t>(i)].diff_writes;
  for (size_t b = 0; b < writes.size(); ++b) {
    const Tensor& sum = diffs_[static_cast<size_t>(node.bottoms[b])];
    if (writes[b] == DiffWrite::kAdd && bad(&sum))
      return Describe(i, name(b) + ", added to those of its other readers", sum);
  }
  return "";
}

// Right after they were written: many are still in the cache.
bool Net::Impl::ParamGradientsAreFinite(int i) const {
  for (const int n : BackwardWork(graph_, i)) {
    for (const Tensor* diff : passes_[static_cast<size_t>(n)].backward.param_diffs) {
      if (diff != nullptr && !AllFinite(context_, diff->values())) return false;
    }
  }
  return true;
}

namespace {

void Refuse(const std::string& pass, const std::string& bad) {
  if (!bad.empty()) throw Diverged(pass, ": ", bad);
}

}  // namespace

void Net::Impl::CheckBeforeForward(int i) const {
  for (const int n : ForwardWork(graph_, i)) {
    for (const bool learned : {true, false}) Refuse("forward", BadParam(n, learned));
  }
}

void Net::Impl::CheckAfterForward(int i) const {
  if (graph_.nodes[static_cast<size_t>(i)].fused_into >= 0) return;
  Refuse("forward", BadTop(i));
  Refuse("forward", BadParam(i, false));  // running means, which Forward changes
}

void Net::Impl::CheckAfterBackward(int i) const { Refuse("backward", BadGradient(i)); }

std::string Net::Impl::FindNonFinite(bool backward) {
  RefusePlanOnly();
  const Workspace::Lock lock(*workspace_);
  const FlushDenormals flush;
  BeginPass();
  // The same batch and the same random numbers as in the last Forward.
  const uint64_t counter = std::exchange(counter_, counter_ > 0 ? pass_counter_ : 0);
  std::string found;
  try {
    found = FindInForward();
    pass_counter_ = counter_;
    if (found.empty() && backward && options_.backward) found = FindInBackward();
  } catch (...) {
    counter_ = counter;
    throw;
  }
  counter_ = counter;
  return found;
}

// A running mean that is bad may have been made so by the pass that this one repeats: it is named
// only beside the layer's top.
std::string Net::Impl::FindInForward() {
  for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i) {
    std::string found;
    for (const int n : ForwardWork(graph_, i)) {
      found = BadParam(n, true);
      if (!found.empty()) return found;
    }
    if (graph_.nodes[static_cast<size_t>(i)].fused_into >= 0) continue;
    ForwardNode(i);
    found = BadTop(i);
    if (!found.empty()) {
      for (const int n : ForwardWork(graph_, i)) {
        const std::string state = BadParam(n, false);
        if (!state.empty()) return found + "; " + state;
      }
      return found;
    }
  }
  return "";
}

std::string Net::Impl::FindInBackward() {
  for (int i = static_cast<int>(graph_.nodes.size()) - 1; i >= 0; --i) {
    if (BackwardWork(graph_, i).empty()) continue;
    BackwardNode(i, false);
    const std::string found = BadGradient(i);
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace moka
