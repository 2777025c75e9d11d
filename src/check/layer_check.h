// One CheckLayer on its way: the layer, what goes into it, what was found.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "check/layer_runner.h"
#include "moka/check_layer.h"

namespace moka {

class LayerCheck {
 public:
  // Throws Error if the layer cannot be built.
  LayerCheck(const LayerSource& source, const std::vector<Shape>& shapes,
             const CheckOptions& options);
  CheckResult Run();

 private:
  // repeat_checks.cpp: the same result under all circumstances
  void CheckWritten();
  void CheckRepeats();
  void CheckThreads();
  void CheckCounter();
  void CheckBatch();
  // sharing_checks.cpp: tops in the memory of bottoms
  void CheckSharing();
  void CheckSameValues();
  // backward_checks.cpp: what Backward writes and reads
  void CheckAdding();
  void CheckWants();
  void CheckUndeclared();
  void CheckZero();
  // gradient_checks.cpp: Backward against differences of Forward
  void CheckGradients();

  void MakeInput();
  RunInput InputFor(const LayerRunner& runner) const;
  // Runs, and notes what was written where it must not be.
  RunOutput RunOnce(LayerRunner& runner, const RunInput& input);
  RunOutput RunOnce(const RunInput& input) { return RunOnce(runner_, input); }
  // Does `check`; the promise is kept if that finds nothing broken.
  void Promise(const std::string& promise, const std::function<void()>& check);
  void Broken(const std::string& text);
  // The same bits in everything that both have.
  void ExpectSame(const RunOutput& expected, const RunOutput& got, const std::string& circumstance);
  void ExpectSame(const std::string& what, const Shape& shape, const Floats& expected,
                  const Floats& got, const std::string& circumstance);

  const LayerSource source_;
  const std::vector<Shape> shapes_;
  const CheckOptions& options_;
  LayerRunner runner_;
  bool backward_ = false;  // there is something to give a gradient to
  RunInput input_;         // Backward included, if there is one
  RunOutput first_;        // what it gave at first
  CheckResult result_;
  std::set<std::string> told_;
  bool strayed_ = false;  // something was written that is not the layer's
};

// The values of bottoms of these shapes: as the options say, away from kinks and from one another.
std::vector<Floats> MakeBottoms(const LayerRunner& runner, const CheckOptions& options);

// "at element 17 (0,1,2,3)"
std::string Element(const Shape& shape, int64_t element);
// As a float, in the fewest digits that give it back.
std::string Digits(double value);
std::string Indexed(const char* what, int i);  // "top 0"

}  // namespace moka
