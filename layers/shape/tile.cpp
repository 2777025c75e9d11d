// Tile: y = x repeated `tiles` times along `axis`; dx = the sum of dy over the repetitions.
#include "moka/layer.h"
#include "moka/registry.h"
#include "rows.h"
#include "strips.h"
#include "tile.pb.h"

namespace moka {
namespace {

class Tile final : public Layer {
 public:
  Tile(const LayerSpec& spec, const TileParameter& params)
      : Layer(spec), axis_(params.axis()), tiles_(params.tiles()) {
    if (!params.has_tiles()) throw Error("tiles is missing").At("tile_param");
    if (tiles_ < 1)
      throw Error("tiles is ", tiles_, "; it must be at least 1").At("tile_param.tiles");
  }

  static LayerTraits Traits(const LayerSpec&, const TileParameter& params) {
    LayerTraits traits;
    if (params.tiles() == 1) traits.SameValues(0, 0);
    return traits.BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    const int axis = x.Axis(axis_, "tile_param.axis");
    try {
      plan.top(0) = x.With(axis, Shape{x[axis], tiles_}.count());
    } catch (Error& error) {
      throw error.At("tile_param.tiles");
    }
    rows_ = {x.count(0, axis), x.count_from(axis)};
  }

  // Row r of x (rows, width) is rows r * tiles .. of y.
  void Forward(ForwardPass& pass) override {
    const int64_t width = rows_.width;
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    Rows{rows_.count * tiles_, width}.ForEach(pass, [&](int64_t row, int64_t begin, int64_t end) {
      CopyStrip(x + row / tiles_ * width + begin, y + row * width + begin, end - begin);
    });
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const int64_t width = rows_.width;
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    rows_.ForEach(pass, [&](int64_t row, int64_t begin, int64_t end) {
      SumStrips(begin, end, false, dx + row * width, [&](const auto& take) {
        for (int64_t t = 0; t < tiles_; ++t) take(dy + (row * tiles_ + t) * width);
      });
    });
  }

 private:
  const int axis_;
  const int64_t tiles_;
  Rows rows_;
};

}  // namespace

void RegisterTile(Registry& registry) {
  registry.Add<Tile>("Tile", Field<TileParameter>{"tile_param", 138});
}

}  // namespace moka
