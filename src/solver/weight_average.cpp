// ema_decay: the mean of the weights over the iterations, the last ones counting most.
#include "solver/weight_average.h"

#include <algorithm>

namespace moka {
namespace {

constexpr int64_t kGrain = 64 << 10;

}  // namespace

WeightAverage::WeightAverage(float decay, std::span<const Learned> learned, Context& context)
    : decay_(decay), context_(context) {
  for (const Learned& one : learned) {
    if (one.diff == nullptr || one.param->lr_mult == 0) continue;
    params_.push_back(one.param);
    means_.emplace(one.param, one.param->shape());
  }
  Begin();
}

void WeightAverage::Begin() {
  for (Param* param : params_) {
    const std::span<const float> w = std::as_const(*param).values().values();
    std::copy(w.begin(), w.end(), means_.at(param).data());
  }
}

void WeightAverage::Update() {
  for (Param* param : params_) {
    const float* w = std::as_const(*param).values().data();
    float* a = means_.at(param).data();
    const float keep = decay_, add = 1 - decay_;
    context_.ParallelFor(param->shape().count(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) a[i] = keep * a[i] + add * w[i];
    });
  }
}

void WeightAverage::Swap() {
  for (Param* param : params_) {
    const std::span<float> w = param->Change().values();
    std::swap_ranges(w.begin(), w.end(), means_.at(param).data());
  }
  swapped_ = !swapped_;
}

std::map<const Param*, const Tensor*> WeightAverage::Elsewhere() const {
  std::map<const Param*, const Tensor*> places;
  for (const auto& [param, mean] : means_) places[param] = &mean;
  return places;
}

}  // namespace moka
