// The text format of protocol buffers ("prototxt"), read with the place of every field and with all
// errors, in plain words.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "moka/description.h"
#include "moka/error.h"

namespace moka {

inline constexpr int64_t kMostPrototxtBytes = int64_t{16} << 20;
inline constexpr int kMostPrototxtDepth = 100;
inline constexpr int kMostErrors = 20;

// What is wrong with field `name`, which `message` does not have; `path` is where the message
// stands ("layer[3].relu_param"). An empty answer skips the entry in silence.
using ExplainUnknown = std::function<std::string(const google::protobuf::Message& message,
                                                 const std::string& path, const std::string& name)>;

struct PrototxtResult {
  Places places;              // by path from the top: "layer[3].convolution_param.kernel_size[1]"
  std::vector<Error> errors;  // the first of each top-level entry, at most kMostErrors
  // The names and texts of the entries that were left out.
  std::set<std::string> lost;
};

// Reads `text` into `message`. An entry with an error is left out, and reading goes on with the
// next one. Never throws for what stands in the text; takes memory in proportion to it, and a fixed
// amount of stack.
PrototxtResult ReadPrototxt(std::string_view text, const std::string& file,
                            const ExplainUnknown& explain, google::protobuf::Message& message);

// The fields that a message has in text: its own, and the extensions that its pool knows, by their
// plain names.
std::vector<const google::protobuf::FieldDescriptor*> FieldsOf(
    const google::protobuf::Descriptor& type);
const google::protobuf::FieldDescriptor* FindFieldOf(const google::protobuf::Descriptor& type,
                                                     const std::string& name);

// A path as it is shown: without the entry of the file that it is in and without indices.
// "pooling_param.pool".
std::string ShownPath(std::string_view path);

}  // namespace moka
