// LSTMUnit: one step of an LSTM from the sums u of its gates: i, f, o = s(u), g = tanh(u), c = f
// cont c0 + i g, h = o tanh(c), with s(u) = 1 / (1 + exp(-u)).
//
// Bottoms: c0 (T x N x H), u (T x N x 4H) in the order i, f, o, g, cont (T x N; 0 where a sequence
// begins, else 1); T is 1 in Caffe. Tops: c and h, as c0.
// Caffe: the forget gate's gradient is wrong where cont is neither 0 nor 1.
#include <algorithm>

#include "lstm_cell.h"
#include "moka/elementwise.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

class LSTMUnit final : public Layer {
 public:
  using Layer::Layer;

  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits()
        .Bottoms(3)
        .Tops(2)
        .BottomGradientReads(Reads::Bottom(0) | Reads::Bottom(2))
        .ParamGradientReads(Reads::Nothing())
        .NoGradient(2);
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  int64_t grain() const { return std::max<int64_t>(1, 4096 / std::max<int64_t>(1, h_)); }

  int64_t rows_ = 0, h_ = 0;
  Buffer<float> gates_;     // (T N, 4 H)
  Buffer<float> du_, dc0_;  // rows of gradients that nobody wants, for each worker
};

void LSTMUnit::Reshape(Shapes bottom, Plan& plan) {
  const Shape &c0 = bottom[0], &u = bottom[1], &cont = bottom[2];
  if (c0.axes() != 3) throw Error("expects cells T x N x H (3 axes) in bottom 0, not ", c0);
  h_ = c0[2], rows_ = c0.count(0, 2);
  int64_t four = 0;
  if (__builtin_mul_overflow(h_, int64_t{4}, &four)) throw Error("bottom 0 is too large: ", c0);
  if (u != c0.With(2, four)) {
    throw Error("bottom 1, the sums of the four gates, must be ", c0.With(2, four), ", but is ", u);
  }
  if (cont != Shape{c0[0], c0[1]}) {
    throw Error(
        "bottom 2 says for each step of each stream whether a sequence goes on: it must be ",
        Shape{c0[0], c0[1]}, ", but is ", cont);
  }
  plan.top(0) = plan.top(1) = c0;
  gates_ = plan.Saved<float>(u.count());
  du_ = plan.Scratch<float>(4 * h_, true);
  dc0_ = plan.Scratch<float>(h_, true);
}

void LSTMUnit::Forward(ForwardPass& pass) {
  const float *c0 = pass.bottom(0).data(), *u = pass.bottom(1).data();
  const float* cont = pass.bottom(2).data();
  float *a = pass.Get(gates_).data(), *c = pass.top(0).data(), *h = pass.top(1).data();
  pass.ParallelFor(rows_, grain(), [=, size = h_](int64_t begin, int64_t end) {
    Vectorised([=] {
      for (int64_t n = begin; n < end; ++n) {
        const int64_t row = n * size;
        LSTMGates(size, u + 4 * row, a + 4 * row);
        LSTMCell(size, a + 4 * row, c0 + row, cont[n], c + row, h + row);
      }
    });
  });
}

void LSTMUnit::Backward(BackwardPass& pass) {
  const float *c0 = pass.bottom(0).data(), *cont = pass.bottom(2).data();
  const float* a = pass.Get(gates_).data();
  const float *dc = pass.top_diff(0).data(), *dh = pass.top_diff(1).data();
  float* dc0 = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
  float* du = pass.wants_bottom(1) ? pass.bottom_diff(1).data() : nullptr;
  pass.ParallelFor(rows_, grain(), [&, size = h_](int64_t begin, int64_t end, int worker) {
    float *no_du = pass.Get(du_, worker).data(), *no_dc0 = pass.Get(dc0_, worker).data();
    Vectorised([=] {
      for (int64_t n = begin; n < end; ++n) {
        const int64_t row = n * size;
        LSTMCellGradient(size, a + 4 * row, c0 + row, cont[n], dc + row, dh + row,
                         du ? du + 4 * row : no_du, dc0 ? dc0 + row : no_dc0);
      }
    });
  });
}

}  // namespace

void RegisterLSTMUnit(Registry& registry) { registry.Add<LSTMUnit>("LSTMUnit"); }

}  // namespace moka
