// The layers of SSD against numbers of other implementations: tests/ssd/reference.
#include "reference_numbers.h"
#include "ssd/ssd.h"

namespace moka {
namespace {

const ReferenceNumbers kNumbers(MOKA_SOURCE_DIR "/tests/ssd/reference", SsdRegistry);

}  // namespace
}  // namespace moka
