// Makes the layers of a connected net: their params, shapes and wishes for memory.
#pragma once

#include <memory>

#include "moka/context.h"
#include "moka/weights.h"
#include "net/graph.h"
#include "net/problems.h"

namespace moka {

// Creates and sets up each layer in order, binds its params to `weights` (sharing by layer and
// index, or by the names of its ParamSpecs; new ones are filled), and reshapes it. The first
// problem of each layer goes into `problems`; what reads from such a layer is passed over in
// silence.
void SetUpLayers(Graph& graph, Weights& weights, const Context& context, Problems& problems);

// Reshapes every layer again, after shapes of fed values changed. Throws Error, with the layer's
// label and place.
void ReshapeLayers(Graph& graph);

// Throws Error if a top of this shape would be beyond all memory.
void CheckSize(const Shape& shape, size_t top);

// Reshapes one node for the shapes its bottoms have now; gives its tops their shapes.
void ReshapeNode(Graph& graph, Node& node);

}  // namespace moka
