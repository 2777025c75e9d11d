// Which gradients a net needs.
#pragma once

#include "net/graph.h"
#include "net/problems.h"

namespace moka {

// Fills in, for each value, carries_gradient, leads_to_loss and has_diff, and for each node,
// wants_bottom, wants_param and runs_backward. A gradient is wanted where something learned lies
// above and a loss below; force_backward wants all of them, propagate_down decides for one bottom.
// Problems: a gradient that is needed through a bottom that cannot have one (labels); a loss weight
// on a layer without gradient.
void DecideGradients(Graph& graph, bool force_backward, Problems& problems);

}  // namespace moka
