// Convolution over any number of axes of space, as matrix products over tiles of output pixels:
//   y (m, p) = w (m, k) columns (k, p) + bias;  dx = scatter(w' dy);  dw (m, k) = sum dy columns'.
// All cuts depend on the geometry alone, so that the bits do not depend on the number of threads.
#include "moka/convolution_nd.h"

#include <algorithm>

#include "math/clones.h"
#include "math/convolution_nd_cut.h"
#include "math/convolution_nd_lowering.h"
#include "math/epilogue.h"

namespace moka {
namespace {

// A worker's memory: where the rows of a tile begin, then its columns.
struct TileMemory {
  std::span<float> rows;
  float* columns;

  TileMemory(const ConvolutionNdGeometry& g, std::span<float> scratch)
      : rows(scratch.first(static_cast<size_t>(NdRowFloats(g, MostNdPixels(g))))),
        columns(scratch.data() + rows.size()) {}
};

// What is the same in all pieces of a pass.
struct Sizes {
  int64_t channels, m, kernel, k, in_plane, out_plane;  // channels, m: of a group

  explicit Sizes(const ConvolutionNdGeometry& g)
      : channels(g.channels / g.group),
        m(g.outputs / g.group),
        kernel(g.kernel()),
        k(channels * kernel),
        in_plane(g.in_plane()),
        out_plane(g.out_plane()) {}
};

void Forward(Context& context, const ConvolutionNdGeometry& g, const float* x, const float* w,
             const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  const ConvolutionNdCut cut = CutNdForward(g);
  const Sizes s(g);
  context.ParallelFor(
      g.batch * g.group * cut.tiles, 1, [&](int64_t begin, int64_t end, int worker) {
        const TileMemory memory(g, scratch(worker));
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t pixel = piece % cut.tiles * cut.pixels, group = piece / cut.tiles % g.group,
                        image = piece / cut.tiles / g.group;
          const int64_t pixels = std::min(cut.pixels, s.out_plane - pixel);
          const EpilogueTile out(epilogue, y, image, g.outputs, group * s.m, s.m, s.out_plane,
                                 pixel, pixels);
          const float beta = out.Begin();
          for (int64_t first = 0; first < s.channels; first += cut.channels) {
            const int64_t count = std::min(cut.channels, s.channels - first);
            const ConvolutionNdTile tile(g, count, pixel, pixel + pixels, memory.rows);
            tile.Lower(x + (image * g.channels + group * s.channels + first) * s.in_plane,
                       memory.columns, pixels);
            SerialGemm(context, Transpose::kNo, Transpose::kNo, s.m, pixels, count * s.kernel, 1,
                       w + group * s.m * s.k + first * s.kernel, s.k, memory.columns, pixels,
                       first > 0 ? 1 : beta, out.data(), s.out_plane);
          }
          out.End();
        }
      });
}

void BackwardData(Context& context, const ConvolutionNdGeometry& g, const float* w, const float* dy,
                  float* dx, WorkerScratch scratch) {
  const ConvolutionNdCut cut = CutNdBackwardData(g);
  const Sizes s(g);
  context.ParallelFor(
      g.batch * g.group * cut.blocks, 1, [&](int64_t begin, int64_t end, int worker) {
        const TileMemory memory(g, scratch(worker));
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t first = piece % cut.blocks * cut.channels,
                        group = piece / cut.blocks % g.group, image = piece / cut.blocks / g.group;
          const int64_t count = std::min(cut.channels, s.channels - first);
          float* to = dx + (image * g.channels + group * s.channels + first) * s.in_plane;
          const float* from = dy + (image * g.outputs + group * s.m) * s.out_plane;
          std::fill_n(to, count * s.in_plane, 0.0F);
          for (int64_t pixel = 0; pixel < s.out_plane; pixel += cut.pixels) {
            const int64_t pixels = std::min(cut.pixels, s.out_plane - pixel);
            const ConvolutionNdTile tile(g, count, pixel, pixel + pixels, memory.rows);
            SerialGemm(context, Transpose::kYes, Transpose::kNo, count * s.kernel, pixels, s.m, 1,
                       w + group * s.m * s.k + first * s.kernel, s.k, from + pixel, s.out_plane, 0,
                       memory.columns, pixels);
            tile.Scatter(memory.columns, pixels, to);
          }
        }
      });
}

// Each chunk of images has its own part of the sums, filled in order.
struct Parts {
  double* bias;    // (chunks, outputs)
  float* weights;  // (chunks, outputs, k)

  Parts(const ConvolutionNdGeometry& g, const ConvolutionNdCut& cut, std::span<float> shared)
      : bias(reinterpret_cast<double*>(shared.data())),
        weights(shared.data() + 2 * cut.chunks * g.outputs) {}
};

// sums[i] += the sum of row i of dy (rows, n).
MOKA_CLONES void AddRowSums(const float* dy, int64_t rows, int64_t n, double* sums) {
  for (int64_t i = 0; i < rows; ++i, dy += n) {
    double lanes[16] = {};
    int64_t j = 0;
    for (; j + 16 <= n; j += 16) {
      for (int64_t lane = 0; lane < 16; ++lane) lanes[lane] += dy[j + lane];
    }
    for (; j < n; ++j) lanes[j % 16] += dy[j];
    for (const double lane : lanes) sums[i] += lane;
  }
}

// dw = or += the sum of the parts.
void AddParts(Context& context, int64_t size, int64_t chunks, const float* parts, bool add,
              float* dw) {
  context.ParallelFor(size, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float sum = parts[i];
      for (int64_t chunk = 1; chunk < chunks; ++chunk) sum += parts[chunk * size + i];
      dw[i] = add ? dw[i] + sum : sum;
    }
  });
}

void BackwardWeights(Context& context, const ConvolutionNdGeometry& g, const float* x,
                     const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                     WorkerScratch scratch, std::span<float> shared) {
  const ConvolutionNdCut cut = CutNdBackwardWeights(g);
  const Sizes s(g);
  const Parts parts(g, cut, shared);
  const auto add_image = [&](int64_t image, int64_t chunk, int64_t group, int64_t first,
                             const TileMemory& memory) {
    const int64_t count = std::min(cut.channels, s.channels - first);
    const float* in = x + (image * g.channels + group * s.channels + first) * s.in_plane;
    const float* out = dy + (image * g.outputs + group * s.m) * s.out_plane;
    float* part = parts.weights + (chunk * g.outputs + group * s.m) * s.k + first * s.kernel;
    if (db != nullptr && first == 0) {
      AddRowSums(out, s.m, s.out_plane, parts.bias + chunk * g.outputs + group * s.m);
    }
    for (int64_t pixel = 0; dw != nullptr && pixel < s.out_plane; pixel += cut.pixels) {
      const int64_t pixels = std::min(cut.pixels, s.out_plane - pixel);
      const ConvolutionNdTile tile(g, count, pixel, pixel + pixels, memory.rows);
      tile.Lower(in, memory.columns, pixels);
      SerialGemm(context, Transpose::kNo, Transpose::kYes, s.m, count * s.kernel, pixels, 1,
                 out + pixel, s.out_plane, memory.columns, pixels,
                 pixel == 0 && image == chunk * cut.images ? 0 : 1, part, s.k);
    }
  };
  if (db != nullptr) std::fill_n(parts.bias, cut.chunks * g.outputs, 0.0);
  if (g.batch == 0 && dw != nullptr) std::fill_n(parts.weights, g.outputs * s.k, 0.0F);
  context.ParallelFor(
      cut.chunks * g.group * cut.blocks, 1, [&](int64_t begin, int64_t end, int worker) {
        const TileMemory memory(g, scratch(worker));
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t first = piece % cut.blocks * cut.channels,
                        group = piece / cut.blocks % g.group, chunk = piece / cut.blocks / g.group;
          const int64_t last = std::min(g.batch, (chunk + 1) * cut.images);
          for (int64_t image = chunk * cut.images; image < last; ++image)
            add_image(image, chunk, group, first, memory);
        }
      });
  for (int64_t i = 0; db != nullptr && i < g.outputs; ++i) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < cut.chunks; ++chunk) sum += parts.bias[chunk * g.outputs + i];
    db[i] = static_cast<float>(add_db ? db[i] + sum : sum);
  }
  if (dw != nullptr) AddParts(context, g.outputs * s.k, cut.chunks, parts.weights, add_dw, dw);
}

}  // namespace

int64_t ConvolutionScratch(const ConvolutionNdGeometry& g) {
  if (const auto planes = AsPlanes(g)) return ConvolutionScratch(*planes);
  return NdRowFloats(g, MostNdPixels(g)) + MostNdColumns(g);
}

int64_t ConvolutionSharedScratch(const ConvolutionNdGeometry& g) {
  if (const auto planes = AsPlanes(g)) return ConvolutionSharedScratch(*planes);
  return MostNdChunks(g) * g.outputs * (2 + g.channels / g.group * g.kernel());
}

int64_t PackedWeightsFloats(const ConvolutionNdGeometry& g, ConvolutionPass pass) {
  const auto planes = AsPlanes(g);
  return planes ? PackedWeightsFloats(*planes, pass) : 0;
}

void PackWeights(Context& context, const ConvolutionNdGeometry& g, ConvolutionPass pass,
                 const float* w, std::span<float> packed) {
  if (const auto planes = AsPlanes(g)) PackWeights(context, *planes, pass, w, packed);
}

int64_t ConvolutionScratch(const ConvolutionNdGeometry& g, ConvolutionPass pass) {
  if (const auto planes = AsPlanes(g)) return ConvolutionScratch(*planes, pass);
  return ConvolutionScratch(g);
}

void ConvolveForward(Context& context, const ConvolutionNdGeometry& g, const float* x,
                     const PackedWeights& w, const Epilogue& epilogue, float* y,
                     WorkerScratch scratch) {
  if (const auto planes = AsPlanes(g))
    return ConvolveForward(context, *planes, x, w, epilogue, y, scratch);
  Forward(context, g, x, w.w, epilogue, y, scratch);
}

void ConvolveForward(Context& context, const ConvolutionNdGeometry& g, const float* x,
                     const float* w, const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  if (const auto planes = AsPlanes(g))
    return ConvolveForward(context, *planes, x, w, epilogue, y, scratch);
  Forward(context, g, x, w, epilogue, y, scratch);
}

void ConvolveForward(Context& context, const ConvolutionNdGeometry& g, const float* x,
                     const float* w, const float* bias, float* y, WorkerScratch scratch) {
  ConvolveForward(context, g, x, w, Epilogue{.shift = bias}, y, scratch);
}

void ConvolveBackwardData(Context& context, const ConvolutionNdGeometry& g, const PackedWeights& w,
                          const float* dy, float* dx, WorkerScratch scratch) {
  if (const auto planes = AsPlanes(g))
    return ConvolveBackwardData(context, *planes, w, dy, dx, scratch);
  BackwardData(context, g, w.w, dy, dx, scratch);
}

void ConvolveBackwardData(Context& context, const ConvolutionNdGeometry& g, const float* w,
                          const float* dy, float* dx, WorkerScratch scratch) {
  if (const auto planes = AsPlanes(g))
    return ConvolveBackwardData(context, *planes, w, dy, dx, scratch);
  BackwardData(context, g, w, dy, dx, scratch);
}

void ConvolveBackwardWeights(Context& context, const ConvolutionNdGeometry& g, const float* x,
                             const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                             WorkerScratch scratch, std::span<float> shared) {
  if (const auto planes = AsPlanes(g)) {
    return ConvolveBackwardWeights(context, *planes, x, dy, dw, add_dw, db, add_db, scratch,
                                   shared);
  }
  BackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
}

int64_t LoweringScratch(const ConvolutionNdGeometry& g) { return NdRowFloats(g, g.out_plane()); }

void LowerImages(Context& context, const ConvolutionNdGeometry& g, const float* x, float* columns,
                 WorkerScratch scratch) {
  const int64_t in_plane = g.in_plane(), out_plane = g.out_plane(), kernel = g.kernel();
  context.ParallelFor(g.batch * g.channels, 1, [&](int64_t begin, int64_t end, int worker) {
    const ConvolutionNdTile tile(g, end - begin, 0, out_plane, scratch(worker));
    tile.Lower(x + begin * in_plane, columns + begin * kernel * out_plane, out_plane);
  });
}

void ScatterColumns(Context& context, const ConvolutionNdGeometry& g, const float* columns,
                    float* dx, WorkerScratch scratch) {
  const int64_t in_plane = g.in_plane(), out_plane = g.out_plane(), kernel = g.kernel();
  context.ParallelFor(g.batch * g.channels, 1, [&](int64_t begin, int64_t end, int worker) {
    std::fill_n(dx + begin * in_plane, (end - begin) * in_plane, 0.0F);
    const ConvolutionNdTile tile(g, end - begin, 0, out_plane, scratch(worker));
    tile.Scatter(columns + begin * kernel * out_plane, out_plane, dx + begin * in_plane);
  });
}

}  // namespace moka
