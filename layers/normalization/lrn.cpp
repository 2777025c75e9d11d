// LRN: y = x s^-beta, s = k + alpha / n sum x^2, the sum over a window around the element: n =
// local_size channels (ACROSS_CHANNELS), or n = local_size^2 places of its channel
// (WITHIN_CHANNEL). n counts what hangs over the edge, too. Krizhevsky, Sutskever, Hinton, NIPS
// 2012. Caffe: ignores k in WITHIN_CHANNEL, as if it were 1; here it counts.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "lrn.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

// to[w] = or += term(i) + term(i + step) + ..., `kTerms` of them, i = from + w.
template <int kTerms, typename F>
[[gnu::always_inline]] inline void Add(bool first, int64_t columns, int64_t from, int64_t step,
                                       double* to, F term) {
  const auto sum = [=](int64_t i) {
    double of = term(i);
    for (int k = 1; k < kTerms; ++k) of += term(i + k * step);
    return of;
  };
  if (first) {
#pragma GCC ivdep
    for (int64_t w = 0; w < columns; ++w) to[w] = sum(from + w);
  } else {
#pragma GCC ivdep
    for (int64_t w = 0; w < columns; ++w) to[w] += sum(from + w);
  }
}

// The same of `count` terms, at least 1: several in one reading of `to`.
template <typename F>
[[gnu::always_inline]] inline void AddAll(int64_t columns, int64_t from, int64_t count,
                                          int64_t step, double* to, F term) {
  int64_t k = 0;
  for (; k + 5 <= count; k += 5) Add<5>(k == 0, columns, from + k * step, step, to, term);
  for (; k + 3 <= count; k += 3) Add<3>(k == 0, columns, from + k * step, step, to, term);
  for (; k < count; ++k) Add<1>(k == 0, columns, from + k * step, step, to, term);
}

// s^-3/4, as by far the most files want it. y, of three bits and then by Newton's method of 12,
// tends to s^-1/4; one such step for its cube: h is s^-1/2, and h^2 s is 1 but for the error, four
// times. In an order in which nothing overflows.
inline float PowerOfMinusThreeQuarters(float s) {
  float y = std::bit_cast<float>(0x4f58cae5 - (std::bit_cast<uint32_t>(s) >> 2));
  for (int step = 0; step < 2; ++step) {
    const float sy = s * y;
    y += y * (0.25f - 0.25f * ((sy * y) * (y * y)));
  }
  const float p = y * y * y, h = p * (s * p);
  const float power = p + p * (0.25f - 0.25f * (h * (h * s)));
  const float at_ends = s == 0 ? internal::kInf : (s > 0 ? 0.0f : internal::kQuietNan);
  return (s > 0) & (s < internal::kInf) ? power : at_ends;
}

// A rectangle of numbers, whose windows do not reach out of it: a channel of an item; or all
// channels of an item, one in a row, at some of its places.
struct Rectangle {
  int64_t rows = 0, columns = 0, stride = 0;  // from one row to the next
  int64_t up = 0, side = 0;                   // how far the window reaches

  // For each column of a row, the sum of term(i) over its window. `room`: Room() numbers.
  template <typename F>
  const double* SumWindows(int64_t row, double* room, F term) const {
    double* column = room + side;  // sums along the rows; on both sides zeros
    const int64_t first = std::max<int64_t>(0, row - up), last = std::min(rows - 1, row + up);
    std::fill_n(room, side, 0.0);
    std::fill_n(column + columns, side, 0.0);
    AddAll(columns, first * stride, last - first + 1, stride, column, term);
    if (side == 0) return column;
    double* sum = room + columns + 2 * side;
    AddAll(columns, 0, 2 * side + 1, 1, sum, [=](int64_t i) { return room[i]; });
    return sum;
  }
  int64_t Room() const { return 2 * (columns + side); }
};

class LRN final : public Layer {
 public:
  LRN(const LayerSpec& spec, const LRNParameter& params);

  // Neighbours are read after the element is written.
  static LayerTraits Traits(const LayerSpec&, const LRNParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Bottom(0)).ParamGradientReads(Reads::Nothing());
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  bool within() const { return params_.norm_region() == LRNParameter::WITHIN_CHANNEL; }

  // Calls body(offset, rectangle, worker) for all rectangles.
  template <typename F>
  void ForEachRectangle(Pass& pass, const F& body) const {
    const int64_t area = std::max<int64_t>(1, common_.rows * common_.columns);
    pass.ParallelFor(items_ * in_item_, std::max<int64_t>(1, kElementGrain / area),
                     [&](int64_t begin, int64_t end, int worker) {
                       for (int64_t i = begin; i < end; ++i) {
                         const int64_t from = i % in_item_ * step_;
                         Rectangle of = common_;
                         of.columns = std::min(of.columns, of.stride - from);
                         body(i / in_item_ * item_ + from, of, worker);
                       }
                     });
  }

  // Calls body(power, inverse), with power(s) = s^-beta = p and inverse(s, p) = 1 / s.
  template <typename F>
  void WithPower(const F& body) const {
    const float beta = params_.beta();
    if (beta == 0.75f) {
      body([](float s) { return PowerOfMinusThreeQuarters(s); },
           [](float s, float p) {
             const float h = p * (s * p);
             return h * h;
           });
    } else {
      body([beta](float s) { return Pow(s, -beta); }, [](float s, float) { return 1 / s; });
    }
  }

  const LRNParameter params_;
  double scale_ = 0;  // alpha / n
  int64_t items_ = 0, item_ = 0, in_item_ = 1,
          step_ = 0;  // items, their size, and their rectangles
  Rectangle common_;
  Buffer<double> room_;
  Buffer<float> shares_;
};

LRN::LRN(const LayerSpec& spec, const LRNParameter& params) : Layer(spec), params_(params) {
  if (params.local_size() % 2 == 0) {
    throw Error("local_size is ", params.local_size(), "; it must be odd")
        .At("lrn_param.local_size");
  }
  const auto check = [](float value, const std::string& name) {
    if (!std::isfinite(value)) {
      throw Error(name, " must be finite, but is ", value).At("lrn_param." + name);
    }
  };
  check(params.alpha(), "alpha");
  check(params.beta(), "beta");
  check(params.k(), "k");
  const double n = params.local_size();
  scale_ = params.alpha() / (within() ? n * n : n);
}

void LRN::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() < 2 || (within() && x.axes() != 4)) {
    throw Error(
        "LRN needs a bottom of ",
        within() ? "4 axes (items, channels, height, width)" : "at least 2 axes (items, channels)",
        ", but its shape is ", x);
  }
  const int64_t half = params_.local_size() / 2;
  if (within()) {
    common_ = {x[2], x[3], x[3], half, std::min(half, std::max<int64_t>(0, x[3] - 1))};
    items_ = x[0] * x[1];
    item_ = x[2] * x[3];
    in_item_ = 1;
  } else {
    // Short enough that what the windows of a row read stays in the nearest cache.
    const int64_t places = x.count_from(2), channels = std::max<int64_t>(1, x[1]);
    const int64_t columns = std::clamp<int64_t>(262144 / channels / 64 * 64, 64, 4096);
    common_ = {x[1], std::min(columns, places), places, half, 0};
    items_ = x[0];
    item_ = x.count_from(1);
    in_item_ = (places + columns - 1) / columns;
    step_ = columns;
  }
  if (x.count() == 0) items_ = 0;
  room_ = plan.Scratch<double>(common_.Room(), true);
  shares_ = plan.Scratch<float>(common_.rows * common_.columns, true);
  plan.top(0) = x;
}

void LRN::Forward(ForwardPass& pass) {
  const double k = params_.k(), scale = scale_;
  WithPower([&](auto power, auto) {
    ForEachRectangle(pass, [&](int64_t offset, Rectangle r, int worker) {
      const float* x = pass.bottom(0).data() + offset;
      float* y = pass.top(0).data() + offset;
      double* room = pass.Get(room_, worker).data();
      Vectorised([=] {
        for (int64_t row = 0; row < r.rows; ++row) {
          const double* sum =
              r.SumWindows(row, room, [=](int64_t i) { return static_cast<double>(x[i]) * x[i]; });
          const int64_t begin = row * r.stride;
#pragma GCC ivdep
          for (int64_t w = 0; w < r.columns; ++w) {
            y[begin + w] = x[begin + w] * power(static_cast<float>(k + scale * sum[w]));
          }
        }
      });
    });
  });
}

// dx = dy s^-beta - 2 beta alpha / n x sum dy x s^(-beta - 1), the sum over the elements whose
// window has this one in it: a window, too.
void LRN::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const double k = params_.k(), scale = scale_, back = -2 * params_.beta() * scale_;
  WithPower([&](auto power, auto inverse) {
    ForEachRectangle(pass, [&](int64_t offset, Rectangle r, int worker) {
      const float *x = pass.bottom(0).data() + offset, *dy = pass.top_diff(0).data() + offset;
      float *dx = pass.bottom_diff(0).data() + offset, *shares = pass.Get(shares_, worker).data();
      double* room = pass.Get(room_, worker).data();
      Rectangle packed = r;  // as `shares` lies
      packed.stride = r.columns;
      Vectorised([=] {
        for (int64_t row = 0; row < r.rows; ++row) {
          const double* sum =
              r.SumWindows(row, room, [=](int64_t i) { return static_cast<double>(x[i]) * x[i]; });
          const int64_t begin = row * r.stride;
          float* share = shares + row * r.columns;
#pragma GCC ivdep
          for (int64_t w = 0; w < r.columns; ++w) {
            const auto s = static_cast<float>(k + scale * sum[w]);
            const float p = power(s), g = dy[begin + w] * p;
            dx[begin + w] = g;
            share[w] = g * x[begin + w] * inverse(s, p);
          }
        }
        for (int64_t row = 0; row < r.rows; ++row) {
          const double* sum = packed.SumWindows(
              row, room, [=](int64_t i) { return static_cast<double>(shares[i]); });
          const int64_t begin = row * r.stride;
#pragma GCC ivdep
          for (int64_t w = 0; w < r.columns; ++w) {
            dx[begin + w] += static_cast<float>(back * sum[w] * x[begin + w]);
          }
        }
      });
    });
  });
}

}  // namespace

void RegisterLRN(Registry& registry) {
  registry.Add<LRN>("LRN", Field<LRNParameter>{"lrn_param", 118});
}

}  // namespace moka
