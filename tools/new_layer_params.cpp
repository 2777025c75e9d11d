// moka new-layer --params: "beta:float=1,gain:int".
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "command.h"
#include "moka/error.h"
#include "new_layer.h"

namespace moka::tool {
namespace {

const std::vector<std::string> kTypes = {"float",  "double", "int",  "int32", "int64",
                                         "uint32", "uint64", "bool", "string"};

// Of C++20, of Protobuf's language and its generated code, and macros of the C library.
constexpr std::array kReserved = std::to_array<std::string_view>(
    {"alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break",
     "case", "catch", "char", "char8_t", "char16_t", "char32_t", "class", "compl", "concept",
     "const", "consteval", "constexpr", "constinit", "const_cast", "continue", "co_await",
     "co_return", "co_yield", "decltype", "default", "delete", "do", "double", "dynamic_cast",
     "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto",
     "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
     "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register",
     "reinterpret_cast", "requires", "return", "short", "signed", "sizeof", "static",
     "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local",
     "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using",
     "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
     // Protobuf
     "extend", "extensions", "group", "import", "message", "oneof", "option", "optional", "package",
     "repeated", "required", "reserved", "returns", "rpc", "service", "syntax", "default_instance",
     "internal_default_instance", "mutable_unknown_fields", "unknown_fields",
     // macros
     "assert", "errno", "linux", "major", "minor", "stderr", "stdin", "stdout", "unix"});

[[noreturn]] void Refuse(const std::string& why) { throw UsageError("--params: " + why); }

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1));
}

// Small letters and digits, with single underscores between them; a letter first.
bool IsSnakeCase(std::string_view name) {
  bool underscore = true;  // none at the beginning
  for (const char c : name) {
    const bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
    if (!letter && !digit && (c != '_' || underscore)) return false;
    underscore = c == '_';
  }
  return !underscore && !(name[0] >= '0' && name[0] <= '9');
}

void CheckName(const std::string& name, const NewLayerKind& kind,
               const std::vector<NewParam>& before) {
  if (!IsSnakeCase(name)) {
    const std::string stem = StemOf(name);
    Refuse(
        fmt::format("\"{}\" cannot be a parameter's name: that is small letters, digits and "
                    "single underscores between them, a letter first{}",
                    name, IsSnakeCase(stem) ? fmt::format("; did you mean \"{}\"?", stem) : ""));
  }
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
    Refuse(fmt::format("\"{}\" has a meaning in C++ or Protobuf; choose another name", name));
  }
  for (const char* own : kind.own_names) {
    if (name == own) {
      Refuse(fmt::format("the layer has a \"{}\" of its own with --{}; choose another name", name,
                         kind.flag));
    }
  }
  for (const NewParam& other : before) {
    if (name == other.name) Refuse(fmt::format("\"{}\" is there twice", name));
    // Protobuf makes has_beta(), set_beta() and so on of beta.
    for (const char* prefix :
         {"has_", "set_", "clear_", "mutable_", "release_", "set_allocated_"}) {
      if (name == prefix + other.name || other.name == prefix + name) {
        Refuse(
            fmt::format("\"{}\" and \"{}\" do not go together: Protobuf makes one of the other; "
                        "choose another name",
                        other.name, name));
      }
    }
  }
}

std::string CheckType(const std::string& name, const std::string& type) {
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    const std::string nearest = DidYouMean(type, kTypes);
    Refuse(fmt::format("unknown type \"{}\" of \"{}\"{}{} There are {}", type, name, nearest,
                       nearest.empty() ? "." : "", fmt::join(kTypes, ", ")));
  }
  return type == "int" ? "int32" : type;
}

// Checks of a default: each returns it as .proto and .prototxt want it. `what` begins the refusal.

template <typename Integer>
std::string WholeNumber(const std::string& what, const std::string& text) {
  Integer value = 0;
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  const bool digits =
      text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) == std::string::npos &&
      text != "-";
  if (!digits) Refuse(what + " is no whole number");
  if (error != std::errc() || read != end) {
    Refuse(fmt::format("{} is not from {} to {}", what, std::numeric_limits<Integer>::min(),
                       std::numeric_limits<Integer>::max()));
  }
  return fmt::format("{}", value);
}

template <typename Real>
std::string RealNumber(const std::string& what, const std::string& text) {
  Real value = 0;
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  if (read != end || error == std::errc::invalid_argument) Refuse(what + " is no number");
  if (error == std::errc::result_out_of_range) Refuse(what + " is too large or too small");
  if (!std::isfinite(value)) Refuse(what + " is not finite");
  return fmt::format("{}", value);
}

std::string Quoted(const std::string& what, const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c < ' ' || c > '~') Refuse(what + " has a character that is not printable ASCII");
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string CheckDefault(const std::string& name, const std::string& type,
                         const std::string& text) {
  const std::string what = fmt::format("the default of {} ({}), \"{}\",", name, type, text);
  if (type == "string") return Quoted(what, text);
  if (text.empty()) Refuse(fmt::format("\"{}\" has a \"=\", but no default behind it", name));
  if (type == "float") return RealNumber<float>(what, text);
  if (type == "double") return RealNumber<double>(what, text);
  if (type == "int32") return WholeNumber<int32_t>(what, text);
  if (type == "int64") return WholeNumber<int64_t>(what, text);
  if (type == "uint32") return WholeNumber<uint32_t>(what, text);
  if (type == "uint64") return WholeNumber<uint64_t>(what, text);
  if (text != "true" && text != "false") Refuse(what + " is neither true nor false");
  return text;
}

NewParam ParseOne(const std::string& entry, const NewLayerKind& kind,
                  const std::vector<NewParam>& before) {
  const size_t colon = entry.find(':');
  const size_t equals = entry.find('=');
  if (colon == std::string::npos || colon > equals) {
    Refuse(
        fmt::format("\"{}\" is not name:type or name:type=default; several are separated by "
                    "commas: \"beta:float=1,count:int\"",
                    entry));
  }
  NewParam param;
  param.name = Trimmed(entry.substr(0, colon));
  CheckName(param.name, kind, before);
  param.type = CheckType(param.name, Trimmed(entry.substr(colon + 1, equals - colon - 1)));
  if (equals != std::string::npos) {
    param.value = CheckDefault(param.name, param.type, Trimmed(entry.substr(equals + 1)));
  }
  return param;
}

}  // namespace

std::vector<NewParam> ParseNewParams(const std::string& text, const NewLayerKind& kind) {
  std::vector<NewParam> params;
  if (text.empty()) return params;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    params.push_back(ParseOne(Trimmed(text.substr(begin, end - begin)), kind, params));
    begin = end + 1;
  }
  return params;
}

}  // namespace moka::tool
