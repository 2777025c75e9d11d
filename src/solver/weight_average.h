// ema_decay: the mean of the weights over the iterations, the last ones counting most.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "moka/context.h"
#include "moka/net.h"
#include "moka/tensor.h"

namespace moka {

// a = decay a + (1 - decay) w after each update, for all params that learn. It begins as w.
class WeightAverage {
 public:
  WeightAverage(float decay, std::span<const Learned> learned, Context& context);
  void Begin();  // a = w
  void Update();
  // Puts the mean into the params and the weights into its place, or back.
  void Swap();

  // Where the weights, or the mean, now are, if not in the params.
  std::map<const Param*, const Tensor*> weights() const { return swapped_ ? Elsewhere() : Here(); }
  std::map<const Param*, const Tensor*> mean() const { return swapped_ ? Here() : Elsewhere(); }

 private:
  static std::map<const Param*, const Tensor*> Here() { return {}; }
  std::map<const Param*, const Tensor*> Elsewhere() const;

  const float decay_;
  Context& context_;
  std::vector<Param*> params_;
  std::map<const Param*, Tensor> means_;
  bool swapped_ = false;
};

// While it lives, the params hold the mean. Of nullptr it does nothing.
class WithAverage {
 public:
  explicit WithAverage(WeightAverage* average) : average_(average) { Swap(); }
  ~WithAverage() { Swap(); }
  WithAverage(const WithAverage&) = delete;
  WithAverage& operator=(const WithAverage&) = delete;

 private:
  void Swap() {
    if (average_ != nullptr) average_->Swap();
  }
  WeightAverage* average_;
};

}  // namespace moka
