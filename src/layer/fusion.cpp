// What layers do on behalf of those behind them.
#include "moka/fusion.h"

#include <algorithm>

namespace moka {

ElementStep::~ElementStep() = default;
void ElementStep::Append(const Pass&, double*, double*) const {}
void ElementStep::AddParamGradients(BackwardPass&, int64_t, int64_t, const double*,
                                    const double*) const {}

StepTaker::~StepTaker() = default;
int StepTaker::TakesInBoth(Steps) const { return 0; }
LayerTraits StepTaker::TraitsInBoth(int) const { return LayerTraits(); }

StridedForward::~StridedForward() = default;
StridedBackward::~StridedBackward() = default;
SideBySide::~SideBySide() = default;

bool IsLine(const ElementStep& step, int64_t channels, int64_t inner) {
  return step.kind() == ElementStep::kLine && step.channels() == channels &&
         (channels == 1 || step.inner() == inner);
}

void AppendLine(const ElementStep& step, const Pass& fused, int64_t channels, int64_t inner,
                double* a, double* b) {
  if (!IsLine(step, channels, inner)) {
    throw Error("was fused with a layer over ", channels, " channels, ", inner,
                " elements each, where now there are ", step.channels(), ", ", step.inner(),
                " each; NetOptions::fuse = false keeps them apart");
  }
  step.Append(fused, a, b);
}

int EpilogueSteps(StepTaker::Steps steps, int64_t channels, int64_t inner, bool sums) {
  size_t i = 0;
  const auto next_is = [&](ElementStep::Kind kind) {
    return i < steps.size() && steps[i]->kind() == kind;
  };
  while (i < steps.size() && IsLine(*steps[i], channels, inner)) ++i;
  if (sums && next_is(ElementStep::kSum)) ++i;
  if (next_is(ElementStep::kRectifier)) ++i;
  return static_cast<int>(i);
}

Epilogue MakeEpilogue(const ForwardPass& pass, const float* bias, int64_t channels, int64_t inner,
                      std::span<double> memory) {
  Epilogue e{.shift = bias};
  double *a = memory.data(), *b = a + channels;
  bool any_line = false;
  for (int i = 0; i < pass.fused_count(); ++i) {
    const ElementStep& step = pass.fused_step(i);
    if (step.kind() == ElementStep::kSum) {
      e.add = pass.fused_operand(i).data();
    } else if (step.kind() == ElementStep::kRectifier) {
      e.slope = step.slope();
    } else {
      if (!any_line) {
        std::fill_n(a, channels, 1.0);
        for (int64_t c = 0; c < channels; ++c) b[c] = bias == nullptr ? 0 : bias[c];
      }
      any_line = true;
      AppendLine(step, pass.fused(i), channels, inner, a, b);
    }
  }
  if (!any_line) return e;
  float *scale = reinterpret_cast<float*>(b + channels), *shift = scale + channels;
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(a[c]);
    shift[c] = static_cast<float>(b[c]);
  }
  e.scale = scale;
  e.shift = shift;
  return e;
}

}  // namespace moka
