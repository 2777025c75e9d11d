// Fillers: how the initial values of a param are drawn.
#include "moka/filler.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "moka/filler.pb.h"

namespace moka {
namespace {

// Draws that decide something else than an element's value are taken from here on.
constexpr uint64_t kSecondDraws = uint64_t{1} << 61;

struct Filler {
  const char* type;
  void (*check)(const FillerParameter& filler, const Shape& shape);
  void (*fill)(const FillerParameter& filler, const RandomStream& random, Tensor& tensor);
};

void CheckFinite(const char* field, float value) {
  if (!std::isfinite(value))
    throw Error("the filler's ", field, " is ", value, "; it must be finite").At(field);
}

// y_i = f(bits of element i), by whole blocks.
template <typename ToFloats>
void FillByBlocks(const RandomStream& random, Tensor& tensor, const ToFloats& to_floats) {
  float* y = tensor.data();
  for (int64_t i = 0; i < tensor.count(); i += 4) {
    const std::array<float, 4> values = to_floats(random.Block(static_cast<uint64_t>(i / 4)));
    std::copy_n(values.begin(), std::min<int64_t>(4, tensor.count() - i), y + i);
  }
}

// y_i from [min, max), also where rounding would give max.
void FillUniform(double min, double max, const RandomStream& random, Tensor& tensor) {
  const float most = min < max ? std::nextafter(static_cast<float>(max), static_cast<float>(min))
                               : static_cast<float>(max);
  FillByBlocks(random, tensor, [&](const std::array<uint32_t, 4>& bits) {
    std::array<float, 4> y;
    for (size_t k = 0; k < 4; ++k) {
      const double u = RandomStream::ToUniform(bits[k]);
      y[k] = std::min(static_cast<float>(min + (max - min) * u), most);
    }
    return y;
  });
}

void FillGaussian(float mean, float std, const RandomStream& random, Tensor& tensor) {
  FillByBlocks(random, tensor, [&](const std::array<uint32_t, 4>& bits) {
    std::array<float, 4> y = RandomStream::ToGaussian(bits);
    for (float& value : y) value = mean + std * value;
    return y;
  });
}

// The number of inputs of an output, of outputs of an input, or their mean: what keeps the variance
// through a layer, forwards, backwards, or a bit of both. Not for empty shapes.
double Fan(const FillerParameter& filler, const Shape& shape) {
  const double count = static_cast<double>(shape.count());
  const double fan_in = count / static_cast<double>(shape.size_or_1(0));
  const double fan_out = count / static_cast<double>(shape.size_or_1(1));
  switch (filler.variance_norm()) {
    case FillerParameter::FAN_OUT:
      return fan_out;
    case FillerParameter::AVERAGE:
      return (fan_in + fan_out) / 2;
    default:
      return fan_in;
  }
}

void CheckNothing(const FillerParameter&, const Shape&) {}

void CheckConstant(const FillerParameter& filler, const Shape&) {
  CheckFinite("value", filler.value());
}

void Constant(const FillerParameter& filler, const RandomStream&, Tensor& tensor) {
  tensor.Fill(filler.value());
}

void CheckUniform(const FillerParameter& filler, const Shape&) {
  CheckFinite("min", filler.min());
  CheckFinite("max", filler.max());
  if (filler.min() > filler.max()) {
    throw Error("the filler's min, ", filler.min(), ", is larger than its max, ", filler.max())
        .At("min");
  }
}

void Uniform(const FillerParameter& filler, const RandomStream& random, Tensor& tensor) {
  FillUniform(filler.min(), filler.max(), random, tensor);
}

void CheckGaussian(const FillerParameter& filler, const Shape& shape) {
  CheckFinite("mean", filler.mean());
  CheckFinite("std", filler.std());
  if (filler.std() < 0)
    throw Error("the filler's std is ", filler.std(), "; it must be 0 or more").At("std");
  if (filler.sparse() < -1) {
    throw Error("the filler's sparse is ", filler.sparse(), "; it must be 0 or more, or -1 for all")
        .At("sparse");
  }
  if (filler.sparse() >= 0 && shape.axes() == 0) {
    throw Error("the filler's sparse, ", filler.sparse(),
                ", needs an axis of outputs; the shape is ", shape)
        .At("sparse");
  }
}

void Gaussian(const FillerParameter& filler, const RandomStream& random, Tensor& tensor) {
  FillGaussian(filler.mean(), filler.std(), random, tensor);
  if (filler.sparse() < 0 || tensor.count() == 0) return;
  const double kept = static_cast<double>(filler.sparse()) / static_cast<double>(tensor.shape()[0]);
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (random.Uniform(kSecondDraws + static_cast<uint64_t>(i)) >= kept) tensor.data()[i] = 0;
  }
}

// Each row, a slice of the first axis, is positive and sums to 1.
void PositiveUnitBall(const FillerParameter&, const RandomStream& random, Tensor& tensor) {
  FillUniform(0, 1, random, tensor);
  if (tensor.count() == 0) return;
  const int64_t rows = tensor.shape().size_or_1(0);
  const int64_t length = tensor.count() / rows;
  for (int64_t row = 0; row < rows; ++row) {
    float* y = tensor.data() + row * length;
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += y[i];
    for (int64_t i = 0; i < length; ++i) {
      // All of a very short row may be drawn as 0.
      y[i] = static_cast<float>(sum > 0 ? y[i] / sum : 1.0 / static_cast<double>(length));
    }
  }
}

// Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
// 2010: variance 1 / n.
void Xavier(const FillerParameter& filler, const RandomStream& random, Tensor& tensor) {
  if (tensor.count() == 0) return;
  const double limit = std::sqrt(3 / Fan(filler, tensor.shape()));
  FillUniform(-limit, limit, random, tensor);
}

// He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015: variance 2 / n.
void Msra(const FillerParameter& filler, const RandomStream& random, Tensor& tensor) {
  if (tensor.count() == 0) return;
  FillGaussian(0, static_cast<float>(std::sqrt(2 / Fan(filler, tensor.shape()))), random, tensor);
}

void CheckBilinear(const FillerParameter&, const Shape& shape) {
  if (shape.axes() != 4) {
    throw Error("the bilinear filler needs a shape of 4 axes; ", shape, " has ", shape.axes())
        .At("type");
  }
  if (shape[2] != shape[3]) {
    throw Error("the bilinear filler needs a square kernel; that of ", shape, " is ", shape[2],
                " by ", shape[3])
        .At("type");
  }
}

// The kernel with which a Deconvolution of stride f interpolates: (1 - |x / f - c|) (1 - |y / f -
// c|).
void Bilinear(const FillerParameter&, const RandomStream&, Tensor& tensor) {
  const int64_t w = tensor.shape()[3];
  const int64_t f = (w + 1) / 2;
  const float c = static_cast<float>(2 * f - 1 - f % 2) / static_cast<float>(2 * f);
  const auto weight = [&](int64_t x) {
    return 1 - std::abs(static_cast<float>(x) / static_cast<float>(f) - c);
  };
  for (int64_t i = 0; i < tensor.count(); ++i) {
    tensor.data()[i] = weight(i % w) * weight(i / w % w);
  }
}

constexpr Filler kFillers[] = {
    {"constant", CheckConstant, Constant}, {"uniform", CheckUniform, Uniform},
    {"gaussian", CheckGaussian, Gaussian}, {"positive_unitball", CheckNothing, PositiveUnitBall},
    {"xavier", CheckNothing, Xavier},      {"msra", CheckNothing, Msra},
    {"bilinear", CheckBilinear, Bilinear},
};

const Filler& Find(const std::string& type) {
  for (const Filler& filler : kFillers) {
    if (type == filler.type) return filler;
  }
  throw Error("unknown filler type \"", type, "\"", DidYouMean(type, FillerTypes())).At("type");
}

}  // namespace

void CheckFiller(const FillerParameter& filler, const Shape& shape) {
  Find(filler.type()).check(filler, shape);
}

void Fill(const FillerParameter& filler, const RandomStream& random, Tensor& tensor) {
  CheckFiller(filler, tensor.shape());
  Find(filler.type()).fill(filler, random, tensor);
}

std::vector<std::string> FillerTypes() {
  std::vector<std::string> types;
  for (const Filler& filler : kFillers) types.push_back(filler.type);
  return types;
}

}  // namespace moka
