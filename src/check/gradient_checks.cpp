// Backward against central differences of Forward: df/dx ~ (f(x + h) - f(x - h)) / 2h, for
// f = sum <y, dy> in double.
#include <algorithm>
#include <cmath>
#include <optional>

#include "check/layer_check.h"

namespace moka {
namespace {

constexpr int64_t kMostElements = 200;  // of one tensor, evenly chosen

// The slope of f between two outputs of Forward, and how wrong the tops' rounding may make it.
struct Slope {
  double value = 0;
  double noise = 0;
};

// f changes only with the tops that change: the others would add noise, no information.
std::optional<Slope> SlopeBetween(const RunOutput& low, const RunOutput& high,
                                  const std::vector<Floats>& dy, double width) {
  if (low.top_shapes != high.top_shapes) return std::nullopt;
  Slope slope;
  for (size_t t = 0; t < dy.size(); ++t) {
    for (size_t j = 0; j < low.tops[t].size(); ++j) {
      const double a = low.tops[t][j], b = high.tops[t][j];
      if (a == b) continue;
      slope.value += (b - a) * dy[t][j];
      slope.noise += std::max(std::abs(a), std::abs(b)) * std::abs(dy[t][j]);
    }
  }
  slope.value /= width;
  slope.noise *= 8 * 0x1p-24 / width;  // each top is a few roundings away from the truth
  return slope;
}

class Differences {
 public:
  // Runs Forward with the element changed to a value.
  using Forward = std::function<RunOutput(float)>;

  Differences(const Forward& forward, float x, const std::vector<Floats>& dy, const Slope& unit)
      : forward_(forward), x_(x), dy_(dy), tolerance_(unit) {}

  enum class Verdict { kRight, kWrong, kUndecided };

  // Ever smaller steps, until two of them agree: nearer than the nearest kink.
  Verdict Judge(double got, double step) {
    std::optional<Slope> last;
    for (int halved = 0; halved < 5; ++halved, step /= 2) {
      const std::optional<Slope> slope = Central(step);
      if (!slope) return Verdict::kUndecided;
      if (Agree(slope->value, got, slope->noise)) return Verdict::kRight;
      if (last && Agree(slope->value, last->value, slope->noise + last->noise)) {
        expected_ = slope->value;
        return HasKink(step) ? Verdict::kUndecided : Verdict::kWrong;
      }
      last = slope;
    }
    return Verdict::kUndecided;
  }
  double expected() const { return expected_; }

 private:
  bool Agree(double a, double b, double noise) const {
    const double scale = std::max({std::abs(a), std::abs(b), tolerance_.noise});
    return std::abs(a - b) <= tolerance_.value * scale + noise;  // false for NaN
  }

  std::optional<Slope> Between(double below, double above) {
    const auto low = static_cast<float>(x_ - below), high = static_cast<float>(x_ + above);
    return SlopeBetween(forward_(low), forward_(high), dy_, static_cast<double>(high) - low);
  }
  std::optional<Slope> Central(double step) { return Between(step, step); }

  // At a kink the slopes to the left and to the right stay apart however small the step; at a
  // smooth point they come nearer.
  bool HasKink(double step) {
    const auto gap = [&](double h) -> std::optional<Slope> {
      const std::optional<Slope> left = Between(h, 0), right = Between(0, h);
      if (!left || !right) return std::nullopt;
      return Slope{std::abs(left->value - right->value), left->noise + right->noise};
    };
    const std::optional<Slope> wide = gap(step), narrow = gap(step / 4);
    if (!wide || !narrow) return true;
    return !(narrow->value <= wide->value / 2 + narrow->noise + wide->noise);
  }

  const Forward& forward_;
  const double x_;
  const std::vector<Floats>& dy_;
  const Slope tolerance_;  // value: relative; noise: the size below which gradients count alike
  double expected_ = 0;
};

double Largest(const Floats& values) {
  double largest = 0;
  for (const float value : values)
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

}  // namespace

void LayerCheck::CheckGradients() {
  int64_t decided = 0, skipped = 0;
  const auto check = [&](std::vector<Floats> RunInput::*values, const char* what, int index,
                         const Floats& gradient, const Shape& shape) {
    RunInput input = input_;
    input.backward = false;
    Floats& x = (input.*values)[static_cast<size_t>(index)];
    const Slope tolerance{options_.tolerance, std::min(1.0, Largest(gradient))};
    const int64_t count = std::min(shape.count(), kMostElements);
    for (int64_t n = 0; n < count; ++n) {
      const int64_t i = n * shape.count() / count;
      const auto at = static_cast<size_t>(i);
      const float before = x[at], got = gradient[at];
      const Differences::Forward forward = [&](float value) {
        x[at] = value;
        RunOutput output = RunOnce(input);
        x[at] = before;
        return output;
      };
      Differences differences(forward, before, input_.top_diffs, tolerance);
      const double step = options_.step * std::max(1.0, std::abs(static_cast<double>(before)));
      const auto verdict = differences.Judge(got, step);
      ++(verdict == Differences::Verdict::kUndecided ? skipped : decided);
      if (verdict != Differences::Verdict::kWrong) continue;
      return Broken("gradient of " + Indexed(what, index) + " " + Element(shape, i) +
                    ": expected " + Digits(differences.expected()) + ", got " + Digits(got));
    }
  };
  Promise("gradients are the differences of Forward", [&] {
    for (int i = 0; i < runner_.bottom_count(); ++i) {
      if (!input_.wants_bottom[static_cast<size_t>(i)]) continue;
      check(&RunInput::bottoms, "bottom", i, first_.bottom_diffs[static_cast<size_t>(i)],
            runner_.bottom_shape(i));
    }
    for (int k = 0; k < runner_.param_count(); ++k) {
      if (!input_.wants_param[static_cast<size_t>(k)]) continue;
      check(&RunInput::params, "param", k, first_.param_diffs[static_cast<size_t>(k)],
            runner_.param(k).shape());
    }
    if (static_cast<double>(skipped) >
        options_.most_skipped * static_cast<double>(skipped + decided)) {
      Broken(std::to_string(skipped) + " of " + std::to_string(skipped + decided) +
             " gradient elements could not be decided: kinks? (CheckOptions::kinks, spread, step)");
    }
  });
}

}  // namespace moka
