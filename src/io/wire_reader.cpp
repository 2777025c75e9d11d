// Walks protobuf's wire format in a file of any size, through a small buffer.
#include "io/wire_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "moka/error.h"

namespace moka {
namespace {

constexpr int64_t kBufferBytes = 64 << 10;

}  // namespace

WireReader::WireReader(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a pipe, which is refused below, would wait for somebody who writes to it.
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) throw Error("cannot read \"", path, "\": ", std::strerror(errno));
  struct stat status {};
  if (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file_);
    throw Error("cannot read \"", path, "\": it is ",
                S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  }
  size_ = status.st_size;
  buffer_.resize(kBufferBytes);
}

WireReader::~WireReader() { close(file_); }

void WireReader::Fail(int64_t at, const std::string& what) const {
  throw Error(path_, ": damaged at byte ", at, ": ", what);
}

bool WireReader::Fill() {
  buffer_at_ += next_;
  next_ = filled_ = 0;
  const ssize_t got = pread(file_, buffer_.data(), buffer_.size(), buffer_at_);
  if (got < 0) throw Error("cannot read \"", path_, "\": ", std::strerror(errno));
  filled_ = got;
  return got > 0;
}

void WireReader::Seek(int64_t position) {
  if (position >= buffer_at_ && position <= buffer_at_ + filled_) {
    next_ = position - buffer_at_;
  } else {
    buffer_at_ = position;
    next_ = filled_ = 0;
  }
}

void WireReader::Read(void* out, int64_t bytes) {
  char* to = static_cast<char*>(out);
  const int64_t buffered = std::min(bytes, filled_ - next_);
  std::memcpy(to, buffer_.data() + next_, static_cast<size_t>(buffered));
  next_ += buffered;
  to += buffered;
  bytes -= buffered;
  while (bytes >= kBufferBytes) {  // large pieces go straight to where they belong
    const ssize_t got = pread(file_, to, static_cast<size_t>(bytes), position());
    if (got <= 0) Fail(position(), "the file ends here");
    Seek(position() + got);
    to += got;
    bytes -= got;
  }
  while (bytes > 0) {
    if (next_ == filled_ && !Fill()) Fail(position(), "the file ends here");
    const int64_t piece = std::min(bytes, filled_ - next_);
    std::memcpy(to, buffer_.data() + next_, static_cast<size_t>(piece));
    next_ += piece;
    to += piece;
    bytes -= piece;
  }
}

uint64_t WireReader::ReadVarint(int64_t end) {
  const int64_t at = position();
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position() >= end) Fail(at, "a number is cut short");
    if (next_ == filled_ && !Fill()) Fail(at, "a number is cut short");
    const auto byte = static_cast<unsigned char>(buffer_[static_cast<size_t>(next_++)]);
    value |= static_cast<uint64_t>(byte & 0x7f) << std::min(shift, 63);
    if ((byte & 0x80) == 0) return value;
  }
  Fail(at, "a number of more than 10 bytes");
}

bool WireReader::Next(int64_t end, Field& field) {
  field = Field();
  field.at = position();
  if (field.at >= end) return false;
  const uint64_t tag = ReadVarint(end);
  field.type = static_cast<int>(tag & 7);
  if (tag >> 3 == 0 || tag >> 32 != 0) Fail(field.at, "not a field of a protobuf message");
  field.number = static_cast<int>(tag >> 3);
  uint64_t length = 0;
  switch (field.type) {
    case kVarint:
      field.value = ReadVarint(end);
      break;
    case kFixed64:
      length = 8;
      break;
    case kFixed32:
      length = 4;
      break;
    case kBytes:
      length = ReadVarint(end);
      break;
    default:
      Fail(field.at, "not a field of a protobuf message");
  }
  field.begin = position();
  const int64_t left = end - field.begin;
  if (length > static_cast<uint64_t>(left)) {
    Fail(field.at, "field " + std::to_string(field.number) + " has " + std::to_string(length) +
                       " bytes, " + std::to_string(left) + " are left");
  }
  field.end = field.begin + static_cast<int64_t>(length);
  if (field.type == kFixed32 || field.type == kFixed64) {
    Read(&field.value, static_cast<int64_t>(length));
  }
  return true;
}

std::string WireReader::ReadBytes(const Field& field) {
  std::string bytes(static_cast<size_t>(field.size()), '\0');
  Seek(field.begin);
  Read(bytes.data(), field.size());
  return bytes;
}

}  // namespace moka
