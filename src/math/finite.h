// Numbers that are not finite: whether there are any, how many, and which is the first.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "moka/context.h"
#include "moka/tensor.h"

namespace moka {

// Whether all of them are finite: a test of the bits, as fast as memory.
bool AllFinite(std::span<const float> x);
bool AllFinite(Context& context, std::span<const float> x);  // by all threads
int64_t CountNonFinite(std::span<const float> x);
// `3 of 640 values are not finite`, for a tensor that has some.
std::string HowManyNonFinite(const Tensor& tensor);
// `, the first nan at [2, 5]`, for a tensor that has some: an index for each axis. Of a scalar `,
// it is nan`.
std::string FirstNonFinite(const Tensor& tensor);

}  // namespace moka
