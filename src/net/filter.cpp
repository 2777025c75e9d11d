// Which layers of a file belong to a net: by phase, level and stages.
#include "net/filter.h"

#include <algorithm>
#include <utility>

#include "net/problems.h"

namespace moka {
namespace {

bool HasStage(const NetState& state, const std::string& stage) {
  return std::find(state.stage().begin(), state.stage().end(), stage) != state.stage().end();
}

bool Belongs(const NetState& state, const LayerParameter& layer) {
  const auto fulfilled = [&](const NetStateRule& rule) { return Fulfils(state, rule); };
  if (layer.include_size() > 0) {
    return std::any_of(layer.include().begin(), layer.include().end(), fulfilled);
  }
  return std::none_of(layer.exclude().begin(), layer.exclude().end(), fulfilled);
}

}  // namespace

bool Fulfils(const NetState& state, const NetStateRule& rule) {
  if (rule.has_phase() && rule.phase() != state.phase()) return false;
  if (rule.has_min_level() && state.level() < rule.min_level()) return false;
  if (rule.has_max_level() && state.level() > rule.max_level()) return false;
  const auto has = [&](const std::string& stage) { return HasStage(state, stage); };
  return std::all_of(rule.stage().begin(), rule.stage().end(), has) &&
         std::none_of(rule.not_stage().begin(), rule.not_stage().end(), has);
}

void CheckRules(const LayerParameter& layer) {
  if (layer.include_size() > 0 && layer.exclude_size() > 0)
    throw Error("has both include and exclude rules; one kind is enough").At("exclude");
}

NetDescription FilterByState(NetDescription net) {
  Problems problems;
  std::vector<LayerDescription> layers;
  for (LayerDescription& layer : net.layers) {
    const bool good = problems.Try(layer, nullptr, [&] { CheckRules(layer.common); });
    if (good && Belongs(net.state, layer.common)) layers.push_back(std::move(layer));
  }
  problems.ThrowIfAny();
  net.layers = std::move(layers);
  return net;
}

}  // namespace moka
