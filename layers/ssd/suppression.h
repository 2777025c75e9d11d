// Non-maximum suppression: of boxes that overlap, only the best is kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "boxes.h"
#include "non_maximum_suppression.pb.h"

namespace moka::ssd {

// A number, and what it is the number of.
struct Scored {
  float score = 0;
  int32_t index = 0;
};

// The best first; those that are equal in the order of their indices. No score is NaN.
inline void SortBestFirst(Scored* first, Scored* last) {
  std::sort(first, last, [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  });
}

struct Suppression {
  float threshold = 0;
  float eta = 1;
  int64_t top_k = 0;  // the most that are looked at

  // `field` is where the parameter stands: "detection_output_param.nms_param".
  static Suppression Of(const NonMaximumSuppressionParameter& params, const std::string& field) {
    if (!(params.nms_threshold() >= 0 && std::isfinite(params.nms_threshold()))) {
      throw Error("nms_threshold must be 0 or more, and finite, but is ", params.nms_threshold())
          .At(field + ".nms_threshold");
    }
    if (!(params.eta() > 0 && params.eta() <= 1)) {
      throw Error("eta must be more than 0, and at most 1, but is ", params.eta())
          .At(field + ".eta");
    }
    const bool all = !params.has_top_k() || params.top_k() < 0;
    return {params.nms_threshold(), params.eta(),
            all ? std::numeric_limits<int32_t>::max() : params.top_k()};
  }

  // Sorts the `count` candidates, and keeps those in front that no better one suppresses. Returns
  // how many. boxes[k], memory that is written, is the box of the k-th that was kept; box(index)
  // computes that of a candidate. least: smaller areas are never kept.
  template <typename BoxOf>
  int64_t Keep(Scored* candidates, int64_t count, const BoxOf& box, Box* boxes,
               float least = -1) const {
    SortBestFirst(candidates, candidates + count);
    count = std::min(count, top_k);
    float limit = threshold;
    int64_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
      const Box b = box(candidates[i].index);
      const float area = Area(b);
      bool keep = area >= least;
      for (int64_t k = 0; keep && k < kept; ++k)
        keep = Overlap(b, area, boxes[k], Area(boxes[k])) <= limit;
      if (!keep) continue;
      boxes[kept] = b;
      candidates[kept++] = candidates[i];
      if (eta < 1 && limit > 0.5F) limit *= eta;
    }
    return kept;
  }
};

}  // namespace moka::ssd
