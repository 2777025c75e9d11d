// Fusing: a layer does, as it writes its top, what the layers behind it would do to each element in
// passes of their own. Optional interfaces of layers (Layer::Interface): one offers a step, another
// takes steps, and the net brings them together where nobody else looks at what lies between. Since
// plugin API 3.0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "moka/export.h"
#include "moka/layer.h"
#include "moka/math.h"

namespace moka {

// For Interface(name, version) of a layer that derives from I: itself, if I is asked for.
template <typename I>
const void* IfAsked(const I* self, std::string_view name, int version) {
  return name == I::kName && version == I::kVersion ? self : nullptr;
}

// Offered by a layer with one top, whose element i depends on element i of the bottoms alone. What
// is asked here is asked after Reshape, and must hold in both passes.
class MOKA_EXPORT ElementStep {
 public:
  static constexpr const char* kName = "ElementStep";
  static constexpr int kVersion = 1;

  enum Kind : int {
    kLine,       // y = a[c] x + b[c], with c = i / inner() % channels()
    kRectifier,  // y = slope() x where x < 0, else x; 0 there if slope() is 0
    kSum,        // y = the sum of the two bottoms
  };
  virtual Kind kind() const = 0;
  virtual float slope() const { return 0; }
  virtual int64_t channels() const { return 0; }
  virtual int64_t inner() const { return 0; }  // does not matter for 1 channel

  // kLine: puts this layer's line behind another, y = a (a' x + b') + b, for all channels. a, b:
  // the other's, and then those of both.
  virtual void Append(const Pass& pass, double* a, double* b) const;
  // kLine: the gradients of the layer's params, assigned or added as the pass says, for `count`
  // channels from `first` on, from sums over each of them: of dy x and of dy.
  virtual void AddParamGradients(BackwardPass& pass, int64_t first, int64_t count,
                                 const double* dy_x, const double* dy) const;

 protected:
  ElementStep() = default;
  virtual ~ElementStep();
};

// Offered by a layer that can do steps on its only top. The net then gives it the last step's top
// instead of its own, and the passes of those layers (Pass::fused). What its traits say of sharing
// memory must hold for that top too. Operands of sums lie in other memory.
class MOKA_EXPORT StepTaker {
 public:
  static constexpr const char* kName = "StepTaker";
  static constexpr int kVersion = 1;
  using Steps = std::span<const ElementStep* const>;

  // How many of these steps, from the first on, Forward can do; it may be given fewer. Their
  // Backward runs as ever.
  virtual int TakesInForward(Steps steps) const = 0;
  // How many both passes can do, and then what Backward reads and what may share memory: of the
  // layer's own bottoms and the last step's top. Backward is given that top's diff, and sees to
  // what is wanted of the layer itself and of the params of those that it does the work of.
  virtual int TakesInBoth(Steps steps) const;
  virtual LayerTraits TraitsInBoth(int count) const;

 protected:
  StepTaker() = default;
  virtual ~StepTaker();
};

// Offered by a layer that can write its only top as a part of a larger tensor: with its items (axis
// 0) further apart than they are long.
class MOKA_EXPORT StridedForward {
 public:
  static constexpr const char* kName = "StridedForward";
  static constexpr int kVersion = 1;

  // As Layer::Forward; `stride` floats lie between the beginnings of two items.
  virtual void ForwardStrided(ForwardPass& pass, int64_t stride) const = 0;

 protected:
  StridedForward() = default;
  virtual ~StridedForward();
};

// Offered by a layer whose Backward can read its only top, and that top's diff, where they are
// parts of larger tensors.
class MOKA_EXPORT StridedBackward {
 public:
  static constexpr const char* kName = "StridedBackward";
  static constexpr int kVersion = 1;

  // As Layer::Backward; so many floats lie between the beginnings of two items of the top and of
  // its diff.
  virtual void BackwardStrided(BackwardPass& pass, int64_t stride, int64_t diff_stride) const = 0;

 protected:
  StridedBackward() = default;
  virtual ~StridedBackward();
};

// Offered by a layer whose only top is its bottoms side by side: item n of bottom b begins at n *
// stride() + offset(b) in it. A bottom whose data() is the top's + offset(b) stands there already:
// Forward leaves it alone, and Backward does so with a bottom's diff.
class MOKA_EXPORT SideBySide {
 public:
  static constexpr const char* kName = "SideBySide";
  static constexpr int kVersion = 1;

  virtual int64_t stride() const = 0;
  virtual int64_t offset(int bottom) const = 0;

 protected:
  SideBySide() = default;
  virtual ~SideBySide();
};

// How many of the steps an Epilogue can hold: lines over such channels, then a sum, if `sums`, then
// a rectifier.
MOKA_EXPORT int EpilogueSteps(StepTaker::Steps steps, int64_t channels, int64_t inner, bool sums);
// The steps of a pass, taken by EpilogueSteps, behind y = x + bias (may be null). Borrows from the
// pass and from `memory`, EpilogueDoubles(channels) doubles.
MOKA_EXPORT Epilogue MakeEpilogue(const ForwardPass& pass, const float* bias, int64_t channels,
                                  int64_t inner, std::span<double> memory);
inline int64_t EpilogueDoubles(int64_t channels) { return 3 * channels; }
// Puts a step of a pass, a line over such channels, behind a and b. Throws Error if, after a change
// of shape, its channels are no longer these.
MOKA_EXPORT void AppendLine(const ElementStep& step, const Pass& fused, int64_t channels,
                            int64_t inner, double* a, double* b);
// Whether a step is a line over such channels.
MOKA_EXPORT bool IsLine(const ElementStep& step, int64_t channels, int64_t inner);

}  // namespace moka
