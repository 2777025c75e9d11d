// orthogonal: w w' = gain^2 I, with w as a matrix of outputs x inputs; w' w if it has more rows
// than columns. Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning",
// 2014.
#include <cmath>
#include <vector>

#include "moka/filler.h"
#include "moka/registry.h"
#include "orthogonal.pb.h"

class Orthogonal final : public moka::Filler {
 public:
  Orthogonal(const moka::FillerParameter&, const OrthogonalParameter& params)
      : gain_(params.gain()) {
    if (!std::isfinite(gain_))
      throw moka::Error("gain must be finite, but is ", gain_).At("orthogonal_param.gain");
  }

  void Check(const moka::Shape& shape) const override {
    if (shape.axes() < 2) {
      throw moka::Error("orthogonal fills matrices, of 2 axes or more, but the shape is ", shape)
          .At("type");
    }
  }

  // Gram and Schmidt: normal random vectors one after the other, each without its parts along those
  // before it. In double, and each part taken from what is left, since rounding would add up.
  void Fill(const moka::RandomStream& random, moka::Tensor& tensor) const override {
    if (tensor.count() == 0) return;
    const int64_t rows = tensor.shape()[0], columns = tensor.shape().count_from(1);
    const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    std::vector<double> q(static_cast<size_t>(tensor.count()));  // (count, length)
    for (size_t i = 0; i < q.size(); ++i) q[i] = random.Gaussian(i);
    for (int64_t k = 0; k < count; ++k) {
      double* v = q.data() + k * length;
      for (int64_t j = 0; j < k; ++j) {
        const double* u = q.data() + j * length;
        AddTimes(-Dot(u, v, length), u, v, length);
      }
      const double norm = std::sqrt(Dot(v, v, length));
      for (int64_t i = 0; i < length; ++i) v[i] /= norm;
    }
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        const int64_t at = rows <= columns ? row * length + column : column * length + row;
        tensor.data()[row * columns + column] =
            static_cast<float>(gain_ * q[static_cast<size_t>(at)]);
      }
    }
  }

 private:
  static double Dot(const double* u, const double* v, int64_t length) {
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += u[i] * v[i];
    return sum;
  }
  // v += factor u
  static void AddTimes(double factor, const double* u, double* v, int64_t length) {
    for (int64_t i = 0; i < length; ++i) v[i] += factor * u[i];
  }

  const double gain_;
};

void RegisterOrthogonal(moka::Registry& registry) {
  registry.AddFiller<Orthogonal>("orthogonal",
                                 moka::Field<OrthogonalParameter>{"orthogonal_param"});
}
