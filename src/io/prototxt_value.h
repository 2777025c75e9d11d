// One scalar value of a prototxt.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "io/prototxt_tokens.h"

namespace moka {

// Takes a number, truth value, name or text from the tokens and sets (or adds to) `field`, which is
// no message. Throws Error with its place; `path` is how the message calls the field.
void ReadScalar(PrototxtTokens& tokens, const google::protobuf::FieldDescriptor& field,
                const std::string& path, google::protobuf::Message& message);

}  // namespace moka
