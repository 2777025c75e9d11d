// Reorg: pixels become channels: N x C x H x W becomes N x C s^2 x H/s x W/s, with s the stride; or
// back, if `reverse`.
//
// Darknet's order, which the nets of YOLO v2 have learned. With k = C / s^2, let u be N x k x Hs x
// Ws and v be N x C x H x W, both in row-major order; then v[n, (a s + b) k + c, j, i] = u[n, c, j
// s + a, i s + b]. Forward takes x for u and gives v; in reverse it takes x for v and gives u. So C
// must be a multiple of s^2 both ways, and the two ways undo each other only in memory, not for
// tensors of the same shape: the second one has C s^2 channels. Caffe: there is none in BVLC's. The
// forks' gradient comes from a blob that nobody writes.
#include <string>

#include "moka/layer.h"
#include "moka/registry.h"
#include "reorg.pb.h"

namespace moka {
namespace {

class Reorg final : public Layer {
 public:
  Reorg(const LayerSpec& spec, const ReorgParameter& params)
      : Layer(spec), stride_(params.stride()), reverse_(params.reverse()) {
    if (!params.has_stride()) throw Error("stride is missing").At("reorg_param");
    if (stride_ == 0) throw Error("stride is 0; it must be at least 1").At("reorg_param.stride");
  }

  static LayerTraits Traits(const LayerSpec&, const ReorgParameter& params) {
    LayerTraits traits;
    if (params.stride() == 1) traits.SameValues(0, 0);
    return traits.BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override;

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    reverse_ ? Spread(pass, x, y) : Pack(pass, x, y);
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    reverse_ ? Pack(pass, dy, dx) : Spread(pass, dy, dx);
  }

 private:
  Shape TopShape(const Shape& x) const;

  void Pack(Pass& pass, const float* u, float* v) const {
    if (u == v) return;  // stride 1
    ForEachRow(pass, [&](int64_t at_u, int64_t at_v) {
      for (int64_t i = 0; i < w_; ++i) v[at_v + i] = u[at_u + i * stride_];
    });
  }
  void Spread(Pass& pass, const float* v, float* u) const {
    if (u == v) return;
    ForEachRow(pass, [&](int64_t at_u, int64_t at_v) {
      for (int64_t i = 0; i < w_; ++i) u[at_u + i * stride_] = v[at_v + i];
    });
  }
  // Calls body(where in u, where in v) for each row of v; in u its elements stand `stride` apart.
  template <typename F>
  void ForEachRow(Pass& pass, const F& body) const;

  const int64_t stride_;
  const bool reverse_;
  int64_t n_ = 0, c_ = 0, h_ = 0, w_ = 0;  // of v
};

Shape Reorg::TopShape(const Shape& x) const {
  const int64_t s = stride_;
  if (x[1] % s != 0 || x[1] / s % s != 0) {
    throw Error("the ", x[1], " channels of ", x, " are no multiple of stride x stride, ", s, " x ",
                s);
  }
  if (reverse_) return Shape{x[0], x[1] / s / s, Shape{x[2], s}.count(), Shape{x[3], s}.count()};
  if (x[2] % s != 0 || x[3] % s != 0) {
    throw Error("stride ", s, " does not divide height and width of ", x);
  }
  return Shape{x[0], Shape{x[1], s, s}.count(), x[2] / s, x[3] / s};
}

void Reorg::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() != 4) throw Error("expects images N x C x H x W (4 axes), not ", x);
  try {
    plan.top(0) = TopShape(x);
  } catch (Error& error) {
    throw error.At("reorg_param.stride");
  }
  n_ = x[0], c_ = x[1], h_ = x[2], w_ = x[3];
}

template <typename F>
void Reorg::ForEachRow(Pass& pass, const F& body) const {
  const int64_t s = stride_, rows = n_ * c_ * h_;
  if (rows * w_ == 0) return;
  const int64_t k = c_ / s / s, grain = std::max<int64_t>(1, 16384 / w_);
  pass.ParallelFor(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t j = row % h_, channel = row / h_ % c_, n = row / h_ / c_;
      const int64_t c = channel % k, a = channel / k / s, b = channel / k % s;
      body((((n * k + c) * h_ + j) * s + a) * w_ * s + b, row * w_);
    }
  });
}

}  // namespace

// 159 is Intel Caffe's number.
void RegisterReorg(Registry& registry) {
  registry.Add<Reorg>("Reorg", Field<ReorgParameter>{"reorg_param", 159});
}

}  // namespace moka
