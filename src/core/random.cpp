// Philox 4x32-10 and the streams that are addressed by it.
#include "moka/random.h"

#include <cmath>

namespace moka {

std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  auto [c0, c1, c2, c3] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9;  // the golden ratio
    k1 += 0xBB67AE85;  // sqrt(3) - 1
  }
  return {c0, c1, c2, c3};
}

uint64_t HashName(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3;
  }
  return hash;
}

namespace {

// SplitMix64's finisher: every bit of x changes about half of the bits of the result.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

}  // namespace

RandomStream::RandomStream(uint64_t seed, std::string_view name, uint32_t stream, uint64_t step)
    : step_(step) {
  const uint64_t key = Mix(Mix(Mix(seed) ^ HashName(name)) ^ stream);
  key_ = {Low(key), High(key)};
}

std::array<uint32_t, 4> RandomStream::Block(uint64_t block) const {
  return Philox({Low(block), High(block), Low(step_), High(step_)}, key_);
}

uint32_t RandomStream::Bits(uint64_t element) const { return Block(element / 4)[element % 4]; }

float RandomStream::Uniform(uint64_t element) const { return ToUniform(Bits(element)); }

std::array<float, 4> RandomStream::ToGaussian(const std::array<uint32_t, 4>& bits) {
  std::array<float, 4> gaussian;
  for (size_t i = 0; i < 4; i += 2) {
    const float u =
        (static_cast<float>(bits[i]) + 1) * 0x1p-32f;  // (0, 1], all 32 bits for the tails
    const float radius = std::sqrt(-2 * std::log(u));
    const float angle = 6.283185307f * ToUniform(bits[i + 1]);
    gaussian[i] = radius * std::cos(angle);
    gaussian[i + 1] = radius * std::sin(angle);
  }
  return gaussian;
}

float RandomStream::Gaussian(uint64_t element) const {
  return ToGaussian(Block(element / 4))[element % 4];
}

uint64_t RandomStream::Below(uint64_t element, uint64_t limit) const {
  // The high half of limit * x, x a random 64-bit fraction (Lemire, 2019). A second x where the
  // first would favour some results; a third would be needed less than once in 2^64 / limit draws,
  // squared. The top bit keeps these blocks apart from Bits().
  const std::array<uint32_t, 4> bits = Block(element | uint64_t{1} << 63);
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{limit} * (uint64_t{bits[1]} << 32 | bits[0]);
  if (static_cast<uint64_t>(product) < -limit % limit) {
    product = Wide{limit} * (uint64_t{bits[3]} << 32 | bits[2]);
  }
  return static_cast<uint64_t>(product >> 64);
}

}  // namespace moka
