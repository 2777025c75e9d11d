// Caught(f): the Error that f throws, for tests of refusals by their text.
#pragma once

#include <gtest/gtest.h>

#include "moka/error.h"

namespace moka {

template <typename F>
Error Caught(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error("nothing was thrown");
}

}  // namespace moka
