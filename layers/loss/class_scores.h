// The scores of classes along one axis, x (outer, classes, inner), and a label for each of the
// outer * inner predictions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <sstream>

#include "moka/error.h"
#include "moka/shape.h"

namespace moka {

struct ClassScores {
  int64_t outer = 0, classes = 0, inner = 0;
  int axis = -1;  // of the classes; -1 if they are all sizes but the first

  int64_t predictions() const { return outer * inner; }
  // Where the scores of prediction n begin; they stand `inner` apart.
  int64_t Offset(int64_t n) const { return n / inner * classes * inner + n % inner; }
  // How many predictions make a piece of work for ParallelFor; neighbours along `inner` share their
  // cache lines, so some of them stay together.
  int64_t grain() const {
    const int64_t together = std::clamp<int64_t>(inner, 1, 64);
    return std::max<int64_t>(together, 4096 / std::max<int64_t>(1, classes));
  }
  int64_t pieces() const { return (predictions() + grain() - 1) / grain(); }
};

inline ClassScores ScoresAlong(const Shape& shape, int axis) {
  return {shape.count(0, axis), shape[axis], shape.count_from(axis + 1), axis};
}

// Throws Error unless there are classes, and one label for each prediction.
inline void CheckLabelCount(const ClassScores& scores, const Shape& shape, const Shape& labels) {
  if (scores.classes == 0) throw Error("there are no classes in scores of shape ", shape);
  if (labels.count() == scores.predictions()) return;
  std::ostringstream along;
  if (scores.axis >= 0) along << " on axis " << scores.axis;
  throw Error("there are ", labels.count(), " labels (", labels, ") for ", scores.predictions(),
              " predictions (scores of shape ", shape, " with ", scores.classes, " classes",
              along.str(), ")");
}

constexpr int64_t kIgnored = -1;

// The class that a label names, or kIgnored. Labels come from files, so each of them is checked, in
// every kind of build.
inline int64_t ClassOf(float label, const std::optional<int>& ignore, const ClassScores& scores,
                       int64_t n) {
  if (ignore && label == static_cast<float>(*ignore)) return kIgnored;
  if (label >= 0 && label < static_cast<float>(scores.classes) && label == std::floor(label)) {
    return static_cast<int64_t>(label);
  }
  const bool whole = label == std::floor(label);  // not so for NaN
  throw Error("label ", label, " of sample ", n / scores.inner, " (position ", n % scores.inner,
              whole ? ") is outside 0.." : ") is not an integer in 0..", scores.classes - 1)
      .Sample(n / scores.inner);
}

}  // namespace moka
