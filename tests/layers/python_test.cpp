// Python: refused, with a way out, until there are Python bindings.
#include "caught.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

TEST(Python, SaysThatItNeedsBindingsAndWhatToDo) {
  EXPECT_EQ(
      WhyRefused("layer { name: 'rois' type: 'Python' top: 'rois' python_param { module: "
                 "'rpn.proposal_layer' layer: 'ProposalLayer' param_str: '16' "
                 "share_in_parallel: true } }"),
      "1:1: layer \"rois\" (Python): runs the Python class rpn.proposal_layer.ProposalLayer, "
      "which needs Moka's Python bindings, and there are none yet: write the layer in C++, as "
      "a plugin (`moka new-layer`)");
  EXPECT_EQ(
      Caught([] { RunLayer("type: 'Python'", {1}); }).message(),
      "runs a Python class, which needs Moka's Python bindings, and there are none yet: write "
      "the layer in C++, as a plugin (`moka new-layer`)");
}

}  // namespace
}  // namespace moka
