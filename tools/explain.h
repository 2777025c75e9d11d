// What `moka layers` and `moka plugin` tell of the types in a registry.
#pragma once

#include <string>
#include <vector>

#include "moka/registry.h"
#include "moka/schema.h"

namespace moka::tool {

// Calls visit("filler", "fillers", the pointers to the types) and so on for each kind of type that
// is no layer.
template <typename Visit>
void ForEachOtherKind(const Registry& registry, const Visit& visit) {
  visit("filler", "fillers", registry.fillers());
  visit("solver", "solvers", registry.update_rules());
  visit("learning-rate policy", "learning-rate policies", registry.learning_rate_policies());
  visit("data format", "data formats", registry.data_sources());
}

// The names of the layer types that came from there.
std::vector<std::string> LayersFrom(const Registry& registry, const std::string& origin);

std::string Join(const std::vector<std::string>& texts, const char* between);

// Whom an explanation is for. Who writes layers wants to see what they declare for the net's sake.
enum class Reader { kUser, kAuthor };

// What a layer declares, in words and lines: "1 bottom, 1 top", "a loss". If its Traits function
// refuses a layer without parameters: why.
std::vector<std::string> TraitsInWords(const Registry& registry, const LayerType& type,
                                       Reader reader);

// A comment of a type as one line for each of its paragraphs, without "TYPE: " in front: one begins
// after an empty line, with a line that begins with a word or two and a colon, and with "Caffe: ".
std::vector<std::string> Paragraphs(const std::string& comment, const std::string& type);

// A paragraph in lines of at most 100 columns; all but the first are indented by two more.
void PrintWrapped(const std::string& paragraph, const std::string& indent);

// docs/layers.md: all layers with their comments, traits and parameters.
void PrintLayersPage(const Registry& registry);

// Fields with types, defaults and comments; an empty line comes first.
void PrintParams(const std::vector<MessageHelp>& messages, const std::string& indent);

}  // namespace moka::tool
