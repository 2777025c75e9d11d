// Built-in layers against numbers of other implementations: tests/layers/reference.
#include "reference_numbers.h"

namespace moka {
namespace {

const ReferenceNumbers kNumbers(MOKA_SOURCE_DIR "/tests/layers/reference");

}  // namespace
}  // namespace moka
