// What can be known of a shared library before it is loaded: its kind, from the ELF header.
#include "layer/shared_object.h"

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "moka/error.h"

namespace moka {
namespace {

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#else
constexpr int kMachine = EM_NONE;  // not checked
#endif

// The first bytes of a file that is not ELF, in words.
std::string WhatItIs(const std::string& start) {
  if (start.empty()) return "it is empty";
  if (start.rfind("#!", 0) == 0) return "it is a script";
  if (start.rfind("!<arch>", 0) == 0) return "it is a static library";
  const bool text = std::all_of(start.begin(), start.end(), [](unsigned char c) {
    return (c >= 32 && c != 127) || (c >= '\t' && c <= '\r');
  });
  return text ? "it is text" : "it begins with other bytes than an ELF file";
}

void CheckHeader(const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64)
    throw Error("not a shared library for this machine: it is a 32-bit one");
  if (header.e_type == ET_REL)
    throw Error("not a shared library: it is an object file (link it with -shared)");
  if (header.e_type != ET_DYN) throw Error("not a shared library: it is a program or a core file");
  if (kMachine != EM_NONE && header.e_machine != kMachine) {
    throw Error("not a shared library for this machine: it was built for ELF machine ",
                header.e_machine, ", this is ", kMachine);
  }
}

}  // namespace

void CheckSharedObject(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) throw Error(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw Error("not a shared library: it is a folder");
  if (!S_ISREG(status.st_mode)) throw Error("not a shared library: it is no regular file");

  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(std::strerror(errno));
  std::string start(std::min<size_t>(static_cast<size_t>(status.st_size), sizeof(Elf64_Ehdr)),
                    '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  if (start.rfind(std::string(ELFMAG, SELFMAG), 0) != 0)
    throw Error("not a shared library: ", WhatItIs(start));
  if (start.size() < sizeof(Elf64_Ehdr))
    throw Error("not a whole shared library: it ends within its header");
  Elf64_Ehdr header;
  std::memcpy(&header, start.data(), sizeof header);
  CheckHeader(header);

  // A library that was cut short would end this process with a bus error while it is loaded.
  const auto size = static_cast<uint64_t>(status.st_size);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    file.seekg(
        static_cast<std::streamoff>(header.e_phoff + static_cast<uint64_t>(i) * sizeof segment));
    file.read(reinterpret_cast<char*>(&segment), sizeof segment);
    const bool inside =
        file && segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset;
    if (!inside) {
      throw Error("not a whole shared library: it ends after ", size, " bytes, within a segment");
    }
  }
  const uint64_t sections = uint64_t{header.e_shnum} * header.e_shentsize;
  if (header.e_shoff > size || sections > size - header.e_shoff) {
    throw Error("not a whole shared library: it ends after ", size, " bytes, before its sections");
  }
}

}  // namespace moka
