// Tops that lie in the memory of bottoms, where the traits allow it.
#include <algorithm>
#include <set>

#include "check/layer_check.h"

namespace moka {
namespace {

using Pairs = std::vector<RunInput::Pair>;

template <typename Allowed>
Pairs FindPairs(const LayerRunner& runner, Allowed allowed) {
  Pairs pairs;
  for (int t = 0; t < runner.top_count(); ++t) {
    for (int b = 0; b < runner.bottom_count(); ++b) {
      const bool same_count = runner.top_shape(t).count() == runner.bottom_shape(b).count();
      if (same_count && allowed(t, b)) pairs.emplace_back(t, b);
    }
  }
  return pairs;
}

// As many pairs as can hold at once: each top in one bottom only; each bottom has one top, unless
// they have the same values.
Pairs Together(const Pairs& pairs, const LayerTraits& traits, bool diffs) {
  Pairs together;
  std::set<int> tops, bottoms;
  for (const auto& [top, bottom] : pairs) {
    const bool many = !diffs && traits.same_values(top, bottom);
    if (tops.count(top) != 0 || (!many && bottoms.count(bottom) != 0)) continue;
    tops.insert(top);
    bottoms.insert(bottom);
    together.emplace_back(top, bottom);
  }
  return together;
}

std::string Words(const RunInput::Pair& pair, const char* of_top, const char* of_bottom) {
  return of_top + Indexed("top", pair.first) + " in the memory of " + of_bottom +
         Indexed("bottom", pair.second);
}

}  // namespace

void LayerCheck::CheckSameValues() {
  const LayerTraits& traits = runner_.traits();
  const Pairs pairs = FindPairs(runner_, [&](int t, int b) { return traits.same_values(t, b); });
  if (pairs.empty()) return;
  Promise("tops that are declared to have a bottom's values have them", [&] {
    for (const auto& [top, bottom] : pairs) {
      ExpectSame(Indexed("top", top), runner_.top_shape(top),
                 input_.bottoms[static_cast<size_t>(bottom)], first_.tops[static_cast<size_t>(top)],
                 "declared to have the values of " + Indexed("bottom", bottom));
    }
  });
}

void LayerCheck::CheckSharing() {
  const LayerTraits& traits = runner_.traits();
  const Pairs values = FindPairs(
      runner_, [&](int t, int b) { return traits.may_share(t, b) || traits.same_values(t, b); });
  const Pairs diffs = FindPairs(runner_, [&](int t, int b) {
    const bool same = traits.same_values(t, b) && runner_.top_count() == 1;
    return backward_ && input_.wants_bottom[static_cast<size_t>(b)] &&
           (traits.may_share(t, b) || same);
  });
  if (values.empty()) return;
  Promise("tops in the memory of bottoms give the same bits", [&] {
    const auto expect = [&](const Pairs& value, const Pairs& diff, const std::string& words) {
      RunInput input = input_;
      input.shared_values = value;
      input.shared_diffs = diff;
      ExpectSame(first_, RunOnce(input), words);
    };
    for (const auto& pair : values) expect({pair}, {}, "with " + Words(pair, "", ""));
    for (const auto& pair : diffs) {
      expect({}, {pair}, "with the diff of " + Words(pair, "", "the diff of "));
    }
    const Pairs value = Together(values, traits, false), diff = Together(diffs, traits, true);
    if (value.size() + diff.size() > 1) expect(value, diff, "with all shared memory at once");
  });
}

}  // namespace moka
