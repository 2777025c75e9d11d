// How a layer is checked: one promise of its contract after the other.
#include "check/layer_check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

namespace moka {

std::string Element(const Shape& shape, int64_t element) {
  std::string index;
  int64_t rest = element;
  for (int axis = shape.axes() - 1; axis >= 0; rest /= shape[axis--]) {
    index =
        std::to_string(axis > 0 ? rest % shape[axis] : rest) + (index.empty() ? "" : ",") + index;
  }
  return "at element " + std::to_string(element) + " (" + index + ")";
}

std::string Digits(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.begin(), text.end(), static_cast<float>(value)).ptr;
  return std::string(text.begin(), end);
}

std::string Indexed(const char* what, int i) { return what + (" " + std::to_string(i)); }

LayerCheck::LayerCheck(const LayerSource& source, const std::vector<Shape>& shapes,
                       const CheckOptions& options)
    : source_(source), shapes_(shapes), options_(options), runner_(source, shapes) {
  MakeInput();
}

// Params whose filler gives all of them the same value would hide mistakes: they are spread.
void LayerCheck::MakeInput() {
  for (int k = 0; k < runner_.param_count(); ++k) {
    const Param& param = runner_.param(k);
    const auto filled = param.values().values();
    Floats values(filled.begin(), filled.end());
    const bool constant =
        std::all_of(values.begin(), values.end(), [&](float v) { return v == values[0]; });
    const RandomStream random(options_.seed, "params", static_cast<uint32_t>(k), 0);
    for (size_t i = 0; param.learned() && constant && i < values.size(); ++i) {
      values[i] += random.Uniform(i) - 0.5f;
    }
    input_.params.push_back(std::move(values));
    input_.wants_param.push_back(param.learned());
    backward_ = backward_ || param.learned();
  }
  for (int i = 0; i < runner_.bottom_count(); ++i) {
    input_.wants_bottom.push_back(runner_.traits().differentiable(i));
    backward_ = backward_ || input_.wants_bottom.back();
  }
  backward_ = backward_ && runner_.traits().has_backward();
  input_ = InputFor(runner_);
}

// The same params, wishes and rules for a layer of other shapes.
RunInput LayerCheck::InputFor(const LayerRunner& runner) const {
  RunInput input = input_;
  input.bottoms = MakeBottoms(runner, options_);
  input.backward = backward_;
  input.top_diffs.clear();
  for (int t = 0; backward_ && t < runner.top_count(); ++t) {
    const RandomStream random(options_.seed, "top diffs", static_cast<uint32_t>(t), 0);
    Floats dy(static_cast<size_t>(runner.top_shape(t).count()));
    for (size_t i = 0; i < dy.size(); ++i) {  // away from 0, which would hide mistakes
      const float u = 2 * random.Uniform(i) - 1;
      dy[i] = u < 0 ? u - 0.5f : u + 0.5f;
    }
    input.top_diffs.push_back(std::move(dy));
  }
  return input;
}

CheckResult LayerCheck::Run() {
  try {
    first_ = RunOnce(input_);
  } catch (const Error& error) {
    Broken("throws: " + error.message());
    return std::move(result_);
  }
  CheckRepeats();
  if (result_.broken().empty()) CheckWritten();
  if (!result_.broken().empty()) return std::move(result_);  // the rest would be noise
  CheckThreads();
  CheckCounter();
  CheckBatch();
  CheckSameValues();
  CheckSharing();
  if (backward_) {
    CheckAdding();
    CheckWants();
    CheckUndeclared();
    if (options_.check_gradients) CheckZero();
    if (options_.check_gradients) CheckGradients();
  }
  if (!strayed_) result_.Checked("nothing is written but tops, gradients and the layer's buffers");
  return std::move(result_);
}

RunOutput LayerCheck::RunOnce(LayerRunner& runner, const RunInput& input) {
  RunOutput output = runner.Run(input);
  for (const std::string& text : output.broken) Broken(text);
  strayed_ = strayed_ || !output.broken.empty();
  return output;
}

void LayerCheck::Promise(const std::string& promise, const std::function<void()>& check) {
  const size_t before = result_.broken().size();
  try {
    check();
  } catch (const Error& error) {
    Broken(promise + ": throws: " + error.message());
  }
  if (result_.broken().size() == before) result_.Checked(promise);
}

void LayerCheck::Broken(const std::string& text) {
  if (told_.insert(text).second) result_.Broken(text);
}

void LayerCheck::ExpectSame(const RunOutput& expected, const RunOutput& got,
                            const std::string& circumstance) {
  const auto compare = [&](const char* what, const std::vector<Floats>& a,
                           const std::vector<Floats>& b, const auto& shape) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      const int index = static_cast<int>(i);
      if (a[i].empty() || b[i].empty()) continue;  // not wanted
      ExpectSame(Indexed(what, index), shape(index), a[i], b[i], circumstance);
    }
  };
  if (!runner_.traits().fed_from_outside()) {
    for (size_t t = 0; t < expected.top_shapes.size(); ++t) {
      if (expected.top_shapes[t] == got.top_shapes[t]) continue;
      std::ostringstream text;
      text << circumstance << ": the shape of top " << t << ": expected " << expected.top_shapes[t]
           << ", got " << got.top_shapes[t];
      return Broken(text.str());
    }
    compare("top", expected.tops, got.tops,
            [&](int t) { return expected.top_shapes[static_cast<size_t>(t)]; });
  }
  compare("state", expected.states, got.states, [&](int s) {
    return Shape{static_cast<int64_t>(expected.states[static_cast<size_t>(s)].size())};
  });
  compare("gradient of bottom", expected.bottom_diffs, got.bottom_diffs,
          [&](int i) { return runner_.bottom_shape(i); });
  compare("gradient of param", expected.param_diffs, got.param_diffs,
          [&](int k) { return runner_.param(k).shape(); });
}

void LayerCheck::ExpectSame(const std::string& what, const Shape& shape, const Floats& expected,
                            const Floats& got, const std::string& circumstance) {
  int64_t first = -1, count = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (SameBits(std::span(expected).subspan(i, 1), std::span(got).subspan(i, 1))) continue;
    if (count++ == 0) first = static_cast<int64_t>(i);
  }
  if (count == 0) return;
  const auto at = static_cast<size_t>(first);
  std::string more;
  if (count > 1) more = " (and " + std::to_string(count - 1) + " more)";
  Broken(circumstance + ": " + what + " " + Element(shape, first) + ": expected " +
         Digits(expected[at]) + ", got " + Digits(got[at]) + more);
}

}  // namespace moka
