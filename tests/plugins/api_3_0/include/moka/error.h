// The one exception for everything that a user can cause: files, prototxt, shapes, labels, plugins,
// snapshots.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "moka/export.h"

namespace moka {

// Where something stands in a file. Lines and columns count from 1; 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

// "net.prototxt:31:3"; parts that are unknown are left out.
MOKA_EXPORT std::string ToString(const Place& place);

// What went wrong, and, as it travels up, where. Whoever throws says what is wrong *with the
// numbers*; the net adds the layer, the reader adds file, line and column. Copies share one
// immutable state, so copying never throws.
//
//   throw Error("kernel_size ", kernel, " is larger than the padded input, ",
//   padded).At("convolution_param.kernel_size");
class MOKA_EXPORT Error : public std::exception {
 public:
  // The message is the parts one after the other, as operator<< writes them.
  template <typename... Parts>
  explicit Error(std::string_view first, const Parts&... rest)
      : Error(Joined{Join(first, rest...)}) {}

  // Names the field at fault, as a path below the layer or solver: "convolution_param.kernel_size".
  Error& At(std::string field);
  // Puts text in front of the message: layer "conv2" (Convolution): ...
  Error& Prefix(std::string_view text);
  Error& SetPlace(Place place);
  // Which sample of the batch is at fault; the net adds which item of the data that was.
  Error& Sample(int64_t sample);
  Error& Suffix(std::string_view text);

  const std::string& message() const;  // without the place
  const std::string& field() const;    // empty if unknown
  const Place& place() const;
  int64_t sample() const;                      // -1 if unknown
  const char* what() const noexcept override;  // "file:line:column: message"

  // The command's exit status for this error: 1, or 3 for numbers that are no longer finite.
  virtual int exit_status() const { return 1; }

 protected:
  struct Joined {
    std::string text;
  };
  explicit Error(Joined message);

 private:
  friend class ErrorList;
  struct State;

  template <typename... Parts>
  static std::string Join(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
  }
  State& Own();

  std::shared_ptr<State> state_;
};

// Several errors of one file, in order; what() has one line for each. Never empty.
class MOKA_EXPORT ErrorList : public Error {
 public:
  explicit ErrorList(std::vector<Error> errors);
  const std::vector<Error>& errors() const { return errors_; }

 private:
  std::vector<Error> errors_;
};

// A loss or gradient that is no longer finite. Exit status 3.
class MOKA_EXPORT Diverged : public Error {
 public:
  using Error::Error;
  int exit_status() const override { return 3; }
};

// The candidate that `word` most likely means (case ignored, few edits), or "".
MOKA_EXPORT std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);
// `; did you mean "ReLU"?` with the nearest candidate, or "".
MOKA_EXPORT std::string DidYouMean(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace moka
