// What a new layer may be called.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "command.h"
#include "moka/error.h"
#include "moka/registry.h"
#include "new_layer.h"

namespace moka::tool {
namespace {

constexpr size_t kLongestName = 60;

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsCamelCase(const std::string& name) {
  return !name.empty() && IsUpper(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
    return IsUpper(c) || IsLower(c) || IsDigit(c);
  });
}

// "my-layer" -> "MyLayer"; "" if there is no letter to begin with.
std::string CamelCase(const std::string& name) {
  std::string camel;
  bool begins = true;
  for (const char c : name) {
    if (!IsUpper(c) && !IsLower(c) && !IsDigit(c)) {
      begins = true;
    } else if (!camel.empty() || !IsDigit(c)) {
      camel += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      begins = false;
    }
  }
  return camel;
}

// Macros and names of the C library; members of layers and of the templates; a library and targets
// that CMake has already.
constexpr std::array kTaken = {
    "DIR",    "EOF",      "FILE",          "INFINITY",       "NAN",     "NULL",
    "TEST",   "Backward", "Channels",      "Forward",        "Grain",   "Interface",
    "Layer",  "LogCosh",  "ParamBackward", "RegisterPlugin", "Reshape", "SetUp",
    "Traits", "All",      "Clean",         "Depend",         "Edit",    "Experimental",
    "Help",   "Install",  "Moka",          "Package",        "Test"};

// Why a name that is spelt as a type is not free; "" if it is.
std::string WhyTaken(const std::string& name) {
  if (name.size() > kLongestName) {
    return fmt::format("\"{}\" has {} characters; {} are enough", name, name.size(), kLongestName);
  }
  if (std::find(kTaken.begin(), kTaken.end(), name) != kTaken.end()) {
    return fmt::format(
        "\"{0}\" has another meaning in C++, CMake or Moka; choose another name, such as My{0}",
        name);
  }
  const Registry registry = BuiltinLayers();
  if (registry.Find(name)) {
    return fmt::format(
        "\"{0}\" is a built-in layer, which `moka layers {0}` explains; "
        "choose another name, such as My{0}",
        name);
  }
  const std::string field = StemOf(name) + "_param";
  if (registry.FindField(field)) {
    return fmt::format(
        "the parameters of \"{0}\" would be {1}, which a built-in layer has "
        "already; choose another name, such as My{0}",
        name, field);
  }
  return "";
}

// What a name that is not spelt as a type may have meant.
std::string Suggestion(const std::string& name) {
  const std::string camel = CamelCase(name);
  if (camel.empty()) return "";
  const std::string taken = WhyTaken(camel);
  return taken.empty() ? fmt::format("; did you mean \"{}\"?", camel) : "; and " + taken;
}

}  // namespace

std::string StemOf(std::string_view name) {
  std::string stem;
  for (size_t i = 0; i < name.size(); ++i) {
    if (i > 0 && IsUpper(name[i]) && i + 1 < name.size()) {
      const bool after_word = !IsUpper(name[i - 1]);
      const bool after_capitals = i > 1 && IsUpper(name[i - 1]) && IsUpper(name[i - 2]);
      const char next = name[i + 1];
      // MyLayer, LSTMCell, SnakeV2; but ReLU, PReLU, TanH and ELU2 are words.
      if ((IsLower(next) && (after_word || after_capitals)) || (IsDigit(next) && after_word)) {
        stem += '_';
      }
    }
    stem += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return stem;
}

void CheckLayerName(const std::string& name) {
  if (!IsCamelCase(name)) {
    throw UsageError(
        fmt::format("\"{}\" cannot be a layer's type: that is a capital letter, then "
                    "letters and digits{}",
                    name, Suggestion(name)));
  }
  if (const std::string taken = WhyTaken(name); !taken.empty()) throw UsageError(taken);
}

}  // namespace moka::tool
