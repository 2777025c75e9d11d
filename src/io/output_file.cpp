// A file that appears under its name only when it is whole: written beside it, then renamed.
#include "io/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "moka/error.h"

namespace moka {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

std::string TemporaryName(const std::string& path) {
  static std::atomic<int> count{0};  // several files of one process may be under way
  return path + ".tmp" + std::to_string(getpid()) + "." + std::to_string(count++);
}

}  // namespace

OutputFile::OutputFile(const std::string& path) : path_(path), temporary_(TemporaryName(path)) {
  file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) Fail();
  buffer_.reserve(kBufferBytes);
}

OutputFile::~OutputFile() {
  if (file_ >= 0) close(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::Fail() const {
  throw Error("cannot write \"", path_, "\": ", std::strerror(errno));
}

void OutputFile::WriteThrough(const char* data, int64_t bytes) {
  while (bytes > 0) {
    const ssize_t put = write(file_, data, static_cast<size_t>(bytes));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) Fail();
    data += put;
    bytes -= put;
  }
}

void OutputFile::Flush() {
  WriteThrough(buffer_.data(), static_cast<int64_t>(buffer_.size()));
  buffer_.clear();
}

void OutputFile::Write(const void* data, int64_t bytes) {
  const char* from = static_cast<const char*>(data);
  if (buffer_.size() + static_cast<size_t>(bytes) > kBufferBytes) Flush();
  if (static_cast<size_t>(bytes) > kBufferBytes) {
    WriteThrough(from, bytes);
  } else {
    buffer_.insert(buffer_.end(), from, from + bytes);
  }
}

void OutputFile::Commit() {
  Flush();
  if (fsync(file_) != 0 && errno != EINVAL && errno != EROFS)
    Fail();  // not every file can be synced
  const int closed = close(file_);
  file_ = -1;
  if (closed != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0) Fail();
  temporary_.clear();
}

}  // namespace moka
