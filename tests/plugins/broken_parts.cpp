// Fillers, solvers, learning-rate policies and a data source: one of each that is right, or has to
// be left alone, and some that break their contract in one way.
#include <limits>
#include <vector>

#include "moka/data_source.h"
#include "moka/error.h"
#include "moka/filler.h"
#include "moka/learning_rate.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace {

class Ones : public moka::Filler {
 public:
  explicit Ones(const moka::FillerParameter&) {}
  void Fill(const moka::RandomStream&, moka::Tensor& tensor) const override { tensor.Fill(1); }
};

class MatrixOnly final : public Ones {
 public:
  using Ones::Ones;
  void Check(const moka::Shape& shape) const override {
    if (shape.axes() != 2) throw moka::Error("fills matrices, not ", shape);
  }
};

class LeavesTheLast final : public Ones {
 public:
  using Ones::Ones;
  void Fill(const moka::RandomStream&, moka::Tensor& tensor) const override {
    for (int64_t i = 0; i + 1 < tensor.count(); ++i) tensor.data()[i] = 1;
  }
};

class Infinite final : public Ones {
 public:
  using Ones::Ones;
  void Fill(const moka::RandomStream&, moka::Tensor& tensor) const override {
    tensor.Fill(std::numeric_limits<float>::infinity());
  }
};

class Overruns final : public Ones {
 public:
  using Ones::Ones;
  void Fill(const moka::RandomStream&, moka::Tensor& tensor) const override {
    for (int64_t i = 0; i <= tensor.count(); ++i) tensor.data()[i] = 1;
  }
};

class Counts final : public Ones {
 public:
  using Ones::Ones;
  void Fill(const moka::RandomStream&, moka::Tensor& tensor) const override {
    tensor.Fill(calls_ > 1 ? 2 : 1);
    ++calls_;
  }

 private:
  mutable int calls_ = 0;
};

class NeedsValue final : public Ones {
 public:
  explicit NeedsValue(const moka::FillerParameter& filler) : Ones(filler) {
    if (!filler.has_value()) throw moka::Error("value is missing").At("value");
  }
};

class ThrowsInt final : public Ones {
 public:
  explicit ThrowsInt(const moka::FillerParameter& filler) : Ones(filler) { throw 7; }
};

class Plain : public moka::UpdateRule {
 public:
  explicit Plain(const moka::SolverParameter&) {}
  int histories() const override { return 1; }
  void Update(const moka::UpdatePiece& piece) const override {
    for (int64_t i = 0; i < piece.n; ++i) {
      piece.history[0][i] += 1;
      piece.w[i] -= piece.rate * piece.Gradient(i);
    }
  }
};

// The first element of a piece stays.
class ByPiece final : public Plain {
 public:
  using Plain::Plain;
  void Update(const moka::UpdatePiece& piece) const override {
    for (int64_t i = 1; i < piece.n; ++i) piece.w[i] = 2;
  }
};

class Explodes final : public Plain {
 public:
  using Plain::Plain;
  void Update(const moka::UpdatePiece& piece) const override {
    for (int64_t i = 0; i < piece.n; ++i) piece.w[i] /= 0 * piece.rate;
  }
};

class TooManyHistories final : public Plain {
 public:
  using Plain::Plain;
  int histories() const override { return 5; }
};

class Halves : public moka::LearningRatePolicy {
 public:
  explicit Halves(const moka::SolverParameter&) {}
  double Factor(int64_t iteration) const override { return 1 / static_cast<double>(1 + iteration); }
};

class InfiniteAtTen final : public Halves {
 public:
  using Halves::Halves;
  double Factor(int64_t iteration) const override {
    return 1 / static_cast<double>(10 - iteration);
  }
};

class Remembers final : public Halves {
 public:
  using Halves::Halves;
  double Factor(int64_t) const override { return ++calls_; }

 private:
  mutable int calls_ = 0;
};

class Nowhere final : public moka::DataSource {
 public:
  explicit Nowhere(const moka::DataSpec&) { throw moka::Error("there is nothing"); }
  int64_t size() const override { return 1; }
  moka::Shape item_shape() const override { return {1, 1, 1}; }
  void Read(int64_t, std::span<float>) const override {}
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.AddFiller<Ones>("ones");
  registry.AddFiller<MatrixOnly>("matrix_only");
  registry.AddFiller<LeavesTheLast>("leaves_the_last");
  registry.AddFiller<Infinite>("infinite");
  registry.AddFiller<Overruns>("overruns");
  registry.AddFiller<Counts>("counts");
  registry.AddFiller<NeedsValue>("needs_value");
  registry.AddFiller<ThrowsInt>("throws_int");
  registry.AddUpdateRule<Plain>("Plain");
  registry.AddUpdateRule<ByPiece>("ByPiece");
  registry.AddUpdateRule<Explodes>("Explodes");
  registry.AddUpdateRule<TooManyHistories>("TooManyHistories");
  registry.AddLearningRatePolicy<Halves>("halves");
  registry.AddLearningRatePolicy<InfiniteAtTen>("infinite_at_ten");
  registry.AddLearningRatePolicy<Remembers>("remembers");
  registry.AddDataSource<Nowhere>("nowhere");
}
