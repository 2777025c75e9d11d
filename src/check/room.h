// Memory that shows who wrote where: filled with a poison, with a margin on both sides.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "moka/tensor.h"

namespace moka {

// A quiet NaN that no arithmetic makes by itself.
inline constexpr float kNanPoison = std::bit_cast<float>(0x7fc5a5a5u);

inline bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

class Room {
 public:
  Room(int64_t bytes, float poison)
      : bytes_(static_cast<size_t>(bytes)),
        memory_(static_cast<std::byte*>(AllocateAligned(bytes + 2 * kMargin))) {
    Fill(poison);
  }
  // `count` floats: `values`, and poison where there are no more of them.
  Room(int64_t count, std::span<const float> values, float poison)
      : Room(count * static_cast<int64_t>(sizeof(float)), poison) {
    Set(values);
  }
  Room(Room&& other) noexcept
      : bytes_(other.bytes_), poison_(other.poison_), memory_(other.memory_) {
    other.memory_ = nullptr;
  }
  Room& operator=(Room&&) = delete;
  ~Room() { FreeAligned(memory_); }

  std::byte* data() { return memory_ + kMargin; }
  float* floats() { return reinterpret_cast<float*>(data()); }
  std::span<const float> values() const {
    return {reinterpret_cast<const float*>(memory_ + kMargin), bytes_ / sizeof(float)};
  }

  void Set(std::span<const float> values) {
    if (!values.empty()) std::memcpy(data(), values.data(), std::min(values.size_bytes(), bytes_));
  }
  // The margins too.
  void Fill(float poison) {
    poison_ = poison;
    for (size_t i = 0; i < bytes_ + 2 * kMargin; ++i) memory_[i] = Pattern(i);
  }
  bool margins_intact() const {
    for (size_t i = 0; i < kMargin; ++i) {
      const size_t behind = kMargin + bytes_ + i;
      if (memory_[i] != Pattern(i) || memory_[behind] != Pattern(behind)) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kMargin = 64;  // keeps the alignment

  std::byte Pattern(size_t i) const {
    return std::bit_cast<std::array<std::byte, sizeof(float)>>(poison_)[i % sizeof(float)];
  }

  size_t bytes_;
  float poison_ = 0;
  std::byte* memory_;
};

}  // namespace moka
