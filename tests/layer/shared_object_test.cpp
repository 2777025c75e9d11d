// What is said of files that are no shared library for this machine, and of those that were cut.
#include "layer/shared_object.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/data_files.h"
#include "moka/error.h"

namespace moka {
namespace {

#if defined(__aarch64__)
constexpr int kHere = EM_AARCH64;
#else
constexpr int kHere = EM_X86_64;
#endif

template <typename T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A library of 200 bytes: the header (64), one segment's header (56), and 80 bytes of contents.
struct Library {
  Library() {
    header.e_type = ET_DYN;
    header.e_machine = kHere;
    header.e_phoff = sizeof header;
    header.e_phnum = 1;
    segment.p_offset = 120;
    segment.p_filesz = 80;
  }
  std::string bytes() const { return Bytes(header) + Bytes(segment) + std::string(80, 'x'); }

  Elf64_Ehdr header = {{ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0,
                       0};
  Elf64_Phdr segment = {};
};

std::string Refused(const std::string& bytes) {
  const testing::TemporaryFolder folder;
  return Refusal<Error>(folder, [&] { CheckSharedObject(folder.Write("lib.so", bytes)); });
}

const char* const kInSegment =
    "not a whole shared library: it ends after 200 bytes, within a segment";

TEST(SharedObject, IsTakenIfAllThatItSpeaksOfIsThere) {
  Library library;
  library.header.e_shoff = 136;
  library.header.e_shentsize = 64;
  library.header.e_shnum = 1;
  EXPECT_EQ(Refused(library.bytes()), "nothing was thrown");
}

TEST(SharedObject, IsNoStaticLibrary) {
  EXPECT_EQ(Refused("!<arch>\nrelu.o/"), "not a shared library: it is a static library");
}

TEST(SharedObject, IsForThisMachine) {
  Library library;
  library.header.e_machine = EM_MIPS;
  EXPECT_EQ(Refused(library.bytes()),
            "not a shared library for this machine: it was built for ELF machine 8, this is " +
                std::to_string(kHere));
}

TEST(SharedObject, HoldsItsSegments) {
  Library library;
  library.segment.p_filesz = 81;
  EXPECT_EQ(Refused(library.bytes()), kInSegment);
  library.segment.p_filesz = UINT64_MAX;
  EXPECT_EQ(Refused(library.bytes()), kInSegment);
  library.segment = {};
  library.segment.p_offset = 201;
  EXPECT_EQ(Refused(library.bytes()), kInSegment);
}

TEST(SharedObject, HoldsTheHeadersOfItsSegments) {
  Library library;
  library.header.e_phoff = 145;
  EXPECT_EQ(Refused(library.bytes()), kInSegment);
  library.header.e_phoff = UINT64_MAX - 7;
  EXPECT_EQ(Refused(library.bytes()), kInSegment);
}

TEST(SharedObject, HoldsItsSections) {
  const char* const refusal =
      "not a whole shared library: it ends after 200 bytes, before its sections";
  Library library;
  library.header.e_shoff = 201;
  EXPECT_EQ(Refused(library.bytes()), refusal);
  library.header.e_shoff = 137;
  library.header.e_shentsize = 64;
  library.header.e_shnum = 1;
  EXPECT_EQ(Refused(library.bytes()), refusal);
}

}  // namespace
}  // namespace moka
