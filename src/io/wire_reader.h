// Walks protobuf's wire format in a file of any size, through a small buffer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moka {

// Throws Error naming the file, and the byte where what stands there cannot be. Not synchronised.
class WireReader {
 public:
  enum Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  struct Field {
    int number = 0;
    int type = kVarint;
    uint64_t value = 0;  // of kVarint, kFixed64, kFixed32
    int64_t at = 0;      // where its tag stands
    int64_t begin = 0;   // kBytes: where the contents stand
    int64_t end = 0;     // where the next field stands

    bool Is(int n, int t) const { return number == n && type == t; }
    int64_t size() const { return end - begin; }
  };

  explicit WireReader(const std::string& path);
  ~WireReader();
  WireReader(const WireReader&) = delete;
  WireReader& operator=(const WireReader&) = delete;

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }

  // Reads one field of the message that ends at `end`; false if there is none left. After kBytes
  // the position is at `begin`: whoever walks on calls Seek(field.end).
  bool Next(int64_t end, Field& field);
  void Seek(int64_t position);
  void Read(void* out, int64_t bytes);
  std::string ReadBytes(const Field& field);
  uint64_t ReadVarint(int64_t end);
  int64_t position() const { return buffer_at_ + next_; }

  // "FILE: damaged at byte 12: ..."
  [[noreturn]] void Fail(int64_t at, const std::string& what) const;

 private:
  bool Fill();

  std::string path_;
  int file_ = -1;
  int64_t size_ = 0;
  std::vector<char> buffer_;
  int64_t buffer_at_ = 0;  // where the buffer stands in the file
  int64_t filled_ = 0, next_ = 0;
};

}  // namespace moka
