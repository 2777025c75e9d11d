// The numbers that a net puts out, one by one, as Caffe lists them.
#include "solver/outputs.h"

namespace moka {

std::vector<OutputValue> ReadOutputs(const Net& net) {
  std::vector<OutputValue> values;
  for (const NetOutput& output : net.outputs()) {
    for (float value : output.values->values()) {
      values.push_back({output.name, static_cast<int>(values.size()), value, output.loss_weight});
    }
  }
  return values;
}

void AddOutputs(const std::vector<OutputValue>& values, std::vector<OutputValue>& sum) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (i < sum.size()) {
      sum[i].value += values[i].value;
    } else {
      sum.push_back(values[i]);
    }
  }
}

}  // namespace moka
