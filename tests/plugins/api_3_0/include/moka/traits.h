// What a layer declares about itself, so that the net can derive lifetimes, sharing and gradients.
#pragma once

#include <cstdint>
#include <memory>

#include "moka/export.h"

namespace moka {

// A set of a layer's bottoms and tops whose *values* Backward looks at (their diffs are another
// matter, always allowed).
struct Reads {
  uint64_t bottoms = 0;  // bit i: bottom i; bit 63: every bottom from 63 on
  uint64_t tops = 0;

  static constexpr Reads Nothing() { return {}; }
  static constexpr Reads Everything() { return {~uint64_t{0}, ~uint64_t{0}}; }
  static constexpr Reads Bottom(int i) { return {Bit(i), 0}; }
  static constexpr Reads Top(int i) { return {0, Bit(i)}; }
  static constexpr Reads Bottoms() { return {~uint64_t{0}, 0}; }
  static constexpr Reads Tops() { return {0, ~uint64_t{0}}; }
  static constexpr uint64_t Bit(int i) { return uint64_t{1} << (i < 63 ? i : 63); }

  constexpr Reads operator|(Reads other) const {
    return {bottoms | other.bottoms, tops | other.tops};
  }
  constexpr bool ReadsBottom(int i) const { return (bottoms & Bit(i)) != 0; }
  constexpr bool ReadsTop(int i) const { return (tops & Bit(i)) != 0; }
};

// A builder and a value: LayerTraits().Bottoms(2).Tops(1).Loss(0).NoGradient(1). Computed from
// (spec, parameters) without an instance. The defaults are the careful ones: one bottom, one top,
// Backward reads everything, nothing shares memory, every bottom has a gradient. A careless author
// is slow, never wrong.
class MOKA_EXPORT LayerTraits {
 public:
  static constexpr int kAnyNumber = 1 << 20;

  LayerTraits();
  LayerTraits(const LayerTraits&);
  LayerTraits& operator=(const LayerTraits&);
  ~LayerTraits();

  // Arity: exactly n, or from n to m.
  LayerTraits& Bottoms(int exactly) { return Bottoms(exactly, exactly); }
  LayerTraits& Bottoms(int least, int most);
  LayerTraits& Tops(int exactly) { return Tops(exactly, exactly); }
  LayerTraits& Tops(int least, int most);
  LayerTraits& SameNumberOfTopsAndBottoms();

  // What Backward reads for the gradient of the bottoms, and for that of the params.
  LayerTraits& BottomGradientReads(Reads reads);
  LayerTraits& ParamGradientReads(Reads reads);

  // Top `top` may take the memory of bottom `bottom`, and bottom_diff(bottom) that of
  // top_diff(top): element i is read before element i is written, in Forward and in Backward; so
  // are the other bottoms for which this is said.
  LayerTraits& MayShare(int top, int bottom);
  // Top `top` has just the values of bottom `bottom` (Flatten, Split): the net may give both the
  // same memory, for good; Forward and Backward must do nothing where the pointers are equal, and
  // copy otherwise.
  LayerTraits& SameValues(int top, int bottom);

  // Backward cannot give this bottom a gradient (labels). All of them: a layer without Backward.
  LayerTraits& NoGradient(int bottom);
  LayerTraits& NoBackward();
  // Top i is a loss: its weight is 1 unless the file says otherwise. A loss layer without tops gets
  // them by itself.
  LayerTraits& Loss(int top);
  // The tops are written by whoever runs the net, not by Forward (Input).
  LayerTraits& FedFromOutside();

  int least_bottoms() const;
  int most_bottoms() const;
  int least_tops() const;
  int most_tops() const;
  bool same_number() const;
  Reads bottom_gradient_reads() const;
  Reads param_gradient_reads() const;
  bool may_share(int top, int bottom) const;
  bool same_values(int top, int bottom) const;
  bool differentiable(int bottom) const;
  bool has_backward() const;
  bool is_loss(int top) const;
  bool any_loss() const;
  bool fed_from_outside() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moka
