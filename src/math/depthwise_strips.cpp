// Tables of rows and columns, forward and back.
#include "math/depthwise_strips.h"

#include <algorithm>

#include "math/depthwise.h"
#include "math/epilogue.h"

namespace moka {
namespace {

constexpr int64_t kMostLanes = 16;
constexpr int64_t kMostTaps = 1024, kMostRows = 4096;  // tables are small beside the images

// Which element tap `tap` gives to result `at`; negative: none.
int64_t Source(const DepthwiseAxis& axis, bool backward, int64_t at, int64_t tap) {
  if (!backward) {
    const int64_t source = at * axis.stride + tap * axis.dilation - axis.pad;
    return source < axis.size ? source : -1;
  }
  const int64_t source = at + axis.pad - tap * axis.dilation;
  return source >= 0 && source % axis.stride == 0 && source / axis.stride < axis.out
             ? source / axis.stride
             : -1;
}

int64_t Strips(int64_t width, int64_t lanes) { return (width + lanes - 1) / lanes; }

}  // namespace

bool FitsStrips(const ConvolutionGeometry& g, StripUse use, const DepthwiseKernels& kernels) {
  if (kernels.strip_rows == nullptr || g.height == 0 || g.width == 0) return false;
  const int64_t height = std::max(g.height, g.out_height()),
                width = std::max(g.width, g.out_width());
  if (height > kMostRows || width > kMostRows || g.kernel_h > kMostTaps || g.kernel_w > kMostTaps ||
      g.kernel_h * g.kernel_w > kMostTaps)
    return false;
  if (width <= kernels.lanes) return true;
  // Wide rows: only with the kernels that share what they read between rows.
  const bool square = g.kernel_h == g.kernel_w && g.stride_h == g.stride_w && g.dilation_h == 1 &&
                      g.dilation_w == 1;
  if (use == StripUse::kBackward && g.outputs != g.group) return false;
  return square && ((g.kernel_h == 3 && g.stride_h <= 2) || (g.kernel_h == 5 && g.stride_h == 1));
}

int64_t StripTables::Floats(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  const int64_t strips = Strips(std::max(g.width, g.out_width()), kernels.lanes);
  return WholeLines(2 * std::max(g.height, g.out_height()) * g.kernel_h) +
         WholeLines(strips * sizeof(DepthwiseColumns) / sizeof(float)) +
         WholeLines(4 * strips * g.kernel_w) + strips * kMostLanes * g.kernel_w;
}

StripTables::StripTables(const ConvolutionGeometry& g, StripUse use,
                         const DepthwiseKernels& kernels, Carver& carver) {
  const bool backward = use == StripUse::kBackward;
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  const int64_t lanes = kernels.lanes;
  strips_ = {.height = backward ? h.size : h.out,
             .width = backward ? w.size : w.out,
             .x_height = backward ? h.out : h.size,
             .x_width = backward ? w.out : w.size,
             .kernel_h = h.kernel,
             .kernel_w = w.kernel,
             .from = nullptr,
             .dense = h.stride == w.stride && h.dilation == 1 && w.dilation == 1 &&
                      h.kernel == w.kernel && (h.stride == 1 || !backward),
             .mirrored = backward,
             .stride = h.stride,
             .above = backward ? h.kernel - 1 - h.pad : h.pad,
             .spreads = backward && h.stride == w.stride && h.stride > 1 && h.dilation == 1 &&
                        w.dilation == 1 && h.kernel == w.kernel,
             .pad = h.pad,
             .strips = nullptr,
             .strip_count = Strips(backward ? w.size : w.out, lanes)};
  int64_t* from = reinterpret_cast<int64_t*>(carver.Take(2 * strips_.height * h.kernel));
  for (int64_t r = 0; r < strips_.height; ++r) {
    for (int64_t i = 0; i < h.kernel; ++i) {
      const int64_t row = Source(h, backward, r, i);
      from[r * h.kernel + i] = row < 0 ? -1 : row * strips_.x_width;
    }
  }
  DepthwiseColumns* strips = reinterpret_cast<DepthwiseColumns*>(
      carver.Take(strips_.strip_count * sizeof(DepthwiseColumns) / sizeof(float)));
  int64_t* at = reinterpret_cast<int64_t*>(carver.Take(4 * strips_.strip_count * w.kernel));
  int32_t* places =
      reinterpret_cast<int32_t*>(carver.Take(kMostLanes * strips_.strip_count * w.kernel));
  for (int64_t s = 0; s < strips_.strip_count; ++s) {
    // The last strip overlaps the one before; it counts only once in sums.
    const int64_t column = std::max<int64_t>(0, std::min(s * lanes, strips_.width - lanes));
    strips[s] = {.column = column,
                 .first = use == StripUse::kSums ? static_cast<int>(s * lanes - column) : 0,
                 .last = static_cast<int>(std::min(lanes, strips_.width - column)),
                 .kind = DepthwiseColumns::kPlain,
                 .at = at + 2 * s * w.kernel,
                 .places = places + lanes * s * w.kernel};
    FillColumns(w, use, kernels.lanes, strips[s], at + 2 * s * w.kernel,
                places + lanes * s * w.kernel);
  }
  strips_.from = from;
  strips_.strips = strips;
}

void StripTables::FillColumns(const DepthwiseAxis& w, StripUse use, int lanes,
                              DepthwiseColumns& strip, int64_t* at, int32_t* places) const {
  const int64_t last_at = std::max<int64_t>(0, strips_.x_width - lanes);
  bool plain = true, full = true, pair = false;
  for (int64_t j = 0; j < w.kernel; ++j) {
    int64_t columns[kMostLanes], least = -1, most = -1;
    for (int lane = 0; lane < lanes; ++lane) {
      columns[lane] = lane >= strip.first && lane < strip.last
                          ? Source(w, use == StripUse::kBackward, strip.column + lane, j)
                          : -1;
      if (columns[lane] < 0) continue;
      if (least < 0) least = columns[lane];
      most = columns[lane];
    }
    const int64_t first = std::clamp<int64_t>(least, 0, last_at),
                  second = std::min(first + lanes, last_at);
    at[2 * j] = first, at[2 * j + 1] = second;
    pair |= most >= first + lanes;
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t c = columns[lane];
      int64_t& place = columns[lane];
      place = c < 0 ? -1 : c < first + lanes ? c - first : lanes + c - second;
      plain &= place == lane;
      full &= place >= 0;
      places[lanes * j + lane] = static_cast<int32_t>(place);
    }
  }
  using Columns = DepthwiseColumns;
  if (strips_.x_width <= lanes) {
    strip.kind = Columns::kSame;
  } else if (pair || (strips_.stride == 2 && strips_.dense)) {
    strip.kind = full ? Columns::kPair : Columns::kPairOrZero;
    return;
  } else {
    strip.kind = plain ? Columns::kPlain : Columns::kPick;
  }
  for (int64_t k = 0; k < lanes * w.kernel; ++k) {
    if (places[k] < 0) places[k] = lanes;  // in a vector of zeros
  }
}

int64_t ReadableInPlace(int64_t width, int64_t size, int64_t first, int64_t last, int64_t planes) {
  if (width >= kMostLanes) return last;
  return std::clamp(planes - (kMostLanes + size - 1) / size, first, last);
}

int64_t StripRowsScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  // A copy of a plane, if rows are short.
  const int64_t in = g.width < kMostLanes ? g.height * g.width : 0;
  const int64_t out = g.out_width() < kMostLanes ? g.out_height() * g.out_width() : 0;
  return Carver::kAlignment + StripTables::Floats(g, kernels) +
         WholeLines(std::max(in, Product(g.outputs / g.group, out)) + kMostLanes);
}

void StripRowsPass(Context& context, const ConvolutionGeometry& g, StripUse use,
                   const DepthwiseKernels& kernels, const float* x, const float* w,
                   const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  // All but a summand is done by the kernels.
  const bool whole = epilogue.add == nullptr;
  const float* bias = whole ? epilogue.shift : EarlyShift(epilogue);
  const bool backward = use == StripUse::kBackward;
  const int64_t multiplier = g.outputs / g.group, taps = multiplier * g.kernel_h * g.kernel_w;
  const int64_t in_plane = g.height * g.width, out_plane = g.out_height() * g.out_width();
  // Floats of what belongs to one channel of an image.
  const int64_t from = backward ? multiplier * out_plane : in_plane,
                to = backward ? in_plane : multiplier * out_plane;
  const int64_t x_width = backward ? g.out_width() : g.width,
                width = backward ? g.width : g.out_width(),
                height = backward ? g.height : g.out_height();
  // Large planes are cut into tiles of rows; rows shorter than a vector spill and stay together.
  const int64_t tile =
      width < kernels.lanes ? height : std::min(height, (16384 / width + 4) / 4 * 4);
  const int64_t tiles = (height + tile - 1) / tile, planes = g.batch * g.group;
  const int64_t grain = tiles > 1 ? 1 : std::max<int64_t>(1, 32768 / to);
  context.ParallelFor(planes * tiles, grain, [&](int64_t begin, int64_t end, int worker) {
    Carver carver(scratch(worker));
    const StripTables tables(g, use, kernels, carver);
    float* copy = carver.Take(x_width < kMostLanes ? from + kMostLanes : 0);
    for (int64_t unit = begin, last; unit < end;) {
      const int64_t first = unit / tiles, row = unit % tiles * tile, channel = first % g.group;
      last = tiles > 1 ? first + 1 : std::min(end, first + g.group - channel);
      last = ReadableInPlace(x_width, from, first, last, planes);
      const float* source = x + first * from;
      if (last == first) {
        std::copy_n(source, from, copy);
        source = copy, last = first + 1;
      }
      kernels.strip_rows(
          tables.strips(),
          {.planes = (last - first) * (backward ? 1 : multiplier),
           .inputs = backward ? multiplier : 1,
           .outputs = backward ? 1 : multiplier,
           .begin = row,
           .end = std::min(row + tile, height),
           .x = source,
           .weights = w + channel * taps,
           .start = bias != nullptr ? bias + channel * multiplier : nullptr,
           .y = y + first * to,
           .room = tiles > 1 ? to : (end - first) * to,
           .scale =
               whole && epilogue.scale != nullptr ? epilogue.scale + channel * multiplier : nullptr,
           .slope = whole ? epilogue.slope : 1});
      if (!whole) {
        EpilogueTile(epilogue, y, first / g.group, g.outputs, channel * multiplier,
                     (last - first) * multiplier, out_plane, row * width,
                     (std::min(row + tile, height) - row) * width)
            .End();
      }
      unit = tiles > 1 ? unit + 1 : last;
    }
  });
}

}  // namespace moka
