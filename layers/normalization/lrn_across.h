// LRN across channels. An item is cut into strips of places; a strip's channels pass one after the
// other, so that what a window needs is in the nearest cache: the last lines of squares in Forward,
// and those of shares too in Backward.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lrn_rows.h"
#include "moka/elementwise.h"

namespace moka {

// A ring of lines, numbered by channel.
struct LineRing {
  float* lines;
  int64_t count, length;
  float* at(int64_t channel) const { return lines + channel % count * length; }
};

class LrnAcross {
 public:
  LrnAcross() = default;
  // Items of `channels` x `places`; windows reach `half` channels to either side.
  LrnAcross(int64_t items, int64_t channels, int64_t places, int64_t half, Plan& plan)
      : items_(items), channels_(channels), places_(places) {
    half_ = std::min(half, std::max<int64_t>(0, channels - 1));
    // Strips that are alike, of whole vectors; long ones, but some for every thread.
    strips_ = std::max<int64_t>(1, (places + kMostPlaces - 1) / kMostPlaces);
    if (items > 0)
      strips_ = std::max(strips_, std::min((kPieces + items - 1) / items, places / 128));
    length_ = std::max<int64_t>(16, (places + strips_ - 1) / strips_ + 15) / 16 * 16;
    ring_ = std::min(2 * half_ + 1, std::max<int64_t>(1, channels));
    room_ = plan.Scratch<float>((2 * ring_ + 1) * length_, true);
  }

  // y = x power(s), s = k + the sum of sign (root x)^2.
  template <typename Power>
  void Forward(ForwardPass& pass, float k, float sign, float root, Power of) const {
    ForEachStrip(pass, pass.bottom(0), [&](int64_t at, int64_t columns, float* room) {
      const float* x = pass.bottom(0).data() + at;
      float* y = pass.top(0).data() + at;
      Vectorised([=, *this] {
        const LineRing squares{room, ring_, length_};
        float* sums = room + ring_ * length_;
        for (int64_t c = 0; c < channels_ + half_; ++c) {
          if (c < channels_) Square(columns, root, x + c * places_, squares.at(c));
          const int64_t m = c - half_;
          if (m < 0) continue;
          SumWindow(columns, m, squares, sums);
          const float* xm = x + m * places_;
          float* ym = y + m * places_;
          for (int64_t from = 0; from < columns; from += kBlock) {
            const int64_t end = std::min(columns, from + kBlock);
            ReadAhead(x + (c + 1) * places_ + from, end - from);
#pragma GCC ivdep
            for (int64_t w = from; w < end; ++w) ym[w] = xm[w] * of.power(k + sign * sums[w]);
          }
        }
      });
    });
  }

  // dx = dy s^-beta + back x sum dy x s^(-beta - 1).
  template <typename Power>
  void Backward(BackwardPass& pass, float k, float sign, float root, float back, Power of) const {
    ForEachStrip(pass, pass.bottom(0), [&](int64_t at, int64_t columns, float* room) {
      const float *x = pass.bottom(0).data() + at, *dy = pass.top_diff(0).data() + at;
      float* dx = pass.bottom_diff(0).data() + at;
      Vectorised([=, *this] {
        const LineRing squares{room, ring_, length_},
            shares{room + ring_ * length_, ring_, length_};
        float* sums = room + 2 * ring_ * length_;
        for (int64_t c = 0; c < channels_ + 2 * half_; ++c) {
          if (c < channels_) Square(columns, root, x + c * places_, squares.at(c));
          const int64_t m = c - half_, last = m - half_;
          if (m >= 0 && m < channels_) {
            SumWindow(columns, m, squares, sums);
            const float *xm = x + m * places_, *dym = dy + m * places_;
            float *dxm = dx + m * places_, *share = shares.at(m);
            for (int64_t from = 0; from < columns; from += kBlock) {
              const int64_t end = std::min(columns, from + kBlock);
              ReadAhead(x + (c + 1) * places_ + from, end - from);
              ReadAhead(dym + places_ + from, end - from);
#pragma GCC ivdep
              for (int64_t w = from; w < end; ++w) {
                const float s = k + sign * sums[w];
                const float p = of.power(s), g = dym[w] * p;
                dxm[w] = g;
                share[w] = g * xm[w] * of.inverse(s, p);
              }
            }
          }
          if (last < 0) continue;
          SumWindow(columns, last, shares, sums);
          const float* xl = x + last * places_;
          float* dxl = dx + last * places_;
#pragma GCC ivdep
          for (int64_t w = 0; w < columns; ++w) dxl[w] += back * xl[w] * sums[w];
        }
      });
    });
  }

 private:
  static constexpr int64_t kMostPlaces = 4096, kPieces = 16;
  // What comes next is asked for between blocks of so many, which take longer than it.
  static constexpr int64_t kBlock = 256;

  [[gnu::always_inline]] static void Square(int64_t columns, float root, const float* x,
                                            float* square) {
#pragma GCC ivdep
    for (int64_t w = 0; w < columns; ++w) {
      const float v = root * x[w];
      square[w] = v * v;
    }
  }
  // sums = the sum over the channels around m. Lines are whole vectors: what is beyond the strip
  // is summed with the rest.
  [[gnu::always_inline]] void SumWindow(int64_t columns, int64_t m, const LineRing& lines,
                                        float* sums) const {
    const int64_t first = std::max<int64_t>(0, m - half_), end = std::min(channels_, m + half_ + 1);
    SumLines(columns, end - first, sums, [=](int64_t i) { return lines.at(first + i); });
  }

  // Calls body(offset, columns, room) for all strips of all items.
  template <typename F>
  void ForEachStrip(Pass& pass, const Tensor& x, const F& body) const {
    if (x.count() == 0) return;
    const int64_t grain = std::max<int64_t>(1, kElementGrain / (channels_ * length_));
    pass.ParallelFor(items_ * strips_, grain, [&](int64_t begin, int64_t end, int worker) {
      float* room = pass.Get(room_, worker).data();
      for (int64_t i = begin; i < end; ++i) {
        const int64_t from = i % strips_ * length_;
        if (from >= places_) continue;
        body(i / strips_ * channels_ * places_ + from, std::min(length_, places_ - from), room);
      }
    });
  }

  int64_t items_ = 0, channels_ = 0, places_ = 0, half_ = 0;
  int64_t strips_ = 1, length_ = 0, ring_ = 1;
  Buffer<float> room_;
};

}  // namespace moka
