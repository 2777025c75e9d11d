// Arithmetic for layers: matrix products, convolution, elementwise loops. All of it runs on the
// Context's threads, cuts its work by shape, and gives the same bits for any number of threads.
// Matrices are row-major.
#pragma once

#include <cstdint>
#include <span>

#include "moka/context.h"
#include "moka/export.h"
#include "moka/layer.h"
#include "moka/shape.h"

namespace moka {

enum class Transpose { kNo, kYes };

// c (m, n) = alpha op(a) op(b) + beta c, with op(a) (m, k), op(b) (k, n); single precision. lda,
// ldb, ldc are the lengths of the stored rows; the short form takes them from the sizes.
MOKA_EXPORT void Gemm(Context& context, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
                      float alpha, const float* a, int64_t lda, const float* b, int64_t ldb,
                      float beta, float* c, int64_t ldc);
MOKA_EXPORT void Gemm(Context& context, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
                      float alpha, const float* a, const float* b, float beta, float* c);
// The same on the calling thread alone, for use inside ParallelFor.
MOKA_EXPORT void SerialGemm(Context& context, Transpose ta, Transpose tb, int64_t m, int64_t n,
                            int64_t k, float alpha, const float* a, int64_t lda, const float* b,
                            int64_t ldb, float beta, float* c, int64_t ldc);

// For b that many products read, such as the weights of a net that does not train: op(b) (k, n) in
// the layout of the kernels, and c (m, n) = or += a op(b) with it, rows of all without gaps. 0
// floats where Gemm is as fast.
MOKA_EXPORT int64_t PackedMatrixFloats(int64_t m, int64_t n, int64_t k);
MOKA_EXPORT void PackMatrix(Context& context, Transpose tb, int64_t n, int64_t k, const float* b,
                            std::span<float> packed);
MOKA_EXPORT void GemmPacked(Context& context, int64_t m, int64_t n, int64_t k, const float* a,
                            std::span<const float> packed, bool adds, float* c);

// y += alpha x; y = x; sums in double, in a fixed order.
MOKA_EXPORT void Axpy(Context& context, float alpha, std::span<const float> x, std::span<float> y);
MOKA_EXPORT void Copy(Context& context, std::span<const float> x,
                      std::span<float> y);  // nothing if x and y are the same memory
MOKA_EXPORT double Sum(Context& context, std::span<const float> x);
MOKA_EXPORT double SumOfAbs(Context& context, std::span<const float> x);
MOKA_EXPORT double SumOfSquares(Context& context, std::span<const float> x);
MOKA_EXPORT double Dot(Context& context, std::span<const float> x, std::span<const float> y);

// y (rows, n): each row is x (n). And back: y (n) = or += the sum of the rows of x (rows, n), in
// double, in order.
MOKA_EXPORT void RepeatRow(Context& context, std::span<const float> x, int64_t rows,
                           std::span<float> y);
MOKA_EXPORT void SumRows(Context& context, std::span<const float> x, int64_t rows, bool add,
                         std::span<float> y);

// The geometry of a 2-D convolution of images x (batch, channels, height, width) with weights w
// (outputs, channels / group, kernel_h, kernel_w) into y (batch, outputs, out_height(),
// out_width()).
struct ConvolutionGeometry {
  int64_t batch = 0, channels = 0, height = 0, width = 0;
  int64_t outputs = 0, group = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0,
          dilation_h = 1, dilation_w = 1;
  bool exact = false;  // no fast algorithm that rounds more than plain sums do (Winograd)

  int64_t out_height() const {
    return (height + 2 * pad_h - (dilation_h * (kernel_h - 1) + 1)) / stride_h + 1;
  }
  int64_t out_width() const {
    return (width + 2 * pad_w - (dilation_w * (kernel_w - 1) + 1)) / stride_w + 1;
  }
  friend bool operator==(const ConvolutionGeometry&, const ConvolutionGeometry&) = default;
};

// Floats of scratch that each worker needs for these calls (Plan::Scratch<float>(count, true)), and
// those that BackwardWeights needs once (Plan::Scratch<float>(count)).
MOKA_EXPORT int64_t ConvolutionScratch(const ConvolutionGeometry& g);
MOKA_EXPORT int64_t ConvolutionSharedScratch(const ConvolutionGeometry& g);

// A borrowed callable that gives a worker its own scratch: [&](int worker) { return
// pass.Get(scratch_, worker); }
class WorkerScratch {
 public:
  template <typename F>
  WorkerScratch(const F& get)  // NOLINT: implicit, so that lambdas pass
      : object_(&get), call_([](const void* object, int worker) -> std::span<float> {
          return (*static_cast<const F*>(object))(worker);
        }) {}
  std::span<float> operator()(int worker) const { return call_(object_, worker); }

 private:
  const void* object_;
  std::span<float> (*call_)(const void*, int);
};

// What happens to a convolution's output while it is at hand, with o the output channel:
//   y = r(scale[o] (w * x)[o] + shift[o] + add),  r(v) = slope v where v < 0, else v
// A NaN passes r, and r(v) is 0 where v < 0 and slope is 0.
struct Epilogue {
  const float* scale = nullptr;  // (outputs); null: 1
  const float* shift = nullptr;  // (outputs); null: 0
  const float* add = nullptr;    // as y, but other memory; null: 0
  float slope = 1;               // 1: no rectifier, 0: ReLU
  int64_t y_image_stride = 0;    // floats from one image of y to the next; 0: they are dense
};

// y = w * x, and what the epilogue says.
MOKA_EXPORT void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x,
                                 const float* w, const Epilogue& epilogue, float* y,
                                 WorkerScratch scratch);
// y = w * x + bias (bias may be null).
MOKA_EXPORT void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x,
                                 const float* w, const float* bias, float* y,
                                 WorkerScratch scratch);
// dx = gradient for x; assigned.
MOKA_EXPORT void ConvolveBackwardData(Context& context, const ConvolutionGeometry& g,
                                      const float* w, const float* dy, float* dx,
                                      WorkerScratch scratch);
// dw = or += gradient for w, db = or += that for the bias (dw or db may be null). shared:
// ConvolutionSharedScratch(g) floats.
MOKA_EXPORT void ConvolveBackwardWeights(Context& context, const ConvolutionGeometry& g,
                                         const float* x, const float* dy, float* dw, bool add_dw,
                                         float* db, bool add_db, WorkerScratch scratch,
                                         std::span<float> shared);

// Forward and BackwardData read the weights in a layout of their own. The calls above make it each
// time, in the workers' scratch; who convolves with the same weights often, or has many workers,
// makes it once: PackWeights whenever w has changed, then the calls below. A pass for which there
// are 0 packed floats reads w as it is.
enum class ConvolutionPass { kForward, kBackwardData, kBackwardWeights };
struct PackedWeights {
  const float* w = nullptr;
  const float* packed = nullptr;
};
MOKA_EXPORT int64_t PackedWeightsFloats(const ConvolutionGeometry& g, ConvolutionPass pass);
MOKA_EXPORT void PackWeights(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                             const float* w, std::span<float> packed);
// Floats of scratch that each worker needs for a pass with packed weights.
MOKA_EXPORT int64_t ConvolutionScratch(const ConvolutionGeometry& g, ConvolutionPass pass);
MOKA_EXPORT void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x,
                                 const PackedWeights& w, const Epilogue& epilogue, float* y,
                                 WorkerScratch scratch);
MOKA_EXPORT void ConvolveBackwardData(Context& context, const ConvolutionGeometry& g,
                                      const PackedWeights& w, const float* dy, float* dx,
                                      WorkerScratch scratch);

// The geometry of pooling planes (each channel of each image) into windows. Every window must touch
// its plane: with h the first row of window r, r * stride_h - pad_h, that is h < height and h +
// kernel_h > 0; likewise for columns.
struct PoolingGeometry {
  int64_t planes = 0, height = 0, width = 0, out_height = 0, out_width = 0;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;

  // The largest place within a window, i * kernel_w + j, fits a byte.
  bool fits_byte() const { return kernel_h * kernel_w <= 256; }
};

// y = the largest of each window, the first if there are several, a NaN if there is one; mask (may
// be null) = its place within the window, i * kernel_w + j. As bytes only if fits_byte().
MOKA_EXPORT void MaxPoolForward(Context& context, const PoolingGeometry& g, const float* x,
                                float* y, uint8_t* mask);
MOKA_EXPORT void MaxPoolForward(Context& context, const PoolingGeometry& g, const float* x,
                                float* y, int32_t* mask);
// dx = dy at the places that mask names, assigned; what several windows name is added.
MOKA_EXPORT void MaskPoolBackward(Context& context, const PoolingGeometry& g, const uint8_t* mask,
                                  const float* dy, float* dx);
MOKA_EXPORT void MaskPoolBackward(Context& context, const PoolingGeometry& g, const int32_t* mask,
                                  const float* dy, float* dx);
// y = the sum of each window over its size, which counts the pad but not what hangs over it. And
// its gradient, assigned.
MOKA_EXPORT void AveragePoolForward(Context& context, const PoolingGeometry& g, const float* x,
                                    float* y);
MOKA_EXPORT void AveragePoolBackward(Context& context, const PoolingGeometry& g, const float* dy,
                                     float* dx);

}  // namespace moka
