// The same bits under all circumstances: poisons, repetition, threads, batch sizes.
#include <optional>

#include "check/layer_check.h"

namespace moka {

// Three poisons, because `max` and `>` swallow NaN and one of the large numbers.
void LayerCheck::CheckWritten() {
  Promise("every element is written, and only from memory that was written", [&] {
    for (const float poison : {1e30f, -1e30f}) {
      RunInput input = input_;
      input.poison = poison;
      ExpectSame(first_, RunOnce(input),
                 "with " + Digits(poison) + " instead of NaN in all memory not yet written");
    }
  });
}

void LayerCheck::CheckRepeats() {
  Promise("the same input and seed, the same result", [&] {
    ExpectSame(first_, RunOnce(input_), "run again");
    LayerRunner again(source_, shapes_);
    ExpectSame(first_, RunOnce(again, input_), "with a new layer of the same seed");
  });
  if (!backward_) return;
  Promise("the same tops without a Backward to follow", [&] {
    RunInput input = input_;
    input.backward = false;
    input.backward_follows = false;
    ExpectSame(first_, RunOnce(input), "without a Backward to follow");
  });
}

void LayerCheck::CheckThreads() {
  Promise("the same bits for 1, 2 and 3 threads", [&] {
    for (const int threads : {2, 3}) {
      RunInput input = input_;
      input.threads = threads;
      ExpectSame(first_, RunOnce(input), "with " + std::to_string(threads) + " threads");
    }
  });
}

void LayerCheck::CheckCounter() {
  if (runner_.bottom_count() == 0) return;  // whoever makes data makes other data in each pass
  RunInput input = input_;
  input.counter = 1;
  if (!options_.random_layer) {
    return Promise("the same result in each pass", [&] {
      ExpectSame(first_, RunOnce(input),
                 "in the next pass (if it draws random numbers: CheckOptions::random_layer)");
    });
  }
  Promise("other random numbers in each pass", [&] {
    if (RunOnce(input).tops == first_.tops) {
      Broken("random_layer is said, but the next pass gives the same tops");
    }
  });
}

void LayerCheck::CheckBatch() {
  std::vector<Shape> shapes = shapes_;
  bool larger = false;
  for (Shape& shape : shapes) {
    if (shape.axes() == 0) continue;
    shape = shape.With(0, shape[0] + 1);
    larger = true;
  }
  if (!larger) return;
  const std::string promise = "another batch size and back again";
  std::optional<LayerRunner> fresh;
  RunInput input;
  RunOutput expected;
  try {
    fresh.emplace(source_, shapes);
    for (int k = 0; k < runner_.param_count(); ++k) {
      if (fresh->param(k).shape() != runner_.param(k).shape()) throw Error("the params change");
    }
    input = InputFor(*fresh);
    expected = fresh->Run(input);
  } catch (const Error& error) {
    return result_.Checked(promise + ": skipped, the layer refuses it: " + error.what());
  }
  Promise(promise, [&] {
    const int64_t batch = shapes_[0].axes() > 0 ? shapes_[0][0] : 0;
    LayerRunner runner(source_, shapes_);
    RunOnce(runner, input_);
    runner.Reshape(shapes);
    ExpectSame(expected, RunOnce(runner, input),
               "with batch " + std::to_string(batch + 1) + " after " + std::to_string(batch));
    runner.Reshape(shapes_);
    ExpectSame(first_, RunOnce(runner, input_), "back at batch " + std::to_string(batch));
  });
}

}  // namespace moka
