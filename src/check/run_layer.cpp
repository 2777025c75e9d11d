// RunLayer: one layer, one Forward, perhaps one Backward.
#include <algorithm>

#include "check/layer_runner.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

void CheckCount(const char* what, size_t i, const Shape& shape, size_t given) {
  if (static_cast<int64_t>(given) == shape.count()) return;
  throw Error(what, " ", i, " is ", shape, " (", shape.count(), " elements), but ", given,
              " values are given");
}

void CheckNumber(const char* what, size_t has, size_t given) {
  if (given <= has) return;
  throw Error("values are given for ", given, " ", what, ", but there are ", has);
}

RunInput MakeInput(const LayerRunner& runner, const std::vector<Floats>& bottoms,
                   const RunOptions& options) {
  RunInput input;
  input.bottoms = bottoms;
  input.threads = options.threads;
  input.backward_follows = false;
  for (size_t i = 0; i < bottoms.size(); ++i) {
    CheckCount("bottom", i, runner.bottom_shape(static_cast<int>(i)), bottoms[i].size());
    input.wants_bottom.push_back(runner.traits().differentiable(static_cast<int>(i)));
  }
  const auto params = static_cast<size_t>(runner.param_count());
  CheckNumber("params", params, options.params.size());
  input.params = options.params;
  input.params.resize(params);
  for (size_t k = 0; k < params; ++k) {
    const Param& param = runner.param(static_cast<int>(k));
    const auto filled = param.values().values();
    if (input.params[k].empty()) input.params[k].assign(filled.begin(), filled.end());
    CheckCount("param", k, param.shape(), input.params[k].size());
    input.wants_param.push_back(param.learned());
  }
  return input;
}

// Diffs that are not given are zeros.
void AddTopDiffs(const LayerRunner& runner, const RunOptions& options, RunInput& input) {
  const auto tops = static_cast<size_t>(runner.top_count());
  CheckNumber("top diffs", tops, options.top_diffs.size());
  input.backward = true;
  input.top_diffs = options.top_diffs;
  input.top_diffs.resize(tops);
  for (size_t t = 0; t < tops; ++t) {
    const Shape& shape = runner.top_shape(static_cast<int>(t));
    if (input.top_diffs[t].empty()) input.top_diffs[t].resize(static_cast<size_t>(shape.count()));
    CheckCount("the diff of top", t, shape, input.top_diffs[t].size());
  }
}

}  // namespace

LayerResult RunLayer(std::string_view layer, const std::vector<Shape>& shapes,
                     const std::vector<std::vector<float>>& bottoms, const RunOptions& options,
                     LayerGradients* gradients) {
  if (shapes.size() != bottoms.size()) {
    throw Error("shapes are given for ", shapes.size(), " bottoms, but values for ",
                bottoms.size());
  }
  LayerSource source;
  source.text = layer;
  source.registry = options.registry;
  source.training = options.training;
  source.seed = options.seed;
  LayerRunner runner(source, shapes);
  RunInput input = MakeInput(runner, bottoms, options);
  if (!options.top_diffs.empty()) AddTopDiffs(runner, options, input);
  if (gradients && options.top_diffs.empty()) throw Error("gradients need top diffs");
  RunOutput output = runner.Run(input);
  if (!output.broken.empty()) throw Error(runner.type(), ": ", output.broken[0]);
  if (gradients) {
    gradients->bottoms = std::move(output.bottom_diffs);
    gradients->params = std::move(output.param_diffs);
  }
  return {std::move(output.top_shapes), std::move(output.tops)};
}

std::vector<float> RunLayer(std::string_view layer, const Shape& shape,
                            const std::vector<float>& bottom, const RunOptions& options) {
  LayerResult result =
      RunLayer(layer, std::vector<Shape>{shape}, std::vector<Floats>{bottom}, options);
  if (result.tops.size() != 1) throw Error("has ", result.tops.size(), " tops, not one");
  return std::move(result.tops[0]);
}

std::vector<float> RunLayer(std::string_view layer, const std::vector<float>& bottom,
                            const RunOptions& options) {
  return RunLayer(layer, Shape{static_cast<int64_t>(bottom.size())}, bottom, options);
}

}  // namespace moka
