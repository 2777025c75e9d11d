// A file that appears under its name only when it is whole: written beside it, then renamed.
#include "io/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "io/system_calls.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
constexpr const char* kMark = ".tmp";  // PATH.tmpPROCESS.NUMBER
constexpr const char* kDigits = "0123456789";

std::string TemporaryName(const std::string& path) {
  static std::atomic<int> count{0};  // several files of one process may be under way
  return path + kMark + std::to_string(getpid()) + "." + std::to_string(count++);
}

bool IsTemporary(const std::string& name) {
  const size_t mark = name.rfind(kMark);
  if (mark == std::string::npos) return false;
  const std::string numbers = name.substr(mark + std::char_traits<char>::length(kMark));
  const size_t dot = numbers.find_first_not_of(kDigits);
  if (dot == 0 || dot == std::string::npos || numbers[dot] != '.') return false;
  return dot + 1 < numbers.size() &&
         numbers.find_first_not_of(kDigits, dot + 1) == std::string::npos;
}

// Waits for it if `command` is F_OFD_SETLKW. False if another has it, or the system has none. The
// lock is of the open file, and ends with its last descriptor. Not flock(), with which HDF5 locks
// what it writes if HDF5_USE_FILE_LOCKING says so: it would find its file locked.
bool Lock(int file, int command) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (fcntl(file, command, &whole) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

// Some file systems cannot sync a file or a folder, and say so with these.
bool CannotSync(int code) { return code == EINVAL || code == EROFS || code == ENOTSUP; }

// Returns 0 or errno.
int Sync(int file) {
  while (Calls().fsync(file) != 0) {
    if (errno != EINTR) return CannotSync(errno) ? 0 : errno;
  }
  return 0;
}

uint32_t Count(uint32_t checksum, const void* data, size_t bytes) {
  return static_cast<uint32_t>(crc32_z(checksum, static_cast<const Bytef*>(data), bytes));
}

}  // namespace

OutputFile::OutputFile(const std::string& path) : path_(path) {
  do {  // one may be left of a process that died and had our number
    temporary_ = TemporaryName(path);
    file_ = Calls().open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (file_ < 0 ? errno == EEXIST || errno == EINTR : !Claim());
  if (file_ < 0) Fail();
  buffer_.reserve(kBufferBytes);
}

OutputFile::~OutputFile() {
  if (file_ >= 0) Calls().close(file_);
  if (!temporary_.empty()) Calls().unlink(temporary_.c_str());
  if (lock_ >= 0) close(lock_);
}

// Locks it. False if another process took it for a leftover before that.
bool OutputFile::Claim() {
  Lock(file_, F_OFD_SETLKW);
  if (access(temporary_.c_str(), F_OK) != 0 && errno == ENOENT) {
    Calls().close(file_);
    return false;
  }
  lock_ = fcntl(file_, F_DUPFD_CLOEXEC, 0);
  return true;
}

void OutputFile::Fail() const {
  throw Error("cannot write \"", path_, "\": ", std::generic_category().message(errno));
}

void OutputFile::WriteThrough(const char* data, int64_t bytes) {
  while (bytes > 0) {
    const ssize_t put = Calls().write(file_, data, static_cast<size_t>(bytes));
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
  const auto size = static_cast<size_t>(bytes);
  checksum_ = Count(checksum_, data, size);
  if (buffer_.size() + size > kBufferBytes) Flush();
  if (size > kBufferBytes) {
    WriteThrough(from, bytes);
  } else {
    buffer_.insert(buffer_.end(), from, from + bytes);
  }
}

void OutputFile::Adopt() {
  checksum_ = 0;
  const int file = Calls().open(temporary_.c_str(), O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) Fail();
  std::vector<char> piece(1 << 20);
  ssize_t got;
  while ((got = read(file, piece.data(), piece.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    checksum_ = Count(checksum_, piece.data(), static_cast<size_t>(got));
  }
  const int code = got < 0 ? errno : 0;
  close(file);  // of what was only read
  if ((errno = code) != 0 || lseek(file_, 0, SEEK_END) < 0) Fail();
}

void OutputFile::Commit() {
  Flush();
  const int synced = Sync(file_);
  const int closed = Calls().close(file_) == 0 ? 0 : errno;  // some report a full disk only here
  file_ = -1;
  errno = synced != 0 ? synced : closed;
  if (errno != 0 || Calls().rename(temporary_.c_str(), path_.c_str()) != 0) Fail();
  temporary_.clear();
  if (lock_ >= 0) close(std::exchange(lock_, -1));
  SyncFolder();
}

// So that the new name survives a power cut. A folder that may be written to, but not read, cannot
// be opened for it.
void OutputFile::SyncFolder() const {
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  int file;
  do {
    file = Calls().open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  } while (file < 0 && errno == EINTR);
  if (file < 0 && errno == EACCES) return;
  int code = file < 0 ? errno : Sync(file);
  if (file >= 0 && Calls().close(file) != 0 && code == 0) code = errno;
  errno = code;
  if (code != 0) Fail();
}

void RemoveLeftover(const std::string& temporary) {
  if (!IsTemporary(temporary)) return;
  // To be written: else there is no such lock.
  const int file = open(temporary.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return;
  struct stat ours {};
  struct stat named {};
  // It may have gone since, and its name be that of a new one.
  if (Lock(file, F_OFD_SETLK) && fstat(file, &ours) == 0 && lstat(temporary.c_str(), &named) == 0 &&
      ours.st_ino == named.st_ino) {
    Calls().unlink(temporary.c_str());
  }
  close(file);
}

}  // namespace moka
