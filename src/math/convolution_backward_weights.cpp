// dw (m, k) += sum over images and tiles of dy (m, p) columns' (p, k), and db (m) likewise. Pieces
// are blocks of channels times chunks of images; each has its own part of the sums, filled in
// order, and these are added in order: the bits depend on the shape alone.
#include <algorithm>
#include <cstring>

#include "math/clones.h"
#include "math/convolution_lowering.h"
#include "math/depthwise.h"

namespace moka {
namespace {

// Sums within a tile run in float over 16 lanes, a few dozen numbers each; beyond that in double.
MOKA_CLONES void SumTileRows(const float* dy, int64_t rows, int64_t stride, int64_t n,
                             double* sums) {
  for (int64_t i = 0; i < rows; ++i, dy += stride) {
    float lanes[16] = {};
    int64_t j = 0;
    for (; j + 16 <= n; j += 16) {
      for (int64_t lane = 0; lane < 16; ++lane) lanes[lane] += dy[j + lane];
    }
    for (; j < n; ++j) lanes[j % 16] += dy[j];
    double sum = 0;
    for (const float lane : lanes) sum += lane;
    sums[i] += sum;
  }
}

// With few outputs and few pixels, products run faster (1.1 to 1.3 times) if dy is turned first.
bool Turns(const ConvolutionGeometry& g, const ConvolutionCut& cut) {
  return g.outputs / g.group <= 64 && cut.rows * g.out_width() < 192;
}

// y (n, rows) = x' of x (rows, n).
MOKA_CLONES void Turn(const float* x, int64_t rows, int64_t stride, int64_t n, float* y) {
  typedef float Four __attribute__((vector_size(16)));
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float* from = x + i * stride;
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
      Four r[4];
      for (int64_t l = 0; l < 4; ++l) std::memcpy(&r[l], from + l * stride + j, sizeof r[l]);
      const Four low0 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
                 high0 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
      const Four low1 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5),
                 high1 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
      r[0] = __builtin_shufflevector(low0, low1, 0, 1, 4, 5);
      r[1] = __builtin_shufflevector(low0, low1, 2, 3, 6, 7);
      r[2] = __builtin_shufflevector(high0, high1, 0, 1, 4, 5);
      r[3] = __builtin_shufflevector(high0, high1, 2, 3, 6, 7);
      for (int64_t l = 0; l < 4; ++l) std::memcpy(y + (j + l) * rows + i, &r[l], sizeof r[l]);
    }
    for (; j < n; ++j) {
      for (int64_t l = 0; l < 4; ++l) y[j * rows + i + l] = from[l * stride + j];
    }
  }
  for (; i < rows; ++i) {
    for (int64_t j = 0; j < n; ++j) y[j * rows + i] = x[i * stride + j];
  }
}

struct Sums {
  double* bias;    // (chunks, outputs)
  float* weights;  // (chunks, group, k, m): turned, as products with few columns suit OpenBLAS
                   // better than those with few rows

  Sums(const ConvolutionGeometry& g, const ConvolutionCut& cut, std::span<float> shared)
      : bias(reinterpret_cast<double*>(shared.data())),
        weights(shared.data() + 2 * cut.chunks * g.outputs) {}
};

int64_t WeightCount(const ConvolutionGeometry& g) {
  return g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w;
}

// dw[i][j] = sum over chunks of sums[chunk][j][i], for 16 rows i at a time.
void AddChunks(const ConvolutionGeometry& g, int64_t chunks, const float* sums, int64_t m,
               int64_t k, int64_t row, bool add, float* dw) {
  const int64_t group = row / m, first = row % m, rows = std::min<int64_t>(16, m - first),
                size = WeightCount(g);
  const float* from = sums + group * k * m + first;
  float* to = dw + row * k;
  for (int64_t j = 0; j < k; ++j) {
    for (int64_t i = 0; i < rows; ++i) {
      float sum = from[j * m + i];
      for (int64_t chunk = 1; chunk < chunks; ++chunk) sum += from[chunk * size + j * m + i];
      to[i * k + j] = add ? to[i * k + j] + sum : sum;
    }
  }
}

}  // namespace

int64_t BackwardWeightsFloats(const ConvolutionGeometry& g) {
  const ConvolutionCut cut = CutBackwardWeights(g);
  const int64_t m = g.outputs / g.group;
  return TileFloats(g, cut) + (Turns(g, cut) ? m * cut.rows * g.out_width() : 0);
}

int64_t ConvolutionSharedScratch(const ConvolutionGeometry& g) {
  if (IsDepthwise(g)) return DepthwiseSharedScratch(g);
  return MostChunks(g) * (2 * g.outputs + WeightCount(g));
}

void ConvolveBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                             const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                             WorkerScratch scratch, std::span<float> shared) {
  if (IsDepthwise(g)) {
    DepthwiseBackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
    return;
  }
  const ConvolutionCut cut = CutBackwardWeights(g);
  const int64_t channels = g.channels / g.group, m = g.outputs / g.group;
  const int64_t kernel = g.kernel_h * g.kernel_w, k = channels * kernel;
  const int64_t in_plane = g.height * g.width, out_width = g.out_width(),
                out_plane = g.out_height() * out_width;
  const Sums sums(g, cut, shared);

  context.ParallelFor(
      cut.chunks * g.group * cut.channel_blocks, 1, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t first = piece % cut.channel_blocks * cut.channels,
                        group = piece / cut.channel_blocks % g.group;
          const int64_t chunk = piece / cut.channel_blocks / g.group,
                        count = std::min(cut.channels, channels - first);
          float* block = sums.weights + ((chunk * g.group + group) * k + first * kernel) * m;
          double* bias =
              first == 0 && db != nullptr ? sums.bias + chunk * g.outputs + group * m : nullptr;
          if (bias != nullptr) std::fill_n(bias, m, 0.0);
          if (g.batch == 0) std::fill_n(block, count * kernel * m, 0.0f);
          const int64_t last_image = std::min(g.batch, (chunk + 1) * cut.images);
          for (int64_t image = chunk * cut.images; image < last_image; ++image) {
            const float* in = x + (image * g.channels + group * channels + first) * in_plane;
            for (int64_t row = 0; row < g.out_height(); row += cut.rows) {
              ConvolutionTile tile(g, count, row, std::min(cut.rows, g.out_height() - row),
                                   scratch(worker));
              const float* out = dy + (image * g.outputs + group * m) * out_plane + row * out_width;
              if (bias != nullptr) SumTileRows(out, m, out_plane, tile.pixels(), bias);
              if (dw == nullptr) continue;
              const auto columns = tile.Lower(in);
              const float beta = row == 0 && image == chunk * cut.images ? 0 : 1;
              if (Turns(g, cut)) {
                float* turned = scratch(worker).data() + TileFloats(g, cut);
                Turn(out, m, out_plane, tile.pixels(), turned);
                SerialGemm(context, Transpose::kNo, Transpose::kNo, tile.depth(), m, tile.pixels(),
                           1, columns.data, columns.stride, turned, m, beta, block, m);
              } else {
                SerialGemm(context, Transpose::kNo, Transpose::kYes, tile.depth(), m, tile.pixels(),
                           1, columns.data, columns.stride, out, out_plane, beta, block, m);
              }
            }
          }
        }
      });

  for (int64_t i = 0; db != nullptr && i < g.outputs; ++i) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < cut.chunks; ++chunk) sum += sums.bias[chunk * g.outputs + i];
    db[i] = static_cast<float>(add_db ? db[i] + sum : sum);
  }
  if (dw == nullptr) return;
  const int64_t strips = (m + 15) / 16;  // of a group
  context.ParallelFor(g.group * strips, 1, [&](int64_t begin, int64_t end) {
    for (int64_t strip = begin; strip < end; ++strip) {
      AddChunks(g, cut.chunks, sums.weights, m, k, strip / strips * m + strip % strips * 16, add_dw,
                dw);
    }
  });
}

}  // namespace moka
