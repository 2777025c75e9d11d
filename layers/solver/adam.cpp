// Adam and two of its kin, with b1 = momentum, b2 = momentum2, in update t = 1, 2, ...:
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  c1 = 1 - b1^t;  c2 = 1 - b2^t
//   Adam      w = w - rate sqrt(c2) / c1  m / (sqrt(v) + delta)
//   AdamW     w = w - rate (m / c1 / (sqrt(v / c2) + delta) + decay), where g has no decay
//   AMSGrad   s = max(s, v);  w = w - rate m / c1 / (sqrt(s / c2) + delta)
// Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015, with delta beside the raw
// root as in Caffe. Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019. Reddi,
// Kale, Kumar, "On the convergence of Adam and beyond", ICLR 2018; they correct nothing, here c2
// stands behind the maximum, as in PyTorch. The history is m, then v, then s.
#include "checks.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

// What is the same for every element of an update.
struct Factors {
  float b1, b2, delta;
  float step;  // of m / (root sqrt(v) + delta)
  float root;
};

class AdamRule : public UpdateRule {
 public:
  explicit AdamRule(const SolverParameter& solver)
      : b1_(Momentum(solver)),
        b2_(BelowOne("momentum2", solver.momentum2())),
        delta_(Delta(solver)) {}

 protected:
  // `raw`: delta beside sqrt(v), otherwise beside sqrt(v / c2).
  Factors At(const UpdatePiece& piece, bool raw) const {
    const auto t = static_cast<double>(piece.iteration + 1);
    const double c1 = 1 - std::pow(double{b1_}, t), root = std::sqrt(1 - std::pow(double{b2_}, t));
    return {b1_, b2_, delta_, static_cast<float>(piece.rate * (raw ? root : 1) / c1),
            static_cast<float>(raw ? 1 : 1 / root)};
  }

 private:
  const float b1_, b2_, delta_;
};

// m and v of element i, brought up to date; returns v.
inline float Average(const UpdatePiece& p, const Factors& f, float g, int64_t i) {
  float& m = p.history[0][i];
  float& v = p.history[1][i];
  m = f.b1 * m + (1 - f.b1) * g;
  v = f.b2 * v + (1 - f.b2) * (g * g);
  return v;
}

inline float Step(const UpdatePiece& p, const Factors& f, float v, int64_t i) {
  return f.step * p.history[0][i] / (f.root * std::sqrt(v) + f.delta);
}

class Adam final : public AdamRule {
 public:
  using AdamRule::AdamRule;
  int histories() const override { return 2; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [f = At(piece, true)](const UpdatePiece& p, int64_t i) {
      const float v = Average(p, f, p.Gradient(i), i);
      p.w[i] -= Step(p, f, v, i);
    });
  }
};

class AdamW final : public AdamRule {
 public:
  using AdamRule::AdamRule;
  int histories() const override { return 2; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [f = At(piece, false)](const UpdatePiece& p, int64_t i) {
      const float v = Average(p, f, p.LossGradient(i), i);
      p.w[i] -= Step(p, f, v, i) + p.rate * p.Decay(i);
    });
  }
};

class AmsGrad final : public AdamRule {
 public:
  using AdamRule::AdamRule;
  int histories() const override { return 3; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [f = At(piece, false)](const UpdatePiece& p, int64_t i) {
      const float v = Average(p, f, p.Gradient(i), i);
      float& s = p.history[2][i];
      s = v < s ? s : v;  // a NaN in v comes through
      p.w[i] -= Step(p, f, s, i);
    });
  }
};

}  // namespace

void RegisterAdam(Registry& registry) {
  registry.AddUpdateRule<Adam>("Adam");
  registry.AddUpdateRule<AdamW>("AdamW");
  registry.AddUpdateRule<AmsGrad>("AMSGrad");
}

}  // namespace moka
