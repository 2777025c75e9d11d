// Proves that a layer keeps its contract: for Moka's own layers and for those of plugin authors.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "moka/check_case.h"
#include "moka/export.h"
#include "moka/registry.h"
#include "moka/shape.h"

namespace moka {

// The tops of one Forward.
struct LayerResult {
  std::vector<Shape> shapes;
  std::vector<std::vector<float>> tops;
};

struct RunOptions {
  const Registry* registry = nullptr;  // null: BuiltinLayers()
  bool training = true;
  int threads = 1;
  uint64_t seed = 1;
  std::vector<std::vector<float>>
      params;  // values of the params; where missing, what the fillers give
  // Also run Backward, with these top diffs (zeros where missing); the results are in `gradients`.
  std::vector<std::vector<float>> top_diffs;
};
struct LayerGradients {
  std::vector<std::vector<float>> bottoms, params;
};

// Runs one layer, given as what stands inside `layer { }` (name, bottoms and tops may be missing:
// they are made up from the shapes and traits). Throws Error.
MOKA_EXPORT LayerResult RunLayer(std::string_view layer, const std::vector<Shape>& shapes,
                                 const std::vector<std::vector<float>>& bottoms,
                                 const RunOptions& options = {},
                                 LayerGradients* gradients = nullptr);
// One bottom, one top: the flat values.
MOKA_EXPORT std::vector<float> RunLayer(std::string_view layer, const Shape& shape,
                                        const std::vector<float>& bottom,
                                        const RunOptions& options = {});
MOKA_EXPORT std::vector<float> RunLayer(std::string_view layer, const std::vector<float>& bottom,
                                        const RunOptions& options = {});

struct CheckOptions {
  const Registry* registry = nullptr;  // null: BuiltinLayers()
  bool training = true;
  int tops = 0;  // 0: the least that the traits allow
  uint64_t seed = 1701;
  double step = 1e-2;  // of the central difference
  // |expected - got| <= tolerance * max(|expected|, |got|, s), s the largest gradient of the tensor
  // or 1 if that is less; float rounding of the tops comes on top.
  double tolerance = 1e-2;
  // Values of a bottom: (bottom, element, uniform random in [0, 1)) -> value. Default: uniform in
  // [-1, 1). Labels want integers.
  std::function<float(int bottom, int64_t element, float random)> input;
  // Inputs at which the layer has a kink: elements nearer than 2 steps to one are moved away.
  std::vector<float> kinks;
  // Inputs that must keep this distance from one another (max pooling); 0: no matter.
  double spread = 0;
  double most_skipped = 0.05;  // the share of gradient elements that may be skipped as undecidable
  bool check_gradients = true;
  bool random_layer = false;  // draws random numbers: the same in one pass, others in the next
};

class CheckResult;
MOKA_EXPORT std::ostream& operator<<(std::ostream& out, const CheckResult& result);

// What was checked and what was broken; true if nothing was. Printing it names the element, the
// expected and the got.
class MOKA_EXPORT CheckResult {
 public:
  explicit operator bool() const { return broken_.empty(); }
  // To testing::AssertionResult, so that EXPECT_TRUE(CheckLayer(...)) shows what was broken.
  template <typename Assertion>
  requires requires(Assertion assertion) { assertion.failure_message(); }
  operator Assertion() const {  // NOLINT: implicit, as EXPECT_TRUE wants it
    Assertion assertion(broken_.empty());
    assertion << *this;
    return assertion;
  }
  const std::vector<std::string>& broken() const { return broken_; }
  const std::vector<std::string>& checked() const { return checked_; }
  void Broken(std::string text) { broken_.push_back(std::move(text)); }
  void Checked(std::string text) { checked_.push_back(std::move(text)); }

 private:
  std::vector<std::string> broken_, checked_;
};

// Checks, over a layer with bottoms of these shapes:
//   the same input and seed give the same result, with and without a Backward to follow;
//   every element of tops and gradients is written, bitwise the same whatever lay in the memory
//   before (NaN, 1e30, -1e30); nothing else is written: bottoms, params, the margins of all memory;
//   the same bits for 1, 2 and 3 threads; after another batch size and back again; in each pass,
//   unless random_layer; tops and diffs in the memory of bottoms, where the traits allow it, give
//   the same bits; Backward adds where that is asked; a gradient is the same whichever others are
//   wanted; it depends on nothing that the traits do not declare; it is 0 where all top diffs are
//   0, and else agrees with central differences of f = sum <y, dy>, in double.
// Params that their fillers leave all equal are spread first. At most 200 elements of a tensor are
// differentiated. Throws Error only if the layer cannot be built.
MOKA_EXPORT CheckResult CheckLayer(std::string_view layer, const std::vector<Shape>& shapes,
                                   const CheckOptions& options = {});
// The same in a case that was declared for a type of the registry, or derived.
MOKA_EXPORT CheckResult CheckLayer(const LayerType& type, const CheckCase& a_case,
                                   const Registry& registry);
// Cases for a layer without parameters, from its traits: those among a dozen sets of shapes, of the
// least number of bottoms and one more, that it can be built for. Throws Error, with the reason, if
// there are none.
MOKA_EXPORT std::vector<CheckCase> DeriveCheckCases(const LayerType& type,
                                                    const Registry& registry);
// "2x3 and 2, poly_loss_param { epsilon: 2 }".
MOKA_EXPORT std::string Describe(const CheckCase& a_case);

}  // namespace moka
