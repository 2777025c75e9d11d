// What Backward writes, and what it reads.
#include <algorithm>
#include <cmath>

#include "check/layer_check.h"

namespace moka {

// Assigning is checked by the poisons: they lie in the gradients' memory before.
void LayerCheck::CheckAdding() {
  if (std::count(input_.wants_param.begin(), input_.wants_param.end(), 1) == 0) return;
  Promise("gradients of params are added where that is asked", [&] {
    RunInput input = input_;
    for (size_t k = 0; k < input.params.size(); ++k) {
      const RandomStream random(options_.seed, "param diffs", static_cast<uint32_t>(k), 0);
      input.param_diffs.emplace_back(input.params[k].size());
      for (size_t i = 0; i < input.params[k].size(); ++i) {
        input.param_diffs[k][i] = 1 + random.Uniform(i);
      }
    }
    const RunOutput got = RunOnce(input);
    for (size_t k = 0; k < got.param_diffs.size(); ++k) {
      for (size_t i = 0; i < got.param_diffs[k].size(); ++i) {
        const double before = input.param_diffs[k][i], gradient = first_.param_diffs[k][i];
        const double expected = before + gradient, is = got.param_diffs[k][i];
        const double slack = 1e-5 * (std::abs(before) + std::abs(gradient));
        if (std::abs(is - expected) <= slack) continue;
        const int index = static_cast<int>(k);
        return Broken("gradient of param " + std::to_string(k) + ", added to " + Digits(before) +
                      ", " + Element(runner_.param(index).shape(), static_cast<int64_t>(i)) +
                      ": expected " + Digits(expected) + ", got " + Digits(is));
      }
    }
  });
}

// Each gradient alone, and all without it.
void LayerCheck::CheckWants() {
  const auto check = [&](std::vector<char> RunInput::*wants, const char* what) {
    const std::vector<char>& all = input_.*wants;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all[i]) continue;
      const std::string gradient = "the gradient of " + Indexed(what, static_cast<int>(i));
      RunInput without = input_;
      (without.*wants)[i] = 0;
      ExpectSame(first_, RunOnce(without), "without " + gradient + " wanted");
      RunInput alone = input_;
      alone.wants_bottom.assign(alone.wants_bottom.size(), 0);
      alone.wants_param.assign(alone.wants_param.size(), 0);
      (alone.*wants)[i] = 1;
      ExpectSame(first_, RunOnce(alone), "with only " + gradient + " wanted");
    }
  };
  Promise("each gradient is the same, whichever others are wanted", [&] {
    check(&RunInput::wants_bottom, "bottom");
    check(&RunInput::wants_param, "param");
  });
}

void LayerCheck::CheckUndeclared() {
  struct Mode {
    bool bottoms, params;
    const char* words;
  };
  Promise("Backward reads only the bottoms and tops that the traits declare", [&] {
    for (const Mode mode :
         {Mode{true, true, "all gradients"}, Mode{true, false, "the gradients of bottoms"},
          Mode{false, true, "the gradients of params"}}) {
      RunInput input = input_;
      if (!mode.bottoms) input.wants_bottom.assign(input.wants_bottom.size(), 0);
      if (!mode.params) input.wants_param.assign(input.wants_param.size(), 0);
      const RunOutput expected = RunOnce(input);
      for (const float poison : {kNanPoison, 1e30f, -1e30f}) {
        input.undeclared = poison;
        ExpectSame(expected, RunOnce(input),
                   std::string("for ") + mode.words + ", with " + Digits(poison) +
                       " in all values not declared as read");
      }
    }
  });
}

void LayerCheck::CheckZero() {
  Promise("no gradient where the tops' diffs are 0", [&] {
    RunInput input = input_;
    for (Floats& dy : input.top_diffs) std::fill(dy.begin(), dy.end(), 0.0f);
    const RunOutput got = RunOnce(input);
    const auto check = [&](const char* what, const std::vector<Floats>& diffs, const auto& shape) {
      for (size_t i = 0; i < diffs.size(); ++i) {
        const auto wrong =
            std::find_if(diffs[i].begin(), diffs[i].end(), [](float v) { return v != 0; });
        if (wrong == diffs[i].end()) continue;
        const int index = static_cast<int>(i);
        Broken("with all top diffs 0: " + Indexed(what, index) + " " +
               Element(shape(index), wrong - diffs[i].begin()) + ": expected 0, got " +
               Digits(*wrong));
      }
    };
    check("gradient of bottom", got.bottom_diffs, [&](int i) { return runner_.bottom_shape(i); });
    check("gradient of param", got.param_diffs, [&](int k) { return runner_.param(k).shape(); });
  });
}

}  // namespace moka
