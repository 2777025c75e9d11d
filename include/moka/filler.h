// How initial values are drawn.
#pragma once

#include <string>
#include <vector>

#include "moka/error.h"
#include "moka/export.h"
#include "moka/random.h"
#include "moka/tensor.h"

namespace moka {

class FillerParameter;

// Throws Error (with a did-you-mean) if the type is unknown or a value makes no sense for this
// shape.
MOKA_EXPORT void CheckFiller(const FillerParameter& filler, const Shape& shape);
// Fills the tensor; element i depends on (random, i) alone. Throws as CheckFiller.
MOKA_EXPORT void Fill(const FillerParameter& filler, const RandomStream& random, Tensor& tensor);
MOKA_EXPORT std::vector<std::string> FillerTypes();

}  // namespace moka
