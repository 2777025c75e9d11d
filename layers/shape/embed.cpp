// Embed: y[m] = w[x[m]] + b, a learned row for each index: a bottom of any shape gets one more
// axis.
//
// Learned: weight (input_dim, num_output), bias (num_output).
// Caffe: looks at an index in debug builds only, and reads beyond the weights otherwise; cuts a
// fraction off. Here each index is checked.
#include <string>

#include "embed.pb.h"
#include "gather.h"
#include "moka/filler.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "strips.h"

namespace moka {
namespace {

class Embed final : public Layer {
 public:
  Embed(const LayerSpec& spec, const EmbedParameter& params);

  // The bottom holds indices. Backward uses those that Forward kept.
  static LayerTraits Traits(const LayerSpec&, const EmbedParameter&) {
    return LayerTraits()
        .BottomGradientReads(Reads::Nothing())
        .ParamGradientReads(Reads::Nothing())
        .NoGradient(0);
  }

  void SetUp(Shapes bottom, Setup& setup) override;
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  const EmbedParameter params_;
  int64_t outputs_ = 0, copies_ = 0;
  Gather gather_;
};

Embed::Embed(const LayerSpec& spec, const EmbedParameter& params)
    : Layer(spec), params_(params), outputs_(params.num_output()) {
  const auto check = [](const char* name, bool given, uint32_t value) {
    if (!given) throw Error(name, " is missing").At("embed_param");
    if (value == 0)
      throw Error(name, " is 0; it must be at least 1").At(std::string("embed_param.") + name);
  };
  check("num_output", params.has_num_output(), params.num_output());
  check("input_dim", params.has_input_dim(), params.input_dim());
  if (params.input_dim() > kMostIndices) {
    throw Error("input_dim ", params.input_dim(), " is more than the ", kMostIndices,
                " indices that a float can count")
        .At("embed_param.input_dim");
  }
}

void Embed::SetUp(Shapes, Setup& setup) {
  const auto add = [&](const char* name, const Shape& shape, const FillerParameter& filler) {
    spec().MakeFiller(filler, shape, std::string("embed_param.") + name + "_filler");
    setup.AddParam(name, shape, filler);
  };
  add("weight", {params_.input_dim(), outputs_}, params_.weight_filler());
  if (params_.bias_term()) add("bias", {outputs_}, params_.bias_filler());
}

void Embed::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  copies_ = x.count();
  gather_.Reshape(plan, params_.input_dim(), copies_, x.axes() == 0 ? 1 : x.count_from(1),
                  "input_dim");
  const int64_t one_more[] = {outputs_};
  plan.top(0) = x.Replace(x.axes(), x.axes(), one_more);
}

void Embed::Forward(ForwardPass& pass) {
  const std::span<const int32_t> index = gather_.Read(pass, pass.bottom(0).data());
  const float* w = pass.param(0).values().data();
  const float* b = params_.bias_term() ? pass.param(1).values().data() : nullptr;
  float* y = pass.top(0).data();
  Rows{copies_, outputs_}.ForEach(pass, [&](int64_t m, int64_t begin, int64_t end) {
    const float* row = w + index[static_cast<size_t>(m)] * outputs_;
    float* out = y + m * outputs_;
    if (b == nullptr) return CopyStrip(row + begin, out + begin, end - begin);
    for (int64_t i = begin; i < end; ++i) out[i] = row[i] + b[i];
  });
}

void Embed::Backward(BackwardPass& pass) {
  const Tensor& dy = pass.top_diff(0);
  if (pass.wants_param(0)) {
    gather_.SumCopies(pass, outputs_, dy.data(), pass.adds_param(0), pass.param_diff(0).data());
  }
  if (params_.bias_term() && pass.wants_param(1)) {
    SumRows(pass.context(), dy.values(), copies_, pass.adds_param(1), pass.param_diff(1).values());
  }
}

}  // namespace

void RegisterEmbed(Registry& registry) {
  registry.Add<Embed>("Embed", Field<EmbedParameter>{"embed_param", 137});
}

}  // namespace moka
