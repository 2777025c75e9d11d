// A case in which `moka plugin check` proves that a layer keeps its contract.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moka/export.h"
#include "moka/shape.h"

namespace moka {

// A builder and a value, declared beside the layer:
//   registry.AddCheckCase("Snake", CheckCase("snake_param { alpha: 2 }", {{2, 3}}).Range(0, 1, 2));
// Without a word, bottoms are uniform in [-1, 1), and all there is to check is checked.
class MOKA_EXPORT CheckCase {
 public:
  // `params`: what stands inside `layer { }` besides its type. `bottoms`: the shapes of the
  // bottoms.
  explicit CheckCase(std::string params, std::vector<Shape> bottoms);
  CheckCase(const CheckCase&);
  CheckCase& operator=(const CheckCase&);
  ~CheckCase();

  // A bottom's values are uniform in [least, most), or whole numbers from 0 to classes - 1.
  CheckCase& Range(int bottom, float least, float most);
  CheckCase& Labels(int bottom, int64_t classes);
  // Inputs at which the layer has a kink: values near them are moved away.
  CheckCase& Kinks(std::vector<float> inputs);
  // Inputs keep this distance from one another (for a maximum over them).
  CheckCase& Spread(double distance);
  // How many tops; 0, the default, is the least that the traits allow.
  CheckCase& Tops(int count);
  // The layer draws random numbers: others in the next pass.
  CheckCase& Random();
  // In phase TEST.
  CheckCase& Testing();
  // Gradients are not compared with differences of Forward.
  CheckCase& NoGradients();

  struct State;
  const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace moka
