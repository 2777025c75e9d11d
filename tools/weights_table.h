// What became of each layer when weights were read, as a table in the log.
#pragma once

#include <string>
#include <vector>

#include "moka/weights.h"

namespace moka::tool {

// --on_mismatch. Throws UsageError.
OnMismatch ChosenOnMismatch();
// The table, line by line: a row for each layer, those that were loaded first, and at the end how
// many there are of each kind.
std::vector<std::string> WeightsTable(const LoadReport& report);
void LogWeights(const LoadReport& report);

}  // namespace moka::tool
