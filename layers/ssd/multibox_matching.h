// Which boxes of the ground truth belong to which priors.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "boxes.h"
#include "multibox_loss.pb.h"

namespace moka::ssd {

constexpr int32_t kUnmatched = -1;  // belongs to no box
constexpr int32_t kLeftOut = -2;    // and is not asked for, since it reaches out of the image
constexpr float kLeastOverlap = 1e-6F;

// Bottom 3: rows of sample, class, number (not looked at), x0, y0, x1, y1, difficult. A sample of
// -1 says that there is nothing in the row.
struct TruthRows {
  static constexpr int64_t kRow = 8;
  const float* values = nullptr;
  int64_t count = 0;

  float sample(int64_t row) const { return values[row * kRow]; }
  float label(int64_t row) const { return values[row * kRow + 1]; }
  Box box(int64_t row) const { return BoxAt(values + row * kRow + 3); }
  bool difficult(int64_t row) const { return values[row * kRow + 7] != 0; }
};

// What labels may be, and which class they mean.
struct Labels {
  int64_t classes = 0, background = 0;
  bool all_one = false;  // map_object_to_agnostic
  bool use_difficult = true;

  int32_t ClassOf(float label) const {
    return static_cast<int32_t>(all_one ? background + 1 : static_cast<int64_t>(label));
  }

  // Everything in the row comes from files.
  void Check(const TruthRows& rows, int64_t row, int64_t samples) const {
    const auto whole = [](float v, int64_t least, double most) {
      return v >= static_cast<float>(least) && v <= most && v == std::floor(v);
    };
    const float sample = rows.sample(row), label = rows.label(row);
    if (!whole(sample, 0, static_cast<double>(samples - 1))) {
      throw Error("row ", row, " of the ground truth is of sample ", sample,
                  ", which is not one of -1 (nothing) to ", samples - 1);
    }
    const auto fail = [&](const auto&... what) -> Error {
      Error error("row ", row, " of the ground truth", what...);
      return error.Sample(static_cast<int64_t>(sample));
    };
    const double most =
        all_one ? std::numeric_limits<float>::max() : static_cast<double>(classes - 1);
    if (!whole(label, 0, most)) {
      throw fail(" has label ", label, ", which is not one of 0..", classes - 1);
    }
    if (label == static_cast<float>(background)) {
      throw fail(" has label ", label, ", which is background_label_id");
    }
    for (int64_t k = 3; k < TruthRows::kRow; ++k) {
      const float v = rows.values[row * TruthRows::kRow + k];
      if (!std::isfinite(v)) throw fail(" has ", v, " at position ", k);
    }
  }
};

// A box of the ground truth, and where the matching stands.
struct Truth {
  Box box;
  float area = 0;
  int32_t row = 0, label = 0;
  // The prior that overlaps it most, of those that are still free.
  float overlap = 0;
  int32_t prior = -1;
  bool open = false;  // still looks for a prior
};

// Checks the ground truth, and writes the boxes that count, sample by sample: those of sample n at
// truths[starts[n]] to truths[starts[n + 1] - 1].
inline void GroupBySample(const TruthRows& rows, const Labels& labels, std::span<Truth> truths,
                          std::span<int64_t> starts) {
  const auto samples = static_cast<int64_t>(starts.size()) - 1;
  const auto counts = [&](int64_t row) {
    return rows.sample(row) != -1 && (labels.use_difficult || !rows.difficult(row));
  };
  std::fill(starts.begin(), starts.end(), 0);
  for (int64_t row = 0; row < rows.count; ++row) {
    if (rows.sample(row) == -1) continue;
    labels.Check(rows, row, samples);
    if (counts(row)) ++starts[static_cast<size_t>(rows.sample(row)) + 1];
  }
  for (size_t n = 1; n < starts.size(); ++n) starts[n] += starts[n - 1];
  // starts[n] becomes the end of sample n while it is filled, and is put back afterwards.
  for (int64_t row = 0; row < rows.count; ++row) {
    if (!counts(row)) continue;
    const Box box = rows.box(row);
    const int64_t at = starts[static_cast<size_t>(rows.sample(row))]++;
    truths[static_cast<size_t>(at)] = {box, Area(box), static_cast<int32_t>(row),
                                       labels.ClassOf(rows.label(row))};
  }
  for (size_t n = starts.size() - 1; n > 0; --n) starts[n] = starts[n - 1];
  starts[0] = 0;
}

// Matches boxes with the ground truth of one sample.
struct Matching {
  MultiBoxLossParameter::MatchType type = MultiBoxLossParameter::PER_PREDICTION;
  float threshold = 0;
  bool leave_out_crossing = false;

  // Of the truths, only those of class `only` are looked at, or all if it is negative. Writes for
  // each box the row of its truth, kUnmatched or kLeftOut into `match`, and how much it overlaps
  // any truth into `overlap`. `best` is memory for the work.
  void Run(std::span<const Box> boxes, std::span<Truth> truths, int32_t only,
           std::span<int32_t> match, std::span<float> overlap, std::span<int32_t> best) const {
    for (Truth& truth : truths) {
      truth.open = only < 0 || truth.label == only;
      truth.overlap = 0;
      truth.prior = -1;
    }
    for (size_t i = 0; i < boxes.size(); ++i) {
      match[i] = leave_out_crossing && CrossesBoundary(boxes[i]) ? kLeftOut : kUnmatched;
      overlap[i] = 0;
      best[i] = -1;
      if (match[i] == kLeftOut) continue;
      const float area = Area(boxes[i]);
      for (size_t g = 0; g < truths.size(); ++g) {
        Truth& truth = truths[g];
        if (!truth.open) continue;
        const float o = Overlap(boxes[i], area, truth.box, truth.area);
        if (!(o > kLeastOverlap)) continue;
        if (o > overlap[i]) {
          overlap[i] = o;
          best[i] = static_cast<int32_t>(g);
        }
        if (o > truth.overlap) {
          truth.overlap = o;
          truth.prior = static_cast<int32_t>(i);
        }
      }
    }
    Bipartite(boxes, truths, match);
    if (type == MultiBoxLossParameter::BIPARTITE) return;
    for (size_t i = 0; i < boxes.size(); ++i) {
      if (match[i] == kUnmatched && best[i] >= 0 && overlap[i] >= threshold)
        match[i] = truths[static_cast<size_t>(best[i])].row;
    }
  }

 private:
  // Again and again, the truth and the box that overlap most are taken; of equals, the first box.
  static void Bipartite(std::span<const Box> boxes, std::span<Truth> truths,
                        std::span<int32_t> match) {
    while (true) {
      Truth* next = nullptr;
      for (Truth& truth : truths) {
        if (!truth.open || truth.prior < 0) continue;
        if (next == nullptr || truth.overlap > next->overlap ||
            (truth.overlap == next->overlap && truth.prior < next->prior))
          next = &truth;
      }
      if (next == nullptr) return;
      match[static_cast<size_t>(next->prior)] = next->row;
      next->open = false;
      for (Truth& truth : truths) {
        if (truth.open && truth.prior == next->prior) FindPrior(boxes, match, truth);
      }
    }
  }

  static void FindPrior(std::span<const Box> boxes, std::span<const int32_t> match, Truth& truth) {
    truth.overlap = kLeastOverlap;
    truth.prior = -1;
    for (size_t i = 0; i < boxes.size(); ++i) {
      if (match[i] != kUnmatched) continue;
      const float o = Overlap(boxes[i], Area(boxes[i]), truth.box, truth.area);
      if (!(o > truth.overlap)) continue;
      truth.overlap = o;
      truth.prior = static_cast<int32_t>(i);
    }
  }
};

}  // namespace moka::ssd
