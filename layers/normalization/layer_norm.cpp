// LayerNorm: y = scale (x - mean) / sqrt(variance + eps) + bias, with mean and variance of each
// row, that is of all numbers from `axis` on; scale and bias have the sizes of those axes. Ba,
// Kiros, Hinton, "Layer normalization", 2016. Blobs: scale, bias (the sizes from `axis` on), unless
// affine is false.
#include "affine.h"
#include "layer_norm.pb.h"
#include "moka/registry.h"

namespace moka {
namespace {

class LayerNorm final : public Layer {
 public:
  LayerNorm(const LayerSpec& spec, const LayerNormParameter& params)
      : Layer(spec), params_(params), affine_(params, "layer_norm_param") {}

  // A row is read before any of it is written.
  static LayerTraits Traits(const LayerSpec&, const LayerNormParameter&) {
    return GradientFromBottom().ParamGradientReads(Reads::Bottom(0));
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    affine_.SetUp(spec(), RowOf(bottom[0]), setup);
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  Shape RowOf(const Shape& x) const {
    const int axis = x.Axis(params_.axis(), "layer_norm_param.axis");
    return Shape(x.sizes().subspan(static_cast<size_t>(axis)));
  }
  void AddParamGradients(BackwardPass& pass);

  static constexpr int64_t kColumns = 512;  // in a piece of the sums over rows

  const LayerNormParameter params_;
  Affine affine_;
  Channels rows_;           // (1, rows, numbers in a row)
  Buffer<Normal> normals_;  // of each row
  int64_t band_ = 1;        // rows in a piece of the sums over rows
  Buffer<Sums> gradients_;  // of bias and scale: (bands, numbers in a row)
};

void LayerNorm::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  const Shape row = RowOf(x);
  affine_.CheckShape(row);
  const int64_t rows = x.count(0, x.axes() - row.axes()), length = row.count();
  rows_ = Channels(1, rows, length);
  rows_.PlanSums(plan);
  normals_ = plan.Saved<Normal>(rows);
  const int64_t bands = std::clamp<int64_t>(rows * length / 65536, 1, length < 65536 ? 16 : 1);
  band_ = std::max<int64_t>(1, (rows + bands - 1) / bands);
  if (affine_.on()) gradients_ = plan.Scratch<Sums>(bands * length);
  plan.top(0) = x;
}

void LayerNorm::Forward(ForwardPass& pass) {
  const float *x = pass.bottom(0).data(), *scale = affine_.scale(pass), *bias = affine_.bias(pass);
  float* y = pass.top(0).data();
  Normal* normals = pass.Get(normals_).data();
  const int64_t length = rows_.each();
  rows_.ForEachBlock(pass, [&](Channels::Block block) {
    const Sums* sums = rows_.Sum(pass, block, [=](int64_t r) {
      return [=, near = x[r * length]](int64_t i) { return Deviation(x[i], near); };
    });
    for (int64_t r = block.first; r < block.last; ++r) {
      const Moments of = MomentsOf(sums[r - block.first], x[r * length], length);
      normals[r] = {of.mean, 1 / std::sqrt(of.variance + params_.eps())};
    }
    if (!affine_.on()) {
      return rows_.ForEach(pass, block, [=](int64_t r) {
        return [=, line = Line(normals[r], 1, 0)](int64_t i) { y[i] = line(x[i]); };
      });
    }
    rows_.ForEach(pass, block, [=](int64_t r) {
      return [=, line = Line(normals[r], 1, 0), row = r * length](int64_t i) {
        y[i] = line(x[i]) * scale[i - row] + bias[i - row];
      };
    });
  });
}

// Over a row, as NormalGradient says, with g = scale dy.
void LayerNorm::Backward(BackwardPass& pass) {
  if (affine_.wants_gradient(pass)) AddParamGradients(pass);  // first: dx may overwrite dy
  if (!pass.wants_bottom(0)) return;
  const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
  const float* scale = affine_.scale(pass);
  float* dx = pass.bottom_diff(0).data();
  const Normal* normals = pass.Get(normals_).data();
  const int64_t length = rows_.each();
  const auto backward = [&](auto scaled) {  // scaled(i, row): g[i]
    rows_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums = rows_.Sum(pass, block, [=](int64_t r) {
        return [=, mean = normals[r].mean, row = r * length](int64_t i) {
          const float g = scaled(i, row);
          return Sums{g, g * (x[i] - mean)};
        };
      });
      rows_.ForEach(pass, block, [=](int64_t r) {
        const NormalGradient gradient(normals[r], sums[r - block.first], length);
        return [=, row = r * length](int64_t i) { dx[i] = gradient(x[i], scaled(i, row)); };
      });
    });
  };
  if (scale) {
    backward([=](int64_t i, int64_t row) { return dy[i] * scale[i - row]; });
  } else {
    backward([=](int64_t i, int64_t) { return dy[i]; });
  }
}

// dscale = sum dy (x - mean) / deviation, dbias = sum dy, over the rows: bands of them, and then
// the bands in order.
void LayerNorm::AddParamGradients(BackwardPass& pass) {
  const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
  const Normal* normals = pass.Get(normals_).data();
  Sums* sums = pass.Get(gradients_).data();
  const int64_t rows = rows_.channels(), length = rows_.each(), band = band_;
  const int64_t blocks = (length + kColumns - 1) / kColumns;
  const int64_t bands = (rows + band - 1) / band;
  pass.ParallelFor(bands * blocks, 1, [=](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t k = piece / blocks, first = piece % blocks * kColumns;
      const int64_t count = std::min(kColumns, length - first),
                    last = std::min((k + 1) * band, rows);
      Sums* part = sums + k * length + first;
      std::fill_n(part, count, Sums());
      Vectorised([=] {
        for (int64_t r = k * band; r < last; ++r) {
          const float *xr = x + r * length + first, *dyr = dy + r * length + first;
          const Normal normal = normals[r];
#pragma GCC ivdep
          for (int64_t j = 0; j < count; ++j) {
            part[j].first += dyr[j];
            part[j].second += dyr[j] * ((xr[j] - normal.mean) * normal.inverse);
          }
        }
      });
    }
  });
  for (int64_t j = 0; j < length; ++j) {
    Sums all;
    for (int64_t k = 0; k < bands; ++k) all = all + sums[k * length + j];
    affine_.AddGradient(pass, j, all);
  }
}

}  // namespace

void RegisterLayerNorm(Registry& registry) {
  registry.Add<LayerNorm>("LayerNorm", Field<LayerNormParameter>{"layer_norm_param", 5030});
}

}  // namespace moka
