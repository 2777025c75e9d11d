// Finding, reading, unpacking and replacing files.
#include "moka/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "io/output_file.h"
#include "moka/error.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// An unpacked file may be this large: a few hundred bytes can unpack to anything.
constexpr size_t kMostUnpacked = size_t{1} << 32;

std::string Reason(int code) { return std::generic_category().message(code); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Returns 0 or errno.
int WriteAll(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

// `path` with .gz, or without it if it has it: data sets lie about packed and unpacked.
std::string OtherName(const std::string& path) {
  return path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path + ".gz";
}

}  // namespace

std::string FindFile(const std::string& path, const std::string& beside) {
  if (path.empty()) throw Error("the name of a file is empty");
  std::vector<fs::path> places = {path};
  if (fs::path(path).is_relative()) {
    if (!beside.empty()) places.push_back(fs::path(beside).parent_path() / path);
    const char* data = std::getenv("MOKA_DATA");
    if (data != nullptr && *data != '\0') places.push_back(fs::path(data) / path);
  }
  std::string tried;
  bool other = false;
  for (size_t i = 0; i < places.size(); ++i) {
    if (std::find(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(i), places[i]) !=
        places.begin() + static_cast<std::ptrdiff_t>(i)) {
      continue;
    }
    std::error_code code;
    if (fs::exists(places[i], code)) return places[i].string();
    tried += (tried.empty() ? "" : ", ") + places[i].string();
    other = other || fs::is_regular_file(OtherName(places[i].string()), code);
  }
  if (other) {
    throw Error("cannot find \"", path, "\"; tried ", tried, "; did you mean \"", OtherName(path),
                "\"?");
  }
  throw Error("cannot find \"", path, "\"; tried ", tried,
              fs::path(path).is_relative() && std::getenv("MOKA_DATA") == nullptr
                  ? " (MOKA_DATA, a folder with data, is not set)"
                  : "");
}

std::string ReadFile(const std::string& path, int64_t most) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw Error("cannot read \"", path, "\": ", Reason(errno));
  struct stat facts = {};
  if (fstat(file.get(), &facts) != 0) throw Error("cannot read \"", path, "\": ", Reason(errno));
  if (S_ISDIR(facts.st_mode)) throw Error("cannot read \"", path, "\": it is a directory");

  // The size is only a hint: pipes have none, and files grow.
  const size_t limit = static_cast<size_t>(most);
  size_t size = 0;
  std::string contents(std::min(static_cast<size_t>(facts.st_size), limit) + 1, '\0');
  while (true) {
    if (size == contents.size()) contents.resize(std::min(2 * size + 65536, limit + 1));
    const ssize_t got = read(file.get(), contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error("cannot read \"", path, "\": ", Reason(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (size > limit) throw Error("cannot read \"", path, "\": it is longer than ", most, " bytes");
  }
  contents.resize(size);
  return contents;
}

namespace {

// What a gzip file says of its unpacked size in its last four bytes. A hint: it may lie, or speak
// of the last of several members only.
size_t UnpackedSize(std::string_view packed) {
  if (packed.size() < 4) return 0;
  size_t size = 0;
  for (size_t i = 1; i <= 4; ++i)
    size = size << 8 | static_cast<uint8_t>(packed[packed.size() - i]);
  return std::min(size, 1032 * packed.size());  // no deflate does better
}

bool IsGzip(std::string_view bytes) { return bytes.substr(0, 2) == "\x1F\x8B"; }

// Unpacks the member that `packed` begins with onto `contents`; returns the number of packed bytes
// that it took.
size_t UnpackMember(std::string_view packed, const std::string& path, std::string& contents) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw Error("no memory to unpack \"", path, "\"");
  const struct End {
    z_stream& stream;
    ~End() { inflateEnd(&stream); }
  } end{stream};
  std::string_view rest = packed;
  std::vector<char> buffer(size_t{256} << 10);
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    if (stream.avail_in == 0) {
      const std::string_view part = rest.substr(0, size_t{1} << 30);  // avail_in has 32 bits
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream.avail_in = static_cast<uInt>(part.size());
      rest.remove_prefix(part.size());
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = inflate(&stream, Z_NO_FLUSH);
    contents.append(buffer.data(), buffer.size() - stream.avail_out);
    if (code == Z_BUF_ERROR && stream.avail_in == 0 && rest.empty()) {
      throw Error("\"", path, "\" is truncated: its gzip data end after ", contents.size(),
                  " unpacked bytes");
    }
    if (code != Z_OK && code != Z_STREAM_END) {
      throw Error("\"", path, "\" is corrupt gzip after ", contents.size(),
                  " unpacked bytes: ", stream.msg != nullptr ? stream.msg : zError(code));
    }
    if (contents.size() > kMostUnpacked) {
      throw Error("\"", path, "\" unpacks to more than ", kMostUnpacked, " bytes");
    }
  }
  return packed.size() - rest.size() - stream.avail_in;
}

}  // namespace

std::string ReadMaybeGzip(const std::string& path) {
  std::string packed = ReadFile(path);
  if (!IsGzip(packed)) return packed;
  std::string contents;
  contents.reserve(UnpackedSize(packed));  // growing by doubling would take twice the memory
  for (std::string_view rest = packed; !rest.empty();) {
    if (!IsGzip(rest)) {
      throw Error("\"", path, "\" is corrupt: ", rest.size(),
                  " bytes that are not gzip follow its gzip data");
    }
    rest.remove_prefix(UnpackMember(rest, path, contents));
  }
  return contents;
}

void WriteFile(const std::string& path, std::string_view contents) {
  const auto check = [&](int code) {
    if (code != 0) throw Error("cannot write \"", path, "\": ", Reason(code));
  };
  if (path.empty()) check(ENOENT);
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) check(EISDIR);
  if (fs::exists(status) &&
      !fs::is_regular_file(status)) {  // a pipe or a device: nothing to replace
    const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    check(file.get() < 0 ? errno : WriteAll(file.get(), contents));
    return;
  }
  // A link stays a link: what it points to is replaced.
  fs::path target = fs::exists(status) ? fs::canonical(path, ignored) : fs::path(path);
  if (target.empty()) target = path;
  OutputFile file(target.string());
  file.Write(contents);
  file.Commit();
}

}  // namespace moka
