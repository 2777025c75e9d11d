// The cases in which a layer is checked where nobody says how: declared by whoever brings it, or
// made up from its traits.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "check/layer_check.h"
#include "layer/check_case_state.h"

namespace moka {
namespace {

CheckOptions OptionsOf(const CheckCase::State& state, const Registry& registry) {
  CheckOptions options;
  options.registry = &registry;
  options.training = state.training;
  options.tops = state.tops;
  options.kinks = state.kinks;
  options.spread = state.spread;
  options.check_gradients = state.gradients;
  options.random_layer = state.random;
  options.input = [values = state.values](int bottom, int64_t, float random) {
    const auto found = values.find(bottom);
    if (found == values.end()) return 2 * random - 1;
    const CheckCase::State::Values& range = found->second;
    if (range.classes > 0) return std::floor(random * static_cast<float>(range.classes));
    return range.least + random * (range.most - range.least);
  };
  return options;
}

std::string TextOf(const LayerType& type, const CheckCase& a_case) {
  return "type: \"" + type.name + "\" " + a_case.state().params;
}

// Shapes that some layer or other wants: images, rows, one number; and for losses, scores with one
// label for each.
std::vector<CheckCase> Candidates(const LayerTraits& traits, int bottoms) {
  const std::vector<Shape> shapes = {{2, 3, 4, 5}, {4, 3}, {3, 2, 5}, {1, 1, 1, 1}};
  if (bottoms == 0) return {CheckCase("", {})};
  std::vector<CheckCase> cases;
  const auto add = [&](const Shape& shape, const Shape& label) {
    std::vector<Shape> each(static_cast<size_t>(bottoms), shape);
    for (int i = 0; i < bottoms; ++i) {
      if (!traits.differentiable(i)) each[static_cast<size_t>(i)] = label;
    }
    CheckCase made("", each);
    for (int i = 0; i < bottoms; ++i) {
      if (!traits.differentiable(i)) made.Labels(i, std::min<int64_t>(2, shape[1]));
    }
    cases.push_back(made);
  };
  bool labels = false;
  for (int i = 0; i < bottoms; ++i) labels = labels || !traits.differentiable(i);
  for (const Shape& shape : shapes) add(shape, shape);
  if (labels) {
    for (const Shape& shape : shapes) add(shape, {shape[0]});
    add({2, 3, 4, 5}, {2, 4, 5});
  }
  return cases;
}

}  // namespace

std::string Describe(const CheckCase& a_case) {
  std::ostringstream text;
  const CheckCase::State& state = a_case.state();
  for (size_t i = 0; i < state.bottoms.size(); ++i)
    text << (i > 0 ? " and " : "") << state.bottoms[i];
  if (state.bottoms.empty()) text << "no bottoms";
  if (!state.params.empty()) text << ", " << state.params;
  if (!state.training) text << ", in phase TEST";
  return text.str();
}

CheckResult CheckLayer(const LayerType& type, const CheckCase& a_case, const Registry& registry) {
  return CheckLayer(TextOf(type, a_case), a_case.state().bottoms,
                    OptionsOf(a_case.state(), registry));
}

std::vector<CheckCase> DeriveCheckCases(const LayerType& type, const Registry& registry) {
  const LayerTraits traits = TraitsOf(registry, type);
  std::vector<CheckCase> good;
  std::string reason;
  const int least = traits.least_bottoms();
  const int most = std::min(traits.most_bottoms(), least + 1);
  for (int bottoms = least; bottoms <= most; ++bottoms) {
    for (const CheckCase& a_case : Candidates(traits, bottoms)) {
      LayerSource source;
      source.text = TextOf(type, a_case);
      source.registry = &registry;
      try {
        LayerRunner(source, a_case.state().bottoms);
        good.push_back(a_case);
      } catch (const std::exception& error) {
        if (reason.empty()) reason = error.what();
      } catch (...) {
        if (reason.empty()) reason = "it threw something that is no std::exception";
      }
    }
  }
  if (good.empty()) {
    throw Error("cannot be built without parameters, from any shapes that were tried (", reason,
                "); declare cases for it: registry.AddCheckCase(\"", type.name, "\", ...)");
  }
  return good;
}

}  // namespace moka
