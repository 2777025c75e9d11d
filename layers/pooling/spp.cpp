// SPP: y (N, C (1 + 4 + 16 + ...)) = for each image, its channels pooled into 1 x 1, 2 x 2, 4 x 4,
// ... bins, one level after the other. So the size of the images does not matter to what follows.
//
// He, Zhang, Ren, Sun, "Spatial pyramid pooling in deep convolutional networks for visual
// recognition", 2014. The bins are Caffe's: each has ceil(size / bins) pixels, and what that is too
// much is pad, divided between both ends.
// With pyramid_height 1, y is N x C x 1 x 1, as in Caffe.
// Caffe: a copy of the layer for each level; and STOCHASTIC only on a GPU.
#include <vector>

#include "moka/layer.h"
#include "moka/registry.h"
#include "spp.pb.h"
#include "stochastic.h"

namespace moka {
namespace {

class SPP final : public Layer {
 public:
  SPP(const LayerSpec& spec, const SPPParameter& params)
      : Layer(spec), method_(params.pool()), height_(params.pyramid_height()) {
    if (!params.has_pyramid_height()) throw Error("pyramid_height is missing").At("spp_param");
    if (height_ == 0)
      throw Error("pyramid_height is 0; it must be at least 1").At("spp_param.pyramid_height");
  }

  // As Pooling.
  static LayerTraits Traits(const LayerSpec& spec, const SPPParameter& params) {
    const bool reads = params.pool() == SPPParameter::STOCHASTIC && !spec.training();
    return LayerTraits()
        .BottomGradientReads(reads ? Reads::Bottom(0) : Reads::Nothing())
        .ParamGradientReads(Reads::Nothing());
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  struct Level {
    Grid grid;       // over one image
    int64_t offset;  // of its bins among those of an image
  };
  GridAxis Axis(int level, int64_t size, const char* what) const;
  void ForwardLevel(ForwardPass& pass, uint32_t level, int64_t image);
  void BackwardLevel(BackwardPass& pass, const Level& level, int64_t image, float* dx);

  const SPPParameter::PoolMethod method_;
  const int64_t height_;
  std::vector<Level> levels_;
  int64_t images_ = 0, pixels_ = 0, bins_ = 0;  // pixels and bins of an image
  Buffer<int32_t> mask_;                        // as y: places within bins
  Buffer<float> dx_;                            // what a level gives to an image
};

// Pad below the kernel is what makes every bin see a pixel.
GridAxis SPP::Axis(int level, int64_t size, const char* what) const {
  const int64_t bins = int64_t{1} << level;
  const int64_t kernel = size / bins + (size % bins != 0 ? 1 : 0);
  const int64_t pad = (kernel * bins - size + 1) / 2;
  if (pad >= kernel) {
    throw Error("pyramid_height ", height_, " is too much for ", size, " ", what, ": ", bins,
                " bins of ", kernel, " need a pad of ", pad,
                ", which must be less than a bin; it can be at most ", level)
        .At("spp_param.pyramid_height");
  }
  return {.size = size, .windows = bins, .kernel = kernel, .stride = kernel, .pad = pad};
}

void SPP::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() != 4) throw Error("expects images N x C x H x W (4 axes), not ", x);
  if (x[2] == 0 || x[3] == 0) throw Error("cannot pool images without pixels: the bottom is ", x);
  if (Shape{x[2], x[3]}.count() > int64_t{1} << 31)
    throw Error("the images are too large: ", x[2], " x ", x[3]);
  images_ = x[0], pixels_ = x.count_from(1), bins_ = 0;
  levels_.clear();
  for (int level = 0; level < height_; ++level) {  // ends with an error at 2^31 bins
    Grid grid;
    grid.planes = x[1], grid.count = 2;
    grid.axes[0] = Axis(level, x[2], "rows"), grid.axes[1] = Axis(level, x[3], "columns");
    levels_.push_back({grid, bins_});
    bins_ = Shape{bins_ + Shape{x[1], grid.windows()}.count()}.count();
  }
  plan.top(0) = height_ == 1 ? Shape{x[0], x[1], 1, 1} : Shape{x[0], bins_};
  mask_ = {}, dx_ = {};
  if (method_ == SPPParameter::MAX || (method_ == SPPParameter::STOCHASTIC && spec().training()))
    mask_ = plan.Saved<int32_t>(plan.top(0).count());
  if (height_ > 1) dx_ = plan.Scratch<float>(pixels_);
}

void SPP::ForwardLevel(ForwardPass& pass, uint32_t l, int64_t image) {
  const auto& [grid, offset] = levels_[l];
  const float* x = pass.bottom(0).data() + image * pixels_;
  float* y = pass.top(0).data() + image * bins_ + offset;
  if (method_ == SPPParameter::AVE) return AveragePoolForward(pass.context(), grid.Flat(), x, y);
  int32_t* mask = mask_.id < 0 ? nullptr : pass.Get(mask_).data() + image * bins_ + offset;
  if (method_ == SPPParameter::MAX) {
    return MaxPoolForward(pass.context(), grid.Flat(), x, y,
                          pass.backward_follows() ? mask : nullptr);
  }
  const RandomStream random = pass.random(l);
  const auto first = static_cast<uint64_t>(image * grid.planes * grid.windows());
  pass.ParallelFor(grid.planes, 1, [&](int64_t begin, int64_t end) {
    if (mask) {
      Draw(grid, random, first, begin, end, x, y, mask);
    } else {
      WeightedMeanForward(grid, begin, end, x, y);
    }
  });
}

void SPP::Forward(ForwardPass& pass) {
  for (int64_t image = 0; image < images_; ++image) {
    for (uint32_t l = 0; l < levels_.size(); ++l) ForwardLevel(pass, l, image);
  }
}

void SPP::BackwardLevel(BackwardPass& pass, const Level& level, int64_t image, float* dx) {
  const auto& [grid, offset] = level;
  const float* dy = pass.top_diff(0).data() + image * bins_ + offset;
  if (method_ == SPPParameter::AVE) return AveragePoolBackward(pass.context(), grid.Flat(), dy, dx);
  if (mask_.id >= 0) {
    return MaskPoolBackward(pass.context(), grid.Flat(),
                            pass.Get(mask_).data() + image * bins_ + offset, dy, dx);
  }
  const float* x = pass.bottom(0).data() + image * pixels_;
  pass.ParallelFor(grid.planes, 1, [&](int64_t begin, int64_t end) {
    WeightedMeanBackward(grid, begin, end, x, dy, dx);
  });
}

void SPP::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  for (int64_t image = 0; image < images_; ++image) {
    float* dx = pass.bottom_diff(0).data() + image * pixels_;
    for (size_t l = 0; l < levels_.size(); ++l) {
      float* more = l == 0 ? dx : pass.Get(dx_).data();
      BackwardLevel(pass, levels_[l], image, more);
      if (l > 0) {
        const auto n = static_cast<size_t>(pixels_);
        Axpy(pass.context(), 1, {more, n}, {dx, n});
      }
    }
  }
}

}  // namespace

void RegisterSPP(Registry& registry) {
  registry.Add<SPP>("SPP", Field<SPPParameter>{"spp_param", 132});
}

}  // namespace moka
