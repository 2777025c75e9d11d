// What of a net goes into a file of weights.
#pragma once

#include <map>
#include <vector>

#include "io/caffemodel.h"
#include "moka/net.h"

namespace moka {

// The net's layers with the values that are now theirs, which stay where they are; with their
// gradients, if `diffs`. What `instead` has for a param is taken instead of its values.
std::vector<LayerToWrite> LayersToWrite(const Net& net, bool diffs,
                                        const std::map<const Param*, const Tensor*>& instead = {});

}  // namespace moka
