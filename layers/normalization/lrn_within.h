// LRN within channels. Some planes stand in one array, with zeros between their rows and between
// themselves: a window's sum is that of neighbours wherever it stands, and loops over the array are
// long even where rows are short.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lrn_rows.h"
#include "moka/elementwise.h"

namespace moka {

class LrnWithin {
 public:
  LrnWithin() = default;
  // `planes` of height x width; windows reach `half` places to every side.
  LrnWithin(int64_t planes, int64_t height, int64_t width, int64_t half, Plan& plan)
      : planes_(planes), height_(height), width_(width) {
    side_ = std::min(half, std::max<int64_t>(0, width - 1));
    up_ = std::min(half, std::max<int64_t>(0, height - 1));
    pitch_ = width + side_;
    const int64_t plane = std::max<int64_t>(1, (height + up_) * pitch_);
    group_ = std::clamp<int64_t>(kGroup / plane, 1, std::max<int64_t>(1, planes));
    // Zeros in front of the first row and behind the last.
    front_ = up_ * pitch_ + side_;
    length_ = group_ * plane;
    room_ = plan.Scratch<float>(3 * size(), true);
  }

  // y = x power(s), s = k + the sum of sign (root x)^2.
  template <typename Power>
  void Forward(ForwardPass& pass, float k, float sign, float root, Power of) const {
    ForEachGroup(pass, pass.bottom(0), [&](int64_t at, int64_t planes, float* room) {
      const float* x = pass.bottom(0).data() + at;
      float* y = pass.top(0).data() + at;
      Vectorised([=, *this] {
        float *squares = room + front_, *sums = squares + size(), *spare = sums + size();
        Square(planes, root, x, squares);
        SumWindows(squares, spare, sums);
        ReadAhead(x + group_ * height_ * width_, ahead());
#pragma GCC ivdep
        for (int64_t i = 0; i < length_; ++i) sums[i] = of.power(k + sign * sums[i]);
        ForEachPlace(planes, [=](int64_t i, int64_t from) { y[i] = x[i] * sums[from]; });
      });
    });
  }

  // dx = dy s^-beta + back x sum dy x s^(-beta - 1).
  template <typename Power>
  void Backward(BackwardPass& pass, float k, float sign, float root, float back, Power of) const {
    ForEachGroup(pass, pass.bottom(0), [&](int64_t at, int64_t planes, float* room) {
      const float *x = pass.bottom(0).data() + at, *dy = pass.top_diff(0).data() + at;
      float* dx = pass.bottom_diff(0).data() + at;
      Vectorised([=, *this] {
        float *squares = room + front_, *sums = squares + size(), *inverse = sums + size();
        Square(planes, root, x, squares);
        SumWindows(squares, inverse, sums);
        ReadAhead(x + group_ * height_ * width_, ahead());
        ReadAhead(dy + group_ * height_ * width_, ahead());
#pragma GCC ivdep
        for (int64_t i = 0; i < length_; ++i) {
          const float s = k + sign * sums[i], p = of.power(s);
          sums[i] = p;
          inverse[i] = of.inverse(s, p);
        }
        float* shares = squares;  // which are needed no more
        ForEachPlace(planes, [=](int64_t i, int64_t to) {
          const float g = dy[i] * sums[to];
          dx[i] = g;
          shares[to] = g * x[i] * inverse[to];
        });
        SumWindows(shares, inverse, sums);
        ForEachPlace(planes, [=](int64_t i, int64_t from) { dx[i] += back * x[i] * sums[from]; });
      });
    });
  }

 private:
  static constexpr int64_t kGroup = 1536;  // numbers: three arrays of them fit the nearest cache

  int64_t size() const { return 2 * front_ + length_; }
  // Of the next group, what may be asked for at a time.
  int64_t ahead() const { return std::min(kGroup, group_ * height_ * width_); }

  [[gnu::always_inline]] void Square(int64_t planes, float root, const float* x,
                                     float* squares) const {
    ForEachPlace(planes, [=](int64_t i, int64_t to) {
      const float v = root * x[i];
      squares[to] = v * v;
    });
  }

  // to = the sums over windows: along the columns, in `spare`, and then along the rows.
  [[gnu::always_inline]] void SumWindows(const float* from, float* spare, float* to) const {
    const int64_t around = up_ * pitch_;
    SumLines(length_ + 2 * around, 2 * side_ + 1, spare - around,
             [=, this](int64_t t) { return from - around + t - side_; });
    SumLines(length_, 2 * up_ + 1, to, [=, this](int64_t t) { return spare + (t - up_) * pitch_; });
  }

  // Calls body(i, j) for each place i of the planes, which stands at j in the array. A step that is
  // known makes one vector of a short row.
  template <typename F>
  [[gnu::always_inline]] void ForEachPlace(int64_t planes, F body) const {
    if (width_ % 16 == 0) return ForEachPlace<16>(planes, body);
    if (width_ % 8 == 0) return ForEachPlace<8>(planes, body);
    for (int64_t row = 0; row < planes * height_; ++row) {
      const int64_t i = row * width_, j = (row + row / height_ * up_) * pitch_;
#pragma GCC ivdep
      for (int64_t w = 0; w < width_; ++w) body(i + w, j + w);
    }
  }
  template <int kStep, typename F>
  [[gnu::always_inline]] void ForEachPlace(int64_t planes, F body) const {
    for (int64_t p = 0; p < planes; ++p) {
      for (int64_t h = 0; h < height_; ++h) {
        const int64_t i = (p * height_ + h) * width_, j = (p * (height_ + up_) + h) * pitch_;
        for (int64_t w = 0; w < width_; w += kStep) {
#pragma GCC ivdep
          for (int64_t v = w; v < w + kStep; ++v) body(i + v, j + v);
        }
      }
    }
  }

  // Calls body(offset, planes, room) for all groups of planes.
  template <typename F>
  void ForEachGroup(Pass& pass, const Tensor& x, const F& body) const {
    if (x.count() == 0) return;
    const int64_t groups = (planes_ + group_ - 1) / group_, plane = height_ * width_;
    const int64_t grain = std::max<int64_t>(1, kElementGrain / (group_ * plane));
    pass.ParallelFor(groups, grain, [&](int64_t begin, int64_t end, int worker) {
      float* room = pass.Get(room_, worker).data();
      std::fill_n(room, size(), 0.0f);  // once: what stands between the planes is not written
      for (int64_t i = begin * group_; i < std::min(planes_, end * group_); i += group_)
        body(i * plane, std::min(group_, planes_ - i), room);
    });
  }

  int64_t planes_ = 0, height_ = 0, width_ = 0;
  int64_t side_ = 0, up_ = 0, pitch_ = 0, group_ = 1, front_ = 0, length_ = 0;
  Buffer<float> room_;
};

}  // namespace moka
