// What of HDF5 there is in every build. The signature is from the HDF5 File Format Specification,
// "Superblock".
#include "io/hdf5.h"

#include <array>

#include "io/wire_reader.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);

struct Escape {
  std::string_view from, to;
};
constexpr std::array<Escape, 3> kEscapes = {
    {{"%", "%25"}, {"/", "%2F"}, {std::string_view("\0", 1), "%00"}}};
constexpr std::string_view kEmpty = "%", kDot = "%2E";

}  // namespace

void NeedHdf5(std::string_view verb, const std::string& path) {
  if (HasHdf5()) return;
  throw Error("cannot ", verb, " \"", path,
              "\": this build of Moka has no HDF5; install the library (Debian: libhdf5-dev) and "
              "build again with cmake -DMOKA_HDF5=ON");
}

bool IsHdf5File(const std::string& path) {
  WireReader reader(path);
  if (reader.size() < static_cast<int64_t>(kSignature.size())) return false;
  std::array<char, kSignature.size()> start;
  reader.Read(start.data(), start.size());
  return std::string_view(start.data(), start.size()) == kSignature;
}

std::string EscapeHdf5Name(std::string_view name) {
  if (name.empty()) return std::string(kEmpty);
  if (name == ".") return std::string(kDot);
  std::string link;
  for (size_t i = 0; i < name.size(); ++i) {
    std::string_view piece = name.substr(i, 1);
    for (const Escape& escape : kEscapes) {
      if (piece == escape.from) {
        piece = escape.to;
        break;
      }
    }
    link += piece;
  }
  return link;
}

std::string UnescapeHdf5Name(std::string_view link) {
  if (link == kEmpty) return "";
  if (link == kDot) return ".";
  std::string name;
  while (!link.empty()) {
    Escape next = {link.substr(0, 1), link.substr(0, 1)};
    for (const Escape& escape : kEscapes) {
      if (link.starts_with(escape.to)) next = escape;
    }
    name += next.from;
    link.remove_prefix(next.to.size());
  }
  return name;
}

}  // namespace moka
