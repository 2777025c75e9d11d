// A plugin that was built together with the library need not be tried in each command anew: what
// would come of it, is known. See docs/decisions/0020.
#include "layer/tried_plugin.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "layer/installed_files.h"
#include "layer/plugin_library.h"
#include "layer/plugin_probe.h"
#include "moka/error.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// Empty if it cannot be read.
std::string Contents(const std::string& path) {
  std::error_code failure;
  const auto size = fs::file_size(path, failure);
  if (failure) return "";
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

// For files that were damaged or changed, not against those who want to deceive: they could replace
// the library itself.
uint64_t Checksum(const std::string& bytes) {
  uint64_t sum = bytes.size();
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min(sizeof word, bytes.size() - i));
    sum = (sum ^ word) * 0x9e3779b97f4a7c15U;
    sum ^= sum >> 29;
  }
  return sum;
}

std::string Hex(const unsigned char* bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

// The build id among the notes of a segment, or "".
std::string BuildIdIn(const char* notes, size_t size) {
  const auto padded = [](size_t n) { return (n + 3) & ~size_t{3}; };
  ElfW(Nhdr) note;
  for (size_t at = 0; at + sizeof note <= size;) {
    std::memcpy(&note, notes + at, sizeof note);
    const size_t name = at + sizeof note, value = name + padded(note.n_namesz);
    const size_t next = value + padded(note.n_descsz);
    if (next > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(notes + name, "GNU", 4) == 0) {
      return Hex(reinterpret_cast<const unsigned char*>(notes + value), note.n_descsz);
    }
    at = next;
  }
  return "";
}

// The linker's build id of the file that this code is in, or "".
std::string LibraryId() {
  struct Search {
    ElfW(Addr) here = reinterpret_cast<ElfW(Addr)>(&LibraryId);
    std::string id;
  } search;
  const auto look = [](dl_phdr_info* info, size_t, void* data) {
    auto& found = *static_cast<Search*>(data);
    bool ours = false;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = info->dlpi_phdr[i];
      const ElfW(Addr) begin = info->dlpi_addr + segment.p_vaddr;
      ours |=
          segment.p_type == PT_LOAD && found.here >= begin && found.here < begin + segment.p_memsz;
    }
    for (int i = 0; ours && found.id.empty() && i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = info->dlpi_phdr[i];
      if (segment.p_type != PT_NOTE) continue;
      found.id = BuildIdIn(reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr),
                           segment.p_memsz);
    }
    return ours ? 1 : 0;
  };
  dl_iterate_phdr(look, &search);
  return search.id;
}

// What the note says.
std::string Note(const std::string& path, const std::string& library) {
  const std::string bytes = Contents(path);
  std::ostringstream note;
  note << "tried with libmoka " << library << ": " << bytes.size() << " bytes, checksum "
       << std::hex << Checksum(bytes) << "\n";
  return note.str();
}

}  // namespace

bool WasTriedByTheBuild(const std::string& path) {
  std::error_code failure;
  const fs::path folder = fs::canonical(fs::path(path).parent_path(), failure);
  if (failure || folder != fs::path(InstalledPluginFolder())) return false;
  const std::string note = Contents(path + ".tried");
  if (note.empty()) return false;
  const std::string library = LibraryId();
  return !library.empty() && note == Note(path, library);
}

void TryForTheBuild(const std::string& path) {
  const std::string file = path + ".tried";
  std::error_code ignored;
  fs::remove(file, ignored);
  CheckPluginFile(path);
  PluginProbe().Try(path);
  std::ofstream(file) << Note(path, LibraryId());
}

}  // namespace moka
