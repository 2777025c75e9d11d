// One step of an LSTM for one stream: from the cell c0, multiplied by cont, and the sums u of the
// four gates, each (H): i = s(u_i), f = s(u_f), o = s(u_o), g = tanh(u_g),
//   c = f cont c0 + i g,  h = o tanh(c).
#pragma once

#include <cstdint>

#include "moka/functions.h"

namespace moka {

// a (4 H): the gates i, f, o, g from their sums u (4 H), which may be the same memory.
inline void LSTMGates(int64_t size, const float* u, float* a) {
#pragma GCC ivdep
  for (int64_t j = 0; j < 3 * size; ++j) a[j] = Sigmoid(u[j]);
#pragma GCC ivdep
  for (int64_t j = 3 * size; j < 4 * size; ++j) a[j] = Tanh(u[j]);
}

inline void LSTMCell(int64_t size, const float* a, const float* c0, float cont, float* c,
                     float* h) {
  const float *i = a, *f = a + size, *o = a + 2 * size, *g = a + 3 * size;
#pragma GCC ivdep
  for (int64_t j = 0; j < size; ++j) {
    const float kept = cont == 0 ? 0 : cont * c0[j];
    c[j] = f[j] * kept + i[j] * g[j];
    h[j] = o[j] * Tanh(c[j]);
  }
}

// du (4 H) and dc0 from the gates and the gradients of c and h. dc0 may be dc.
inline void LSTMCellGradient(int64_t size, const float* a, const float* c0, float cont,
                             const float* dc, const float* dh, float* du, float* dc0) {
  const float *i = a, *f = a + size, *o = a + 2 * size, *g = a + 3 * size;
  float *di = du, *df = du + size, *od = du + 2 * size, *dg = du + 3 * size;
#pragma GCC ivdep
  for (int64_t j = 0; j < size; ++j) {
    const float kept = cont == 0 ? 0 : cont * c0[j];
    const float tanh_c = Tanh(f[j] * kept + i[j] * g[j]);
    const float all = dc[j] + dh[j] * o[j] * (1 - tanh_c * tanh_c);  // the whole gradient of c
    di[j] = all * g[j] * i[j] * (1 - i[j]);
    df[j] = all * kept * f[j] * (1 - f[j]);
    od[j] = dh[j] * tanh_c * o[j] * (1 - o[j]);
    dg[j] = all * i[j] * (1 - g[j] * g[j]);
    dc0[j] = cont == 0 ? 0 : all * f[j] * cont;
  }
}

}  // namespace moka
