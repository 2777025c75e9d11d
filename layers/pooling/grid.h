// Windows over planes (each channel of each image) with any number of spatial axes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "moka/math.h"
#include "moka/shape.h"

namespace moka {

// Along one axis, window r begins at r * stride - pad.
struct GridAxis {
  int64_t size = 0, windows = 0, kernel = 1, stride = 1, pad = 0;
};

// The part of a window along one axis that lies in the plane; `length` counts the pad too.
struct Range {
  int64_t start, begin, end, length;
};

// Every window must have a pixel of its plane.
struct Grid {
  static constexpr int kMostAxes = Shape::kMaxAxes - 2;
  int64_t planes = 0;
  int count = 0;  // axes
  std::array<GridAxis, kMostAxes> axes;

  int64_t pixels() const { return Product(&GridAxis::size); }
  int64_t windows() const { return Product(&GridAxis::windows); }
  int64_t kernel() const { return Product(&GridAxis::kernel); }
  // Whether the largest place within a window fits a byte.
  bool fits_byte() const { return kernel() <= 256; }
  int64_t Product(int64_t GridAxis::*member) const {
    int64_t product = 1;
    for (int a = 0; a < count; ++a) product *= axes[static_cast<size_t>(a)].*member;
    return product;
  }

  // As moka/math.h has it, for at most 2 axes.
  PoolingGeometry Flat() const {
    const GridAxis h = count > 1 ? axes[0] : GridAxis{.size = 1, .windows = 1};
    const GridAxis& w = axes[count > 1 ? 1 : 0];
    return {.planes = planes,
            .height = h.size,
            .width = w.size,
            .out_height = h.windows,
            .out_width = w.windows,
            .kernel_h = h.kernel,
            .kernel_w = w.kernel,
            .stride_h = h.stride,
            .stride_w = w.stride,
            .pad_h = h.pad,
            .pad_w = w.pad};
  }
};

// A window, by axis.
struct Window {
  std::array<Range, Grid::kMostAxes> at;

  // Where in the plane a place within the window is. Places count along the last axis first.
  int64_t Pixel(const Grid& g, int64_t place) const {
    int64_t pixel = 0, step = 1;
    for (int a = g.count - 1; a >= 0; --a) {
      const GridAxis& axis = g.axes[static_cast<size_t>(a)];
      pixel += (at[static_cast<size_t>(a)].start + place % axis.kernel) * step;
      place /= axis.kernel, step *= axis.size;
    }
    return pixel;
  }
  // How many pixels it counts, those of the pad too.
  double Size(const Grid& g) const {
    double size = 1;
    for (int a = 0; a < g.count; ++a)
      size *= static_cast<double>(at[static_cast<size_t>(a)].length);
    return size;
  }
};

// Moves to the next of the places between begin(axis) and end(axis), along the last axis first;
// false after the last of them.
template <typename Begin, typename End>
bool Advance(std::array<int64_t, Grid::kMostAxes>& at, int axes, Begin begin, End end) {
  for (int a = axes - 1; a >= 0; --a) {
    int64_t& i = at[static_cast<size_t>(a)];
    if (++i < end(static_cast<size_t>(a))) return true;
    i = begin(static_cast<size_t>(a));
  }
  return false;
}

// Calls f(index of the window, plane's first element, window) for every window of the planes
// [begin, end).
template <typename F>
void ForEachWindow(const Grid& g, int64_t begin, int64_t end, F f) {
  const int64_t pixels = g.pixels();
  int64_t index = begin * g.windows();
  for (int64_t plane = begin; plane < end; ++plane) {
    std::array<int64_t, Grid::kMostAxes> r = {};
    Window window;
    do {
      for (size_t a = 0; a < static_cast<size_t>(g.count); ++a) {
        const GridAxis& axis = g.axes[a];
        const int64_t start = r[a] * axis.stride - axis.pad, stop = start + axis.kernel;
        window.at[a] = {start, std::max<int64_t>(start, 0), std::min(stop, axis.size),
                        std::min(stop, axis.size + axis.pad) - start};
      }
      f(index++, plane * pixels, window);
    } while (Advance(
        r, g.count, [](size_t) { return 0; }, [&](size_t a) { return g.axes[a].windows; }));
  }
}

// Calls f(pixel, place, n) for every row of n pixels of a window, along the last axis: the first
// one's index in the plane and its place in the window.
template <typename F>
void ForEachRow(const Grid& g, const Window& window, F f) {
  std::array<int64_t, Grid::kMostAxes> i = {};
  for (size_t a = 0; a < static_cast<size_t>(g.count); ++a) i[a] = window.at[a].begin;
  const Range& row = window.at[static_cast<size_t>(g.count - 1)];
  do {
    int64_t pixel = 0, place = 0;
    for (size_t a = 0; a < static_cast<size_t>(g.count); ++a) {
      pixel = pixel * g.axes[a].size + i[a];
      place = place * g.axes[a].kernel + i[a] - window.at[a].start;
    }
    f(pixel, place, row.end - row.begin);
  } while (Advance(
      i, g.count - 1, [&](size_t a) { return window.at[a].begin; },
      [&](size_t a) { return window.at[a].end; }));
}

}  // namespace moka
