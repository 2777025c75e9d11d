// How initial values are drawn.
#pragma once

#include "moka/error.h"
#include "moka/export.h"
#include "moka/filler.pb.h"
#include "moka/random.h"
#include "moka/tensor.h"

namespace moka {

// One type of filler with its parameters. Its constructor takes (const FillerParameter&, const
// Message&...) and checks them. Immutable: used from any thread.
class MOKA_EXPORT Filler {
 public:
  virtual ~Filler();
  // Throws Error if it cannot fill that shape, with the field below the filler that is at fault.
  virtual void Check(const Shape& shape) const;
  // Writes every element, for a shape that Check accepts: a pure function of (random, shape).
  virtual void Fill(const RandomStream& random, Tensor& tensor) const = 0;
  // Room for growth without breaking plugins: an optional interface by name and version, or
  // nullptr.
  virtual const void* Interface(const char* name, int version) const;
};

class Registry;
// Fills the tensor as `filler` says, with the registry's types. Throws Error with the field: an
// unknown type (did you mean), a value that makes no sense, a shape that cannot be filled.
MOKA_EXPORT void Fill(const Registry& registry, const FillerParameter& filler,
                      const RandomStream& random, Tensor& tensor);

}  // namespace moka
