// Random numbers by counter: each is a pure function of (seed, name, stream, step, element),
// whoever asks, in any order, on any thread. Philox 4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "moka/export.h"

namespace moka {

// The block function: 128 bits of counter and 64 of key to 128 random bits.
MOKA_EXPORT std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter,
                                           std::array<uint32_t, 2> key);

// A 64-bit hash of a name (FNV-1a), the same on every machine.
MOKA_EXPORT uint64_t HashName(std::string_view name);

// One sequence of random numbers, addressed by element. A small value: copy it into threads at
// will.
class MOKA_EXPORT RandomStream {
 public:
  // seed: the Context's; name: what draws (a layer's name); stream: which of its sequences; step:
  // e.g. the net's forward counter.
  RandomStream(uint64_t seed, std::string_view name, uint32_t stream, uint64_t step);

  uint32_t Bits(uint64_t element) const;
  float Uniform(uint64_t element) const;   // [0, 1), 24 random bits
  float Gaussian(uint64_t element) const;  // mean 0, standard deviation 1 (Box-Muller)
  uint64_t Below(uint64_t element, uint64_t limit) const;  // [0, limit), limit > 0

  // The elements [4 block, 4 block + 4) at once: what loops should call.
  std::array<uint32_t, 4> Block(uint64_t block) const;
  // Their values as Uniform() and Gaussian() give them.
  static float ToUniform(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
  static std::array<float, 4> ToGaussian(const std::array<uint32_t, 4>& bits);

 private:
  std::array<uint32_t, 2> key_;
  uint64_t step_;
};

}  // namespace moka
