// Pooling: y = one number from each window of each channel: the largest, the mean, or one drawn at
// random.
//
// The bottom is N x C x any number of spatial axes: N x C x W, N x C x H x W, N x C x D x H x W.
// Caffe: takes 4 axes only, and draws at random only on a GPU.
// Caffe: a NaN, or a window of nothing but -FLT_MAX, writes outside of the bottom's gradient.
// Caffe: without pad, a last window may begin beyond the image; here there is none such.
#include <string>

#include "grid_kernels.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "pooling.pb.h"
#include "stochastic.h"
#include "window_sizes.h"

namespace moka {
namespace {

class Pooling final : public Layer {
 public:
  Pooling(const LayerSpec& spec, const PoolingParameter& params)
      : Layer(spec), method_(params.pool()), sizes_(params) {}

  // MAX and AVE remember all that Backward needs. STOCHASTIC does so in training; in testing its
  // mean depends on the values.
  static LayerTraits Traits(const LayerSpec& spec, const PoolingParameter& params) {
    const bool reads = params.pool() == PoolingParameter::STOCHASTIC && !spec.training();
    return LayerTraits()
        .Tops(1, params.pool() == PoolingParameter::MAX ? 2 : 1)
        .BottomGradientReads(reads ? Reads::Bottom(0) : Reads::Nothing())
        .ParamGradientReads(Reads::Nothing());
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  bool has_mask() const {
    return method_ == PoolingParameter::MAX ||
           (method_ == PoolingParameter::STOCHASTIC && spec().training());
  }
  bool flat() const { return grid_.count <= 2; }
  // f(begin, end) for the planes.
  template <typename F>
  void ForPlanes(Pass& pass, F f) {
    pass.ParallelFor(grid_.planes, 1, [&](int64_t begin, int64_t end) { f(begin, end); });
  }
  template <typename Index>
  void MaskedForward(ForwardPass& pass, Buffer<Index> buffer);
  template <typename Index>
  void MaskedBackward(BackwardPass& pass, Buffer<Index> buffer);

  const PoolingParameter::PoolMethod method_;
  const WindowSizes sizes_;
  Grid grid_;
  Buffer<uint8_t> bytes_;  // places within windows; one of the two is in use
  Buffer<int32_t> ints_;
};

void Pooling::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  grid_ = sizes_.Over(x);
  Shape y = x;
  for (int a = 0; a < grid_.count; ++a)
    y = y.With(a + 2, grid_.axes[static_cast<size_t>(a)].windows);
  plan.top(0) = y;
  if (spec().top_count() > 1) {
    constexpr int64_t kExact = 1 << 24;  // up to here floats count exactly
    if (grid_.pixels() > kExact)
      throw Error("a mask top cannot count the ", grid_.pixels(), " pixels of a channel");
    plan.top(1) = y;
  }
  bytes_ = {}, ints_ = {};
  if (!has_mask()) return;
  if (grid_.kernel() > int64_t{1} << 31) {
    std::string kernel;
    for (int a = 0; a < grid_.count; ++a)
      kernel += (a ? " x " : "") + std::to_string(grid_.axes[static_cast<size_t>(a)].kernel);
    throw Error("the kernel is too large: ", kernel);
  }
  if (grid_.fits_byte()) {
    bytes_ = plan.Saved<uint8_t>(y.count());
  } else {
    ints_ = plan.Saved<int32_t>(y.count());
  }
}

template <typename Index>
void Pooling::MaskedForward(ForwardPass& pass, Buffer<Index> buffer) {
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  Index* mask = pass.Get(buffer).data();
  const Grid& grid = grid_;
  if (method_ == PoolingParameter::STOCHASTIC) {
    const RandomStream random = pass.random();
    return ForPlanes(
        pass, [&](int64_t begin, int64_t end) { Draw(grid, random, 0, begin, end, x, y, mask); });
  }
  const bool mask_top = pass.top_count() > 1;
  Index* kept = pass.backward_follows() || mask_top ? mask : nullptr;
  if (flat()) {
    MaxPoolForward(pass.context(), grid.Flat(), x, y, kept);
  } else {
    ForPlanes(pass,
              [&](int64_t begin, int64_t end) { MaxOfWindows(grid, begin, end, x, y, kept); });
  }
  if (!mask_top) return;
  float* pixels = pass.top(1).data();
  ForPlanes(pass, [&](int64_t begin, int64_t end) {
    ForEachWindow(grid, begin, end, [&](int64_t k, int64_t, const Window& window) {
      pixels[k] = static_cast<float>(window.Pixel(grid, mask[k]));
    });
  });
}

void Pooling::Forward(ForwardPass& pass) {
  if (has_mask())
    return grid_.fits_byte() ? MaskedForward(pass, bytes_) : MaskedForward(pass, ints_);
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  if (method_ == PoolingParameter::AVE && flat())
    return AveragePoolForward(pass.context(), grid_.Flat(), x, y);
  const auto forward = method_ == PoolingParameter::AVE ? MeanOfWindows : WeightedMeanForward;
  ForPlanes(pass, [&](int64_t begin, int64_t end) { forward(grid_, begin, end, x, y); });
}

template <typename Index>
void Pooling::MaskedBackward(BackwardPass& pass, Buffer<Index> buffer) {
  const Index* mask = pass.Get(buffer).data();
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  if (flat()) return MaskPoolBackward(pass.context(), grid_.Flat(), mask, dy, dx);
  ForPlanes(pass,
            [&](int64_t begin, int64_t end) { MaskGradient(grid_, begin, end, mask, dy, dx); });
}

void Pooling::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  if (has_mask())
    return grid_.fits_byte() ? MaskedBackward(pass, bytes_) : MaskedBackward(pass, ints_);
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  if (method_ == PoolingParameter::STOCHASTIC) {
    const float* x = pass.bottom(0).data();
    return ForPlanes(pass, [&](int64_t begin, int64_t end) {
      WeightedMeanBackward(grid_, begin, end, x, dy, dx);
    });
  }
  if (flat()) return AveragePoolBackward(pass.context(), grid_.Flat(), dy, dx);
  ForPlanes(pass, [&](int64_t begin, int64_t end) { MeanGradient(grid_, begin, end, dy, dx); });
}

}  // namespace

void RegisterPooling(Registry& registry) {
  registry.Add<Pooling>("Pooling", Field<PoolingParameter>{"pooling_param", 121});
}

}  // namespace moka
