// Files that are loaded as plugins, and the folders they lie in.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "caught.h"
#include "moka/plugin.h"
#include "moka/plugin_files.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

namespace fs = std::filesystem;
using testing::Library;
using testing::Refusal;

class PluginFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("moka_plugins_" + std::to_string(getpid()));
    fs::create_directory(folder_);
    fs::permissions(folder_, fs::perms::owner_all);
  }
  void TearDown() override {
    unsetenv("MOKA_PLUGIN_PATH");
    fs::remove_all(folder_);
  }
  std::string Write(const std::string& name, const std::string& contents) {
    std::ofstream(folder_ / name, std::ios::binary) << contents;
    return (folder_ / name).string();
  }
  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
};

TEST_F(PluginFile, ATypeThatExistsIsRefusedNamingBothOrigins) {
  EXPECT_EQ(Refusal(Library("relu_plugin"), BuiltinLayers()),
            "type \"ReLU\" (from " + Library("relu_plugin") + ") exists already (built in)");
  const std::string first = Library("faulty_0"), second = folder_ / "libsecond.so";
  fs::copy_file(first, second);
  Registry registry;
  LoadPlugin(first, registry);
  EXPECT_EQ(Refusal(second, registry),
            "type \"Nothing\" (from " + second + ") exists already (from " + first + ")");
}

TEST_F(PluginFile, MissingFilesAndFoldersAreRefused) {
  EXPECT_EQ(Refusal("/nowhere/libx.so"), "No such file or directory");
  EXPECT_EQ(Refusal("libm.so.6"),
            "No such file or directory");  // a file here, not the system's library
  EXPECT_EQ(Refusal(folder_.string()), "not a shared library: it is a folder");
  mkfifo((folder_ / "pipe.so").c_str(), 0600);
  EXPECT_EQ(Refusal((folder_ / "pipe.so").string()), "not a shared library: it is no regular file");
}

TEST_F(PluginFile, FilesThatAreNoLibraryAreRefusedSayingWhatTheyAre) {
  EXPECT_EQ(Refusal(Write("empty.so", "")), "not a shared library: it is empty");
  EXPECT_EQ(Refusal(Write("text.so", "layer { }\n")), "not a shared library: it is text");
  EXPECT_EQ(Refusal(Write("script.so", "#!/bin/sh\n")), "not a shared library: it is a script");
  EXPECT_EQ(Refusal(Write("bytes.so", std::string("\0\1\2", 3))),
            "not a shared library: it begins with other bytes than an ELF file");
  EXPECT_EQ(Refusal(Write("stub.so",
                          "\x7f"
                          "ELF")),
            "not a whole shared library: it ends within its header");
}

TEST_F(PluginFile, LibrariesOfAnotherKindAreRefused) {
  const std::string good = Contents(Library("relu_plugin"));
  std::string changed = good;
  changed[4] = 1;
  EXPECT_EQ(Refusal(Write("small.so", changed)),
            "not a shared library for this machine: it is a 32-bit one");
  changed = good;
  changed[16] = 1;
  EXPECT_EQ(Refusal(Write("object.so", changed)),
            "not a shared library: it is an object file (link it with -shared)");
  changed[16] = 2;
  EXPECT_EQ(Refusal(Write("program.so", changed)),
            "not a shared library: it is a program or a core file");
  changed = good;
  changed[18] = 8;
  EXPECT_EQ(Refusal(Write("mips.so", changed)).substr(0, 74),
            "not a shared library for this machine: it was built for ELF machine 8, thi");
}

TEST_F(PluginFile, ALibraryThatWasCutShortIsRefusedAtEveryLength) {
  const std::string good = Contents(Library("relu_plugin"));
  for (const size_t length : {size_t{64}, size_t{100}, size_t{4096}, good.size() / 4}) {
    EXPECT_EQ(Refusal(Write("cut.so", good.substr(0, length))).substr(0, 26),
              "not a whole shared library")
        << length;
  }
}

TEST_F(PluginFile, ThePluginPathIsLoadedInOrderAndTheSameFileOnce) {
  fs::copy_file(Library("twin_b"), folder_ / "libtwin_b.so");
  fs::copy_file(Library("twin_a"), folder_ / "libtwin_a.so");
  Write("README", "no plugin");
  setenv("MOKA_PLUGIN_PATH", (":" + folder_.string() + ":").c_str(), 1);
  const Registry registry = LoadRegistry({(folder_ / "libtwin_a.so").string()});
  EXPECT_EQ(registry.Get("TwinA").origin, (folder_ / "libtwin_a.so").string());
  EXPECT_EQ(registry.Get("TwinB").origin, (folder_ / "libtwin_b.so").string());
  EXPECT_EQ(registry.origin(), "built in");
}

TEST_F(PluginFile, APluginThatIsGivenReplacesTheInstalledOneOfItsPackage) {
  fs::copy_file(Library("twin_a"), folder_ / "libinstalled.so");
  setenv("MOKA_PLUGIN_PATH", folder_.c_str(), 1);
  EXPECT_EQ(LoadRegistry({}).Get("TwinA").origin, (folder_ / "libinstalled.so").string());
  const Registry registry = LoadRegistry({Library("twin_a")});
  EXPECT_EQ(registry.Get("TwinA").origin, Library("twin_a"));
  EXPECT_EQ(registry.Get("twin_a.TwinA").package, "twin_a");
}

TEST_F(PluginFile, AnInstalledOneThatNoLongerFitsGivesWayToo) {
  fs::copy_file(Library("hostile_1"), folder_ / "libinstalled.so");  // built for plugin API 3
  setenv("MOKA_PLUGIN_PATH", folder_.c_str(), 1);
  EXPECT_EQ(Caught([] { LoadRegistry({}); }).message(),
            "plugin " + (folder_ / "libinstalled.so").string() +
                ": built for plugin API 4, this is 3: rebuild it with this version's headers");
  EXPECT_EQ(LoadRegistry({Library("namesake")}).Get("Nothing").package, "hostile");
}

TEST_F(PluginFile, FoldersThatAnybodyMayWriteToAreRefused) {
  setenv("MOKA_PLUGIN_PATH", folder_.c_str(), 1);
  const std::string refusal =
      "MOKA_PLUGIN_PATH: anybody may write to " + folder_.string() + ": refused (chmod o-w)";
  fs::permissions(folder_, fs::perms::all);
  EXPECT_EQ(Caught([] { LoadRegistry({}); }).message(), refusal);
  fs::permissions(folder_, fs::perms::all | fs::perms::sticky_bit);  // anybody could add a plugin
  EXPECT_EQ(Caught([] { LoadRegistry({}); }).message(), refusal);
}

TEST_F(PluginFile, AFileThatAnybodyMayWriteToIsRefused) {
  const std::string file = (folder_ / "libx.so").string();
  fs::copy_file(Library("tanh_plugin"), file);
  fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(Refusal(file), "anybody may write to it: refused (chmod o-w)");
  setenv("MOKA_PLUGIN_PATH", folder_.c_str(), 1);
  EXPECT_EQ(Caught([] { LoadRegistry({}); }).message(),
            "MOKA_PLUGIN_PATH: anybody may write to " + file + ": refused (chmod o-w)");
}

TEST_F(PluginFile, AFileThatAnybodyMayReplaceIsRefused) {
  const fs::path open = folder_ / "open", closed = folder_ / "closed";
  fs::create_directory(open);
  fs::create_directory(closed);
  fs::permissions(closed, fs::perms::owner_all);
  const std::string file = (open / "libx.so").string(), link = (closed / "liblink.so").string();
  fs::copy_file(Library("tanh_plugin"), file);
  fs::create_symlink(file, link);
  fs::permissions(open, fs::perms::all);
  const std::string refusal = "anybody may replace it, since anybody may write to " +
                              open.string() + ": refused (chmod o-w)";
  EXPECT_EQ(Refusal(file), refusal);
  EXPECT_EQ(Refusal(link), refusal);
  fs::permissions(open, fs::perms::all | fs::perms::sticky_bit);  // as /tmp is
  EXPECT_EQ(Refusal(file), "it was loaded");
}

TEST_F(PluginFile, AFolderOfThePathThatIsMissingIsNamed) {
  setenv("MOKA_PLUGIN_PATH", "/nowhere", 1);
  EXPECT_EQ(Caught([] { LoadRegistry({}); }).message(),
            "MOKA_PLUGIN_PATH: /nowhere: No such file or directory");
}

TEST_F(PluginFile, PlacesAreListedWithWhatIsInThem) {
  Write("libb.so", "");
  Write("liba.so", "");
  Write("README", "no plugin");
  setenv("MOKA_PLUGIN_PATH", (folder_.string() + ":/nowhere").c_str(), 1);
  const std::vector<PluginPlace> places = PluginPlaces();
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0].folder, MOKA_BINARY_DIR "/lib/moka/plugins");
  EXPECT_EQ(places[0].why, "install directory");
  EXPECT_EQ(places[0].files,
            std::vector<std::string>{MOKA_BINARY_DIR "/lib/moka/plugins/libmoka_ssd.so"});
  EXPECT_EQ(places[0].problem, "");
  EXPECT_EQ(places[1].folder, folder_);
  EXPECT_EQ(places[1].why, "MOKA_PLUGIN_PATH");
  EXPECT_EQ(places[1].files, (std::vector<std::string>{folder_ / "liba.so", folder_ / "libb.so"}));
  EXPECT_EQ(places[1].problem, "");
  EXPECT_EQ(places[2].files, std::vector<std::string>());
  EXPECT_EQ(places[2].problem, "MOKA_PLUGIN_PATH: /nowhere: No such file or directory");
}

}  // namespace
}  // namespace moka
