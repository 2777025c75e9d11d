// Planes side by side, one in each lane: for planes too narrow for vectors along their rows. The
// pixels of kLanes planes are a tile, pixel i of all of them vector i; windows then need no
// shuffling, whatever their size, stride and pad. Included by math/for_each_processor.h's files,
// and so without a guard.
#include "math/pooling_lanes.h"

using TileFloats = Lanes<kLanes>::Floats;
using TileInts = Lanes<kLanes>::Ints;

constexpr int64_t kTilePixels = 1024;  // of a plane, at most: a tile is 64 KB
constexpr int64_t kTileWidth = 32;     // of a plane and of its windows, at most

// Whether planes are so narrow, and so many that most lanes have one.
inline bool FitsTile(const PoolingGeometry& g) {
  return g.width <= kTileWidth && g.out_width <= kTileWidth && g.height * g.width <= kTilePixels &&
         g.out_height * g.out_width <= kTilePixels && g.planes >= kLanes / 2;
}

// v[i][k] and v[k][i] change places, between blocks of `step` and all smaller ones.
template <int step, int n, typename Vector>
__attribute__((always_inline)) inline void Transpose(Vector (&v)[n]) {
  const auto mixed = []<int... i>(const Vector& a, const Vector& b,
                                  std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return std::pair<Vector, Vector>(
        __builtin_shufflevector(a, b, ((i & step) ? n + i - step : i)...),
        __builtin_shufflevector(a, b, ((i & step) ? n + i : i + step)...));
  };
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) {
    if (i & step) continue;
    const auto [low, high] = mixed(v[i], v[i + step], std::make_integer_sequence<int, n>());
    v[i] = low, v[i + step] = high;
  }
  if constexpr (step > 1) Transpose<step / 2>(v);
}

// Where the planes of a tile lie, `bytes` each, one behind the other. Vectors may reach beyond the
// end of a plane into the next; but beyond the last plane lies what is not ours.
struct TileRows {
  char spare[kTilePixels * 4 + 64];
  char nobody[kTilePixels * 4 + 64];
  static constexpr int64_t kStep = sizeof(TileFloats);

  static bool Short(int64_t bytes) { return bytes < kStep; }

  template <typename Vector>
  void Load(const void* x, int64_t bytes, int64_t planes, Vector* tile) {
    const char* from[kLanes];
    const char* base = static_cast<const char*>(x);
    if (Short(bytes)) {
      std::memcpy(spare, base, static_cast<size_t>(planes * bytes));
      base = spare;
    } else {
      std::memcpy(spare, base + (planes - 1) * bytes, static_cast<size_t>(bytes));
    }
    for (int64_t k = 0; k < kLanes; ++k) {
      from[k] = base + std::min(k, planes - 1) * bytes;
      if (k >= planes - 1 && !Short(bytes)) from[k] = spare;
    }
    for (int64_t at = 0; at < bytes; at += kStep, tile += kLanes) {
      Vector v[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) std::memcpy(&v[k], from[k] + at, sizeof v[k]);
      Transpose<kLanes / 2>(v);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) tile[k] = v[k];
    }
  }

  // The last block of all planes first, and the planes in order: so what is written beyond the end
  // of one is overwritten by the next.
  template <typename Vector>
  void Store(const Vector* tile, int64_t bytes, int64_t planes, void* y) {
    char* to[kLanes];
    char* const base = Short(bytes) ? spare : static_cast<char*>(y);
    for (int64_t k = 0; k < kLanes; ++k) to[k] = k < planes ? base + k * bytes : nobody;
    if (!Short(bytes)) to[planes - 1] = spare;
    for (int64_t at = (bytes - 1) / kStep * kStep; at >= 0; at -= kStep) {
      Vector v[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) v[k] = tile[at / 4 + k];
      Transpose<kLanes / 2>(v);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) std::memcpy(to[k] + at, &v[k], sizeof v[k]);
    }
    if (Short(bytes)) {
      std::memcpy(y, spare, static_cast<size_t>(planes * bytes));
    } else {
      std::memcpy(static_cast<char*>(y) + (planes - 1) * bytes, spare, static_cast<size_t>(bytes));
    }
  }
};

// The places of windows, which are bytes. For the way from and to the planes, those of windows
// 4 k, ..., 4 k + 3 stand in each lane of vector k.
struct TilePlaces {
  uint8_t bytes[(kTilePixels + 4) * kLanes];
  TileInts four[kTilePixels / 4 + kLanes];

  uint8_t* at(int64_t window) { return bytes + window * kLanes; }
  const TileInts* Pack(int64_t windows) {
    for (int64_t k = 0; k < windows; k += 4) {
      const uint8_t* from = at(k);
      uint32_t packed[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        packed[i] = from[i] | uint32_t{from[i + kLanes]} << 8 |
                    uint32_t{from[i + 2 * kLanes]} << 16 | uint32_t{from[i + 3 * kLanes]} << 24;
      }
      std::memcpy(&four[k / 4], packed, sizeof packed);
    }
    return four;
  }
  TileInts Packed(int64_t window) const {
    return four[window / 4] >> static_cast<int>(window % 4 * 8) & 255;
  }
};

// The windows of one axis, as far as they lie in the plane.
struct TileAxis {
  struct Window {
    int64_t begin, count, skipped;  // skipped: of the window's own pixels, before the plane
    float inverse;                  // of its length
  } windows[kTilePixels];

  TileAxis(int64_t count, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
    for (int64_t q = 0; q < count; ++q) {
      const WindowRange w(q, stride, pad, kernel, size);
      windows[q] = {w.begin, w.end - w.begin, w.begin - w.start, 1 / static_cast<float>(w.length)};
    }
  }
};

// What kernels of tiles need of the geometry.
struct TileGeometry {
  const PoolingGeometry& g;
  const TileAxis rows, columns;
  const InnerWindows inner;  // columns
  const int64_t pixels, windows;

  explicit TileGeometry(const PoolingGeometry& of)
      : g(of),
        rows(g.out_height, g.stride_h, g.pad_h, g.kernel_h, g.height),
        columns(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width),
        inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width),
        pixels(g.height * g.width),
        windows(g.out_height * g.out_width) {}
};
