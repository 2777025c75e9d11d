// Sums that came in chunks, so that threads could share them: added up in the order of the chunks.
#pragma once

#include <cstdint>

#include "moka/context.h"

namespace moka {

// to[i] = or += the sum over chunks of from[chunk * chunk_floats + i].
void AddChunks(const float* from, int64_t chunks, int64_t chunk_floats, int64_t count, bool add,
               float* to);
// The same by all threads.
void AddChunks(Context& context, const float* from, int64_t chunks, int64_t chunk_floats,
               int64_t count, bool add, float* to);
// db[o] = or += the sum over chunks of from[chunk * outputs + o].
void AddBiasChunks(const double* from, int64_t chunks, int64_t outputs, bool add, float* db);

}  // namespace moka
