// For tests of LSTM, RNN and GRU: layers with one input and one output that can be worked out, and
// the cases in which all three keep the contract.
#pragma once

#include <string>
#include <vector>

#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {

using Values = std::vector<float>;

// What stands inside layer { } after its type.
inline std::string RecurrentFields(const std::string& more) {
  return "recurrent_param { weight_filler { type: 'uniform' min: -0.8 max: 0.8 } bias_filler { "
         "type: "
         "'uniform' min: -0.5 max: 0.5 } " +
         more + " }";
}

// Bottom 1 is cont for `streams` streams, with 0, 1 and fractions. Unless the initial state is
// exposed, the first step begins new sequences: a pass would else depend on the one before.
inline CheckOptions Sequences(int64_t streams, bool exposed = false, bool gradients = true) {
  CheckOptions options;
  options.check_gradients = gradients;
  options.input = [=](int bottom, int64_t element, float random) {
    if (bottom != 1) return 2 * random - 1;
    if (!exposed && element < streams) return 0.0f;
    return random < 0.3f ? 0.0f : random < 0.8f ? 1.0f : random;
  };
  return options;
}

inline std::vector<ContractCase> RecurrentCases(int states) {
  const auto fields = [](const std::string& more) { return RecurrentFields(more); };
  const auto with_states = [&](std::vector<Shape> shapes, const Shape& state) {
    for (int j = 0; j < states; ++j) shapes.push_back(state);
    return shapes;
  };
  const std::string exposed = " expose_hidden: true";
  return {
      {fields("num_output: 3"), {{3, 2, 4}, {3, 2}}, Sequences(2)},
      {fields("num_output: 1"), {{1, 1, 1}, {1, 1}}, Sequences(1)},
      {fields("num_output: 3"), {{1, 3, 2}, {1, 3}}, Sequences(3)},
      {fields("num_output: 2"), {{7, 1, 3}, {7, 1}}, Sequences(1)},
      {fields("num_output: 5"), {{2, 2, 2, 1, 3}, {2, 2}}, Sequences(2)},
      {fields("num_output: 2"), {{4, 2}, {4, 2}}, Sequences(2)},
      {fields("num_output: 3"), {{3, 2, 4}, {3, 2}, {2, 3}}, Sequences(2)},
      {fields("num_output: 1"), {{2, 3, 1}, {2, 3}, {3}}, Sequences(3)},
      {fields("num_output: 2 debug_info: true"), {{3, 1, 2}, {3, 1}, {1, 2, 2}}, Sequences(1)},
      {fields("num_output: 3" + exposed), with_states({{3, 2, 4}, {3, 2}}, {1, 2, 3}),
       Sequences(2, true)},
      {fields("num_output: 2" + exposed), with_states({{4, 3, 2}, {4, 3}, {3, 2}}, {1, 3, 2}),
       Sequences(3, true)},
      {fields("num_output: 1" + exposed), with_states({{1, 1, 1}, {1, 1}}, {1, 1, 1}),
       Sequences(1, true)},
      {fields("num_output: 2"), {{3, 0, 2}, {3, 0}}, Sequences(0)},
      {fields("num_output: 2"), {{0, 2, 2}, {0, 2}}, Sequences(2)},
      {fields("num_output: 2" + exposed), with_states({{0, 2, 2}, {0, 2}}, {1, 2, 2}),
       Sequences(2, true)},
      {"recurrent_param { num_output: 300 }",
       {{3, 40, 20}, {3, 40}, {40, 5}},
       Sequences(40, false, false)},
  };
}

}  // namespace moka
