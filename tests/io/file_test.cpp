// Files: where they are found, what is refused, and that writing is all or nothing.
#include "moka/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "caught.h"
#include "io/temporary_folder.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

class File : public ::testing::Test {
 protected:
  File() { unsetenv("MOKA_DATA"); }
  ~File() override { unsetenv("MOKA_DATA"); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Put(const std::string& name, const std::string& contents) const {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << contents;
  }
  int Entries() const {
    return static_cast<int>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  const testing::TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

std::string Gzip(std::string contents) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, contents.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(contents.data());
  stream.avail_in = static_cast<uInt>(contents.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST_F(File, IsFoundBesideTheFileThatNamesIt) {
  Put("nets/sub/mean", "x");
  EXPECT_EQ(Path("nets/sub/mean"), FindFile("sub/mean", Path("nets/lenet.prototxt")));
}

TEST_F(File, IsFoundInTheDataFolder) {
  Put("data/train.gz", "x");
  setenv("MOKA_DATA", Path("data").c_str(), 1);
  EXPECT_EQ(Path("data/train.gz"), FindFile("train.gz", Path("nets/lenet.prototxt")));
  EXPECT_EQ(Path("data/train.gz"), FindFile("train.gz", ""));
}

TEST_F(File, IsPreferredInTheWorkingDirectoryThenBeside) {
  Put("here/f", "x");
  Put("beside/f", "x");
  Put("data/f", "x");
  setenv("MOKA_DATA", Path("data").c_str(), 1);
  const fs::path before = fs::current_path();
  fs::current_path(Path("here"));
  EXPECT_EQ("f", FindFile("f", Path("beside/net")));
  fs::current_path(before);
  EXPECT_EQ(Path("beside/f"), FindFile("f", Path("beside/net")));
}

TEST_F(File, ThatIsMissingIsAnErrorWithAllThatWasTried) {
  setenv("MOKA_DATA", "/data", 1);
  EXPECT_STREQ("cannot find \"no/such\"; tried no/such, /nets/no/such, /data/no/such",
               Caught([] { FindFile("no/such", "/nets/net"); }).what());
  unsetenv("MOKA_DATA");
  EXPECT_STREQ("cannot find \"no/such\"; tried no/such (MOKA_DATA, a folder with data, is not set)",
               Caught([] { FindFile("no/such", "net"); }).what());
  EXPECT_STREQ("the name of a file is empty", Caught([] { FindFile("", "net"); }).what());
}

TEST_F(File, ThatIsMissingPackedButThereUnpackedOrTheOtherWayRoundIsSuggested) {
  Put("nets/images.gz", "x");
  Put("data/labels", "x");
  const std::string net = Path("nets/net");
  EXPECT_EQ("cannot find \"images\"; tried images, " + Path("nets/images") +
                "; did you mean \"images.gz\"?",
            Caught([&] { FindFile("images", net); }).message());
  EXPECT_EQ("cannot find \"" + Path("nets/images") + "\"; tried " + Path("nets/images") +
                "; did you mean \"" + Path("nets/images.gz") + "\"?",
            Caught([&] { FindFile(Path("nets/images"), net); }).message());
  setenv("MOKA_DATA", folder_.c_str(), 1);
  EXPECT_EQ("cannot find \"data/labels.gz\"; tried data/labels.gz, " + Path("nets/data/labels.gz") +
                ", " + Path("data/labels.gz") + "; did you mean \"data/labels\"?",
            Caught([&] { FindFile("data/labels.gz", net); }).message());
  fs::create_directory(Path("more.gz"));  // a folder is no packed file
  EXPECT_EQ("cannot find \"more\"; tried more, " + Path("nets/more") + ", " + Path("more"),
            Caught([&] { FindFile("more", net); }).message());
}

TEST_F(File, WithAnAbsolutePathIsLookedForOnlyThere) {
  Put("f", "x");
  EXPECT_EQ(Path("f"), FindFile(Path("f"), "/nets/net"));
  setenv("MOKA_DATA", "/data", 1);
  EXPECT_STREQ("cannot find \"/no/such\"; tried /no/such",
               Caught([] { FindFile("/no/such", "/nets/net"); }).what());
}

TEST_F(File, IsReadWhole) {
  std::string contents(300000, 'a');
  contents[5] = '\0';
  Put("f", contents);
  EXPECT_EQ(contents, ReadFile(Path("f")));
  Put("empty", "");
  EXPECT_EQ("", ReadFile(Path("empty")));
}

TEST_F(File, OfUnknownSizeIsReadWhole) {
  EXPECT_NE(std::string::npos, ReadFile("/proc/self/status").find("Threads:"));
}

TEST_F(File, ThatCannotBeReadIsAnErrorWithTheReason) {
  EXPECT_EQ("cannot read \"" + Path("f") + "\": No such file or directory",
            Caught([&] { ReadFile(Path("f")); }).message());
  EXPECT_EQ("cannot read \"" + folder_ + "\": it is a directory",
            Caught([&] { ReadFile(folder_); }).message());
  Put("f", "12345");
  EXPECT_EQ("12345", ReadFile(Path("f"), 5));
  EXPECT_EQ("cannot read \"" + Path("f") + "\": it is longer than 4 bytes",
            Caught([&] { ReadFile(Path("f"), 4); }).message());
  if (geteuid() == 0) return;  // root may read everything
  chmod(Path("f").c_str(), 0);
  EXPECT_EQ("cannot read \"" + Path("f") + "\": Permission denied",
            Caught([&] { ReadFile(Path("f")); }).message());
}

TEST_F(File, IsUnpackedIfItIsGzip) {
  const std::string contents = std::string(700000, 'z') + "end";
  Put("packed", Gzip(contents));
  EXPECT_EQ(contents, ReadMaybeGzip(Path("packed")));
  Put("two", Gzip("one ") + Gzip("") + Gzip("two"));
  EXPECT_EQ("one two", ReadMaybeGzip(Path("two")));
  Put("plain", "\x1Fplain");
  EXPECT_EQ("\x1Fplain", ReadMaybeGzip(Path("plain")));
  Put("empty", "");
  EXPECT_EQ("", ReadMaybeGzip(Path("empty")));
}

TEST_F(File, ThatIsTruncatedGzipIsRefusedWhereverItEnds) {
  const std::string packed = Gzip("some words that are packed, packed, packed");
  for (size_t size = 2; size < packed.size(); ++size) {
    Put("f", packed.substr(0, size));
    const std::string text = Caught([&] { ReadMaybeGzip(Path("f")); }).what();
    ASSERT_EQ(0u, text.find("\"" + Path("f") + "\" is truncated: its gzip data end after "))
        << text;
  }
  Put("f", packed.substr(0, packed.size() - 1));
  EXPECT_EQ("\"" + Path("f") + "\" is truncated: its gzip data end after 42 unpacked bytes",
            Caught([&] { ReadMaybeGzip(Path("f")); }).message());
}

TEST_F(File, ThatIsCorruptGzipIsRefused) {
  const std::string packed = Gzip("some words");
  std::string wrong = packed;
  wrong[wrong.size() - 8] ^= 1;  // the checksum
  Put("f", wrong);
  EXPECT_EQ("\"" + Path("f") + "\" is corrupt gzip after 10 unpacked bytes: incorrect data check",
            Caught([&] { ReadMaybeGzip(Path("f")); }).message());
  wrong = packed;
  wrong[wrong.size() - 4] ^= 1;  // the length
  Put("f", wrong);
  EXPECT_EQ("\"" + Path("f") + "\" is corrupt gzip after 10 unpacked bytes: incorrect length check",
            Caught([&] { ReadMaybeGzip(Path("f")); }).message());
  Put("f", packed + "more");
  EXPECT_EQ("\"" + Path("f") + "\" is corrupt: 4 bytes that are not gzip follow its gzip data",
            Caught([&] { ReadMaybeGzip(Path("f")); }).message());
}

TEST_F(File, IsReplacedAsAWhole) {
  WriteFile(Path("f"), "first, and longer");
  WriteFile(Path("f"), "second");
  EXPECT_EQ("second", ReadFile(Path("f")));
  EXPECT_EQ(1, Entries());
}

TEST_F(File, InTheWorkingDirectoryNeedsNoFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  WriteFile("f", "x");
  fs::current_path(before);
  EXPECT_EQ("x", ReadFile(Path("f")));
}

TEST_F(File, BehindALinkIsReplacedAndTheLinkStays) {
  Put("real", "old");
  fs::create_symlink("real", Path("link"));
  WriteFile(Path("link"), "new");
  EXPECT_EQ("new", ReadFile(Path("real")));
  EXPECT_TRUE(fs::is_symlink(Path("link")));
}

TEST_F(File, ThatCannotBeWrittenIsAnErrorWithTheReason) {
  EXPECT_EQ("cannot write \"" + Path("no/such") + "\": No such file or directory",
            Caught([&] { WriteFile(Path("no/such"), "x"); }).message());
  EXPECT_EQ("cannot write \"" + folder_ + "\": Is a directory",
            Caught([&] { WriteFile(folder_, "x"); }).message());
  EXPECT_STREQ("cannot write \"\": No such file or directory",
               Caught([] { WriteFile("", "x"); }).what());
  EXPECT_STREQ("cannot write \"/dev/full\": No space left on device",
               Caught([] { WriteFile("/dev/full", "x"); }).what());
  EXPECT_EQ(0, Entries());
}

TEST_F(File, StaysAsItWasWhenThereIsNoRoom) {
  WriteFile(Path("f"), "old");
  // A limit on the size of files stands in for a full disk.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message = "nothing was thrown";
  try {
    WriteFile(Path("f"), std::string(5000, 'x'));
  } catch (const Error& error) {
    message = error.message();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ("cannot write \"" + Path("f") + "\": File too large", message);
  EXPECT_EQ("old", ReadFile(Path("f")));
  EXPECT_EQ(1, Entries());
}

}  // namespace
}  // namespace moka
