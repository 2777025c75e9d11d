// xavier, msra: the variance of y keeps that of the signal through a layer; by n, the number of
// inputs, of outputs, or their mean.
//   xavier  1 / n, uniform   Glorot, Bengio, "Understanding the difficulty of training deep
//                            feedforward neural networks", 2010
//   msra    2 / n, gaussian  He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015
#include "draw.h"
#include "moka/registry.h"

namespace moka {
namespace {

// n. Not for empty shapes.
double Fan(FillerParameter::VarianceNorm norm, const Shape& shape) {
  const double count = static_cast<double>(shape.count());
  const double fan_in = count / static_cast<double>(shape.size_or_1(0));
  const double fan_out = count / static_cast<double>(shape.size_or_1(1));
  switch (norm) {
    case FillerParameter::FAN_OUT:
      return fan_out;
    case FillerParameter::AVERAGE:
      return (fan_in + fan_out) / 2;
    default:
      return fan_in;
  }
}

class Xavier final : public Filler {
 public:
  explicit Xavier(const FillerParameter& filler) : norm_(filler.variance_norm()) {}
  void Fill(const RandomStream& random, Tensor& tensor) const override {
    if (tensor.count() == 0) return;
    const double limit = std::sqrt(3 / Fan(norm_, tensor.shape()));
    FillUniform(-limit, limit, random, tensor);
  }

 private:
  const FillerParameter::VarianceNorm norm_;
};

class Msra final : public Filler {
 public:
  explicit Msra(const FillerParameter& filler) : norm_(filler.variance_norm()) {}
  void Fill(const RandomStream& random, Tensor& tensor) const override {
    if (tensor.count() == 0) return;
    const double deviation = std::sqrt(2 / Fan(norm_, tensor.shape()));
    FillGaussian(0, static_cast<float>(deviation), random, tensor);
  }

 private:
  const FillerParameter::VarianceNorm norm_;
};

}  // namespace

void RegisterVarianceFillers(Registry& registry) {
  registry.AddFiller<Xavier>("xavier");
  registry.AddFiller<Msra>("msra");
}

}  // namespace moka
