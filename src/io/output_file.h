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
  void Commit();

 private:
  void Flush();
  void WriteThrough(const char* data, int64_t bytes);
  [[noreturn]] void Fail() const;

  std::string path_, temporary_;
  int file_ = -1;
  std::vector<char> buffer_;
};

}  // namespace moka
