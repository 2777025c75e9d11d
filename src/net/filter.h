// Which layers of a file belong to a net: by phase, level and stages.
#pragma once

#include "moka/description.h"

namespace moka {

// Whether a state fulfils all that a rule names.
bool Fulfils(const NetState& state, const NetStateRule& rule);

// Throws Error for a layer with both include and exclude rules.
void CheckRules(const LayerParameter& layer);

// The layers whose include rules (any of them) or exclude rules (none of them) admit net.state.
// Throws ErrorList: layers with both.
NetDescription FilterByState(NetDescription net);

}  // namespace moka
