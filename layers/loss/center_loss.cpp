// CenterLoss: loss = 1/(2N) sum over samples of |x - c[label]|^2, with c a learned center for each
// class. Blobs: center (num_output, size of a feature). The update of the centers is that of Wen,
// Zhang, Li, Qiao (2016), no derivative of the loss: what stands for the gradient of center j is
// the sum of c[j] - x over the samples of class j, over 1 + their number, whatever the loss weight.
// So lr_mult alone says how fast centers move; the paper's alpha is the learning rate times
// lr_mult. Caffe: Wen's layer does not check labels and writes outside its memory; here each is
// checked.
#include <string>

#include "center_loss.pb.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "sample_rows.h"

namespace moka {
namespace {

class CenterLoss final : public Layer {
 public:
  CenterLoss(const LayerSpec& spec, const CenterLossParameter& params)
      : Layer(spec), params_(params) {
    if (!params.has_num_output()) throw Error("num_output is missing").At("center_loss_param");
    if (params.num_output() == 0)
      throw Error("num_output is 0; it must be at least 1").At("center_loss_param.num_output");
  }

  static LayerTraits Traits(const LayerSpec&, const CenterLossParameter&) {
    return LayerTraits()
        .Bottoms(2)
        .Tops(1)
        .Loss(0)
        .NoGradient(1)
        .BottomGradientReads(Reads::Bottom(0))
        .ParamGradientReads(Reads::Bottom(0));
  }

  void SetUp(Shapes bottom, Setup& setup) override;
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  SampleRows Rows(const Shape& x) const {
    return RowsOf(x, x.Axis(params_.axis(), "center_loss_param.axis"));
  }
  int64_t Class(float label, int64_t sample) const {
    try {
      return ClassOf(label, std::nullopt, {rows_.samples, classes_, 1}, sample);
    } catch (Error& error) {  // no bottom says how many classes there are
      throw error.At("center_loss_param.num_output");
    }
  }
  void MoveCenters(BackwardPass& pass);

  const CenterLossParameter params_;
  int64_t classes_ = 0;
  SampleRows rows_;
  Buffer<int64_t> labels_;
  Buffer<LossSum> parts_;
  Buffer<int64_t> first_, next_;  // the samples of each class, as lists that end with -1
};

void CenterLoss::SetUp(Shapes bottom, Setup& setup) {
  classes_ = params_.num_output();
  rows_ = Rows(bottom[0]);
  if (rows_.size == 0) throw Error("has no features: the bottom is ", bottom[0]);
  const Shape shape{classes_, rows_.size};
  spec().MakeFiller(params_.center_filler(), shape, "center_loss_param.center_filler");
  setup.AddParam("center", shape, params_.center_filler());
}

void CenterLoss::Reshape(Shapes bottom, Plan& plan) {
  const SampleRows rows = Rows(bottom[0]);
  if (rows.size != rows_.size) {
    throw Error("the centers are for features of ", rows_.size, " values, but the bottom, ",
                bottom[0], ", has ", rows.size);
  }
  rows_ = rows;
  if (bottom[1].count() != rows_.samples) {
    throw Error("there are ", bottom[1].count(), " labels (", bottom[1], ") for ", rows_.samples,
                " samples (bottom 0 is ", bottom[0], " with features from axis ", params_.axis(),
                " on)");
  }
  plan.top(0) = Shape();
  labels_ = plan.Saved<int64_t>(rows_.samples);
  parts_ = plan.Scratch<LossSum>(rows_.pieces());
  first_ = plan.Scratch<int64_t>(classes_);
  next_ = plan.Scratch<int64_t>(rows_.samples);
}

void CenterLoss::Forward(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* label = pass.bottom(1).data();
  const float* centers = pass.param(0).values().data();
  int64_t* labels = pass.Get(labels_).data();
  const auto piece = [&](int64_t begin, int64_t end) {
    LossSum part;
    for (int64_t n = begin; n < end; ++n) {
      labels[n] = Class(label[n], n);
      part.loss +=
          SquaredDistance(x + n * rows_.size, centers + labels[n] * rows_.size, rows_.size);
    }
    return part;
  };
  const LossSum sum = SumPieces(pass, rows_.samples, rows_.grain(), pass.Get(parts_), piece);
  pass.top(0).data()[0] = static_cast<float>(sum.loss / 2 / rows_.divisor());
}

// dx = dy/N (x - c[label])
void CenterLoss::Backward(BackwardPass& pass) {
  if (pass.wants_param(0)) MoveCenters(pass);
  if (!pass.wants_bottom(0)) return;
  const float* x = pass.bottom(0).data();
  const float* centers = pass.param(0).values().data();
  const int64_t* labels = pass.Get(labels_).data();
  const double g = pass.top_diff(0).data()[0] / rows_.divisor();
  float* dx = pass.bottom_diff(0).data();
  pass.ParallelFor(rows_.samples, rows_.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* c = centers + labels[n] * rows_.size;
      for (int64_t i = 0, at = n * rows_.size; i < rows_.size; ++i, ++at) {
        dx[at] = static_cast<float>(g * (static_cast<double>(x[at]) - c[i]));
      }
    }
  });
}

// dc[j] = the sum of c[j] - x over the m samples of class j, over 1 + m
void CenterLoss::MoveCenters(BackwardPass& pass) {
  const int64_t* labels = pass.Get(labels_).data();
  const std::span<int64_t> first = pass.Get(first_), next = pass.Get(next_);
  std::fill(first.begin(), first.end(), -1);
  for (int64_t n = rows_.samples - 1; n >= 0; --n) {  // backwards, so that the lists run forwards
    int64_t& head = first[static_cast<size_t>(labels[n])];
    next[static_cast<size_t>(n)] = head;
    head = n;
  }

  const float* x = pass.bottom(0).data();
  const float* centers = pass.param(0).values().data();
  float* dc = pass.param_diff(0).data();
  const bool add = pass.adds_param(0);
  const int64_t size = rows_.size;
  pass.ParallelFor(classes_, rows_.grain(), [&](int64_t begin, int64_t end) {
    constexpr int64_t kBlock = 64;
    for (int64_t j = begin; j < end; ++j) {
      for (int64_t from = 0; from < size; from += kBlock) {
        const int64_t width = std::min(kBlock, size - from);
        const float* c = centers + j * size + from;
        float* d = dc + j * size + from;
        double sum[kBlock] = {};
        int64_t samples = 0;
        for (int64_t n = first[static_cast<size_t>(j)]; n >= 0; n = next[static_cast<size_t>(n)]) {
          const float* row = x + n * size + from;
          for (int64_t i = 0; i < width; ++i) sum[i] += static_cast<double>(c[i]) - row[i];
          ++samples;
        }
        const double scale = 1 / static_cast<double>(1 + samples);
        for (int64_t i = 0; i < width; ++i) {
          d[i] = (add ? d[i] : 0.0F) + static_cast<float>(sum[i] * scale);
        }
      }
    }
  });
}

}  // namespace

void RegisterCenterLoss(Registry& registry) {
  registry.Add<CenterLoss>("CenterLoss", Field<CenterLossParameter>{"center_loss_param", 5073});
}

}  // namespace moka
