// Built-in layers against numbers of other implementations: tests/layers/reference. And whether
// every layer has its table of contract cases and such numbers.
#include <set>

#include "layers/contract.h"
#include "reference_numbers.h"

namespace moka {
namespace {

const ReferenceNumbers kNumbers(MOKA_SOURCE_DIR "/tests/layers/reference");

// Python is refused until there are bindings.
TEST(EveryLayer, HasATableOfContractCases) {
  for (const std::string& type : BuiltinLayers().types()) {
    EXPECT_NE(ContractTables().contains(type), type == "Python") << type;
  }
}

// They read, draw or refuse, and compute nothing that another implementation could confirm.
const std::set<std::string> kNoArithmetic = {"Data",      "DummyData", "Input",
                                             "Parameter", "Python",    "Silence",
                                             "Split",     "Dropout",   "SpatialDropout"};

TEST(EveryLayer, IsComparedWithAnotherImplementation) {
  for (const std::string& type : BuiltinLayers().types()) {
    EXPECT_NE(kNumbers.Has(type), kNoArithmetic.contains(type)) << type;
  }
}

}  // namespace
}  // namespace moka
