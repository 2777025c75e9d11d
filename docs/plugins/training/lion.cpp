// Lion: w = w - rate (sign(beta1 m + (1 - beta1) g) + decay w); m = beta2 m + (1 - beta2) g.
// Chen et al., "Symbolic discovery of optimization algorithms", 2023.
#include "lion.pb.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

class Lion final : public moka::UpdateRule {
 public:
  Lion(const moka::SolverParameter& solver, const LionParameter& params)
      : beta1_(Checked("beta1", params.beta1())), beta2_(Checked("beta2", params.beta2())) {
    if (solver.has_momentum()) {
      throw moka::Error("Lion knows no momentum ", solver.momentum(),
                        "; what is like it is beta1 in lion_param { }")
          .At("momentum");
    }
  }

  int histories() const override { return 1; }  // m

  // The decay is not part of g: sign() would lose its size.
  void Update(const moka::UpdatePiece& piece) const override {
    float* w = piece.w;
    float* m = piece.history[0];
    for (int64_t i = 0; i < piece.n; ++i) {
      const float g = piece.LossGradient(i);
      w[i] -= piece.rate * (Sign(beta1_ * m[i] + (1 - beta1_) * g) + piece.Decay(i));
      m[i] = beta2_ * m[i] + (1 - beta2_) * g;
    }
  }

 private:
  static float Sign(float z) { return static_cast<float>(z > 0) - static_cast<float>(z < 0); }

  static float Checked(const char* name, float beta) {
    if (beta >= 0 && beta < 1) return beta;
    throw moka::Error(name, " must be at least 0 and below 1, but is ", beta)
        .At(std::string("lion_param.") + name);
  }

  const float beta1_, beta2_;
};

void RegisterLion(moka::Registry& registry) {
  registry.AddUpdateRule<Lion>("Lion", moka::Field<LionParameter>{"lion_param"});
}
