// A file that appears under its name only when it is whole: written beside it, then renamed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moka {

// Throws Error with the system's reason. Not synchronised.
class OutputFile {
 public:
  // Makes the temporary file, which goes away again without Commit.
  explicit OutputFile(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(const void* data, int64_t bytes);
  void Write(std::string_view bytes) { Write(bytes.data(), static_cast<int64_t>(bytes.size())); }
  // CRC-32 of all that has been written.
  uint32_t checksum() const { return checksum_; }
  // The file is there, and stays there if the power fails. If that cannot be had for its name
  // alone, this throws, and the file is there, too.
  void Commit();
  // For a library that writes to a name itself. Adopt() makes what it has put there the beginning
  // of this file.
  const std::string& temporary() const { return temporary_; }
  void Adopt();

 private:
  bool Claim();
  void Flush();
  void WriteThrough(const char* data, int64_t bytes);
  void SyncFolder() const;
  [[noreturn]] void Fail() const;

  std::string path_, temporary_;
  int file_ = -1;
  int lock_ = -1;  // the same open file: its lock lasts until there is no temporary file any more
  uint32_t checksum_ = 0;
  std::vector<char> buffer_;
};

// Removes a temporary file that nobody writes any more, as its lock tells, which ends with the
// process; where the file system has no locks, it stays. Files of other names stay.
void RemoveLeftover(const std::string& temporary);

}  // namespace moka
