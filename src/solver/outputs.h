// The numbers that a net puts out, one by one, as Caffe lists them.
#pragma once

#include <vector>

#include "moka/net.h"
#include "moka/solver.h"

namespace moka {

// Every scalar of every output, numbered through, of the last Forward.
std::vector<OutputValue> ReadOutputs(const Net& net);
// sum[i] += values[i]; sum grows where it is shorter.
void AddOutputs(const std::vector<OutputValue>& values, std::vector<OutputValue>& sum);

}  // namespace moka
