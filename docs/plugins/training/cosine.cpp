// cosine_restarts: base_lr is multiplied with floor + (1 - floor) (1 + cos(pi t)) / 2, where t goes
// from 0 to 1 within a period. Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm
// restarts", 2017.
#include <cmath>
#include <numbers>

#include "cosine.pb.h"
#include "moka/learning_rate.h"
#include "moka/registry.h"

class Cosine final : public moka::LearningRatePolicy {
 public:
  Cosine(const moka::SolverParameter&, const CosineParameter& params)
      : period_(params.period()), growth_(params.growth()), floor_(params.floor()) {
    if (params.period() <= 0) {
      throw moka::Error("period is ", params.period(),
                        "; it must be 1 or more: the iterations until the first restart")
          .At("cosine_param.period");
    }
    if (!(growth_ >= 1 && std::isfinite(growth_))) {
      throw moka::Error("growth must be 1 or more, and finite, but is ", growth_)
          .At("cosine_param.growth");
    }
    if (!(floor_ >= 0 && floor_ <= 1)) {
      throw moka::Error("floor must be in 0..1, a share of base_lr, but is ", floor_)
          .At("cosine_param.floor");
    }
  }

  // A pure function, so that a resumed training goes on with the same rates: period k begins at
  // period (growth^k - 1) / (growth - 1).
  double Factor(int64_t iteration) const override {
    double begin = 0, length = period_;
    if (growth_ == 1) {
      begin = std::floor(static_cast<double>(iteration) / length) * length;
    } else {
      for (; begin + length <= static_cast<double>(iteration); length *= growth_) begin += length;
    }
    const double t = (static_cast<double>(iteration) - begin) / length;
    return floor_ + (1 - floor_) * (1 + std::cos(std::numbers::pi * t)) / 2;
  }

 private:
  const double period_, growth_, floor_;
};

void RegisterCosine(moka::Registry& registry) {
  registry.AddLearningRatePolicy<Cosine>("cosine_restarts",
                                         moka::Field<CosineParameter>{"cosine_param"});
}
