// ShuffleChannel: the channels (axis 1) dealt anew: with k = channels / group, channel j * group +
// i of y is channel i * k + j of x, for i < group, j < k.
//
// Zhang et al., "ShuffleNet", 2017: what a grouped convolution kept apart meets in the next one.
#include "moka/layer.h"
#include "moka/registry.h"
#include "rows.h"
#include "shuffle_channel.pb.h"
#include "strips.h"

namespace moka {
namespace {

class ShuffleChannel final : public Layer {
 public:
  ShuffleChannel(const LayerSpec& spec, const ShuffleChannelParameter& params)
      : Layer(spec), group_(params.group()) {
    if (group_ == 0)
      throw Error("group is 0; it must be at least 1").At("shuffle_channel_param.group");
  }

  static LayerTraits Traits(const LayerSpec&, const ShuffleChannelParameter& params) {
    LayerTraits traits;
    if (params.group() == 1) traits.SameValues(0, 0);
    return traits.BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    if (x.axes() < 2) throw Error("expects channels along axis 1, but the bottom is ", x);
    if (x[1] % group_ != 0) {
      throw Error("group ", group_, " does not divide the ", x[1], " channels")
          .At("shuffle_channel_param.group");
    }
    channels_ = x[1];
    rows_ = {x.count(0, 2), x.count_from(2)};
    plan.top(0) = x;
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    const int64_t width = rows_.width;
    rows_.ForEach(pass, [&](int64_t row, int64_t begin, int64_t end) {
      CopyStrip(x + Source(row) * width + begin, y + row * width + begin, end - begin);
    });
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    const int64_t width = rows_.width;
    rows_.ForEach(pass, [&](int64_t row, int64_t begin, int64_t end) {
      CopyStrip(dy + row * width + begin, dx + Source(row) * width + begin, end - begin);
    });
  }

 private:
  // Which channel of x a channel of y is; both count through the batch.
  int64_t Source(int64_t row) const {
    const int64_t channel = row % channels_, i = channel % group_, j = channel / group_;
    return row - channel + i * (channels_ / group_) + j;
  }

  const int64_t group_;
  int64_t channels_ = 0;
  Rows rows_;
};

}  // namespace

// 164 is the number in the layer's own Caffe fork; ncnn's, 145, is another layer's in Caffe.
void RegisterShuffleChannel(Registry& registry) {
  registry.Add<ShuffleChannel>("ShuffleChannel",
                               Field<ShuffleChannelParameter>{"shuffle_channel_param", 164});
}

}  // namespace moka
