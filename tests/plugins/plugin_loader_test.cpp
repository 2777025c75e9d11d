// Loading plugins, the good and the bad; linked to libmoka.so as every program that loads plugins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "moka/check_layer.h"
#include "moka/layer.h"
#include "moka/plugin.h"
#include "moka/schema.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

std::string Library(const std::string& name) { return MOKA_BINARY_DIR "/lib/lib" + name + ".so"; }

// What LoadPlugin says of a file, without the file's name.
std::string Refusal(const std::string& path, Registry registry = Registry()) {
  const std::vector<std::string> before = registry.types();
  try {
    LoadPlugin(path, registry);
  } catch (const Error& error) {
    EXPECT_EQ(registry.types(), before) << "something stayed";
    const std::string start = "plugin " + path + ": ";
    EXPECT_EQ(error.message().substr(0, start.size()), start);
    return error.message().substr(std::min(start.size(), error.message().size()));
  }
  return "it was loaded";
}

class PluginFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("moka_plugins_" + std::to_string(getpid()));
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

LayerDescription LayerOf(const Registry& registry, const std::string& text) {
  return NetSchema(registry).ParseLayer(text, "layer.prototxt");
}

TEST(Plugin, BringsAnUnchangedBuiltInLayerToAnEmptyRegistry) {
  Registry registry;
  LoadPlugin(Library("relu_plugin"), registry);
  EXPECT_EQ(registry.types(), std::vector<std::string>{"ReLU"});
  EXPECT_EQ(registry.Get("ReLU").origin, Library("relu_plugin"));
  RunOptions options;
  options.registry = &registry;
  EXPECT_EQ(RunLayer(R"(type: "ReLU" relu_param { negative_slope: 0.5 })", {-2, -1, 0, 3}, options),
            (std::vector<float>{-1, -0.5, 0, 3}));
}

TEST(Plugin, LayersOfPluginsKeepTheLayerContract) {
  Registry registry;
  LoadPlugin(Library("relu_plugin"), registry);
  LoadPlugin(Library("tanh_plugin"), registry);
  CheckOptions options;
  options.registry = &registry;
  EXPECT_TRUE(CheckLayer(R"(type: "TanH")", {{2, 3, 4, 5}}, options));
  options.kinks = {0};
  EXPECT_TRUE(
      CheckLayer(R"(type: "ReLU" relu_param { negative_slope: 0.1 })", {{2, 3, 4, 5}}, options));
}

TEST(Plugin, TwinsWithEqualNamesOfFilesAndMessagesLiveSideBySide) {
  Registry registry = BuiltinLayers();
  LoadPlugin(Library("twin_a"), registry);
  LoadPlugin(Library("twin_b"), registry);
  const LayerDescription a =
      LayerOf(registry, "type: 'TwinA' twin_a_param { mode: HARD inner { size: 4 } }");
  const LayerDescription b = LayerOf(registry, "type: 'TwinB' twin_b_param { steps: 7 }");
  EXPECT_EQ(registry.Get("TwinA").traits(LayerSpec(a, registry)).least_tops(), 4);
  EXPECT_EQ(registry.Get("TwinB").traits(LayerSpec(b, registry)).least_tops(), 7);

  RunOptions options;
  options.registry = &registry;
  EXPECT_EQ(RunLayer("type: 'TwinA' twin_a_param { gain: 4 }", {1, 2}, options),
            (std::vector<float>{4, 8}));
  EXPECT_EQ(RunLayer("type: 'TwinB' twin_b_param { steps: 1 }", {1, 2}, options),
            (std::vector<float>{2, 3}));
}

TEST(Plugin, DefaultsAreThoseOfThePluginsProto) {
  Registry registry;
  LoadPlugin(Library("twin_a"), registry);
  LoadPlugin(Library("twin_b"), registry);
  EXPECT_EQ(registry.Get("TwinA")
                .traits(LayerSpec(LayerOf(registry, "type: 'TwinA'"), registry))
                .least_tops(),
            1);
  EXPECT_EQ(registry.Get("TwinB")
                .traits(LayerSpec(LayerOf(registry, "type: 'TwinB'"), registry))
                .least_tops(),
            3);
}

TEST(Plugin, ConstructorsGetNestedMessagesEnumsAndRepeatedFields) {
  Registry registry;
  LoadPlugin(Library("twin_a"), registry);
  LoadPlugin(Library("twin_b"), registry);
  auto refusal = [&](const std::string& text) -> std::string {
    const LayerDescription layer = LayerOf(registry, text);
    try {
      registry.Get(layer.common.type()).create(LayerSpec(layer, registry));
    } catch (const Error& error) {
      return error.message();
    }
    return "none";
  };
  EXPECT_EQ(refusal("type: 'TwinA' twin_a_param { mode: SOFT extra { word: 'w' } }"),
            "mode SOFT, w");
  EXPECT_EQ(refusal("type: 'TwinB' twin_b_param { mode: [HIGH, LOW] inner { word: 11 } }"),
            "mode 5, 11");
}

TEST(Plugin, ErrorsInItsParametersReadAsThoseOfBuiltIns) {
  Registry registry;
  LoadPlugin(Library("twin_a"), registry);
  LoadPlugin(Library("twin_b"), registry);
  const NetSchema schema(registry);
  try {
    schema.ParseNet(
        "layer {\n  twin_a_param { gian: 1 }\n}\nlayer { twin_b_param { mode: HIHG } }\n"
        "layer { twin_a_param { extra { wort: 'a' } } }",
        "net.prototxt");
    FAIL();
  } catch (const ErrorList& list) {
    EXPECT_STREQ(
        list.what(),
        "net.prototxt:2:18: unknown field \"gian\" in twin_a_param; did you mean \"gain\"?\n"
        "net.prototxt:4:30: unknown value \"HIHG\" for twin_b_param.mode; did you mean \"HIGH\"?\n"
        "net.prototxt:5:32: unknown field \"wort\" in twin_a_param.extra; did you mean \"word\"?");
  }
}

TEST(Plugin, HelpHasItsCommentsAndHidesHowNamesAreKeptApart) {
  Registry registry;
  LoadPlugin(Library("twin_a"), registry);
  const std::vector<MessageHelp> help = NetSchema(registry).Describe("TwinA");
  ASSERT_EQ(help.size(), 1u);
  EXPECT_EQ(help[0].field, "twin_a_param");
  EXPECT_EQ(help[0].comment, "What twin A wants.");
  ASSERT_EQ(help[0].fields.size(), 5u);
  EXPECT_EQ(help[0].fields[0].comment, "y = gain x");
  EXPECT_EQ(help[0].fields[0].default_value, "1.5");
  EXPECT_EQ(help[0].fields[1].type, "SOFT | HARD");
  EXPECT_EQ(help[0].fields[2].type, "acme.ActParameter.Inner");
  EXPECT_EQ(help[0].fields[3].type, "acme.Extra");
  EXPECT_TRUE(help[0].fields[3].repeated);
  EXPECT_EQ(help[0].fields[4].type, "moka.FillerParameter");
}

TEST(Plugin, RegistriesAreValuesAndDoNotSeeEachOther) {
  Registry with, without;
  LoadPlugin(Library("relu_plugin"), with);
  EXPECT_TRUE(without.types().empty());
  LoadPlugin(Library("relu_plugin"), without);  // the library is in the process already
  EXPECT_EQ(without.types(), with.types());
}

TEST(Plugin, ATypeThatExistsIsRefusedNamingBothOrigins) {
  EXPECT_EQ(Refusal(Library("relu_plugin"), BuiltinLayers()),
            "type \"ReLU\" (from " + Library("relu_plugin") + ") exists already (built in)");
  Registry registry;
  LoadPlugin(Library("faulty_0"), registry);
  EXPECT_EQ(Refusal(Library("faulty_1"), registry),
            "type \"Nothing\" (from " + Library("faulty_1") + ") exists already (from " +
                Library("faulty_0") + ")");
}

TEST(Plugin, ATypeThatItRegistersTwiceIsRefused) {
  EXPECT_EQ(Refusal(Library("faulty_1")),
            "type \"Nothing\" is registered twice (from " + Library("faulty_1") + ")");
}

TEST(Plugin, WhatRegistrationThrowsIsTheReason) {
  EXPECT_EQ(Refusal(Library("faulty_2")), "no licence");
  EXPECT_EQ(Refusal(Library("faulty_3")), "an exception that is no std::exception");
}

TEST(Plugin, AnotherPluginApiIsRefused) {
  EXPECT_EQ(Refusal(Library("hostile_1")),
            "built for plugin API 3, this is 1: rebuild it with this version's headers");
}

TEST(Plugin, AnotherMagicSizeAbiOrProtobufIsRefused) {
  EXPECT_EQ(Refusal(Library("hostile_2")),
            "no plugin of Moka: moka_plugin_info gives something else");
  EXPECT_EQ(Refusal(Library("hostile_3")),
            "its description has 8 bytes, not 48: rebuild it with this version's headers");
  EXPECT_EQ(Refusal(Library("hostile_4")), "built for C++ ABI 42, this is " +
                                               std::to_string(kPluginCxxAbi) +
                                               ": rebuild it with the compiler of this Moka");
  EXPECT_THAT(Refusal(Library("hostile_5")),
              testing::MatchesRegex("built with protobuf 3\\.20\\.1, this is [0-9.]+: rebuild it "
                                    "with the protobuf of this Moka"));
  EXPECT_EQ(Refusal(Library("hostile_6")), "no plugin of Moka: it has nothing to register");
  EXPECT_EQ(Refusal(Library("hostile_9")),
            "no plugin of Moka: moka_plugin_info gives something else");
  EXPECT_EQ(Refusal(Library("hostile_10")), "it threw something that is no std::exception");
}

TEST(Plugin, ALibraryWithoutEntryOrWithAMissingSymbolIsRefused) {
  EXPECT_EQ(Refusal(Library("hostile_7")),
            "no plugin of Moka: it has no function moka_plugin_info");
  EXPECT_EQ(Refusal(Library("hostile_8")),
            "cannot be loaded: undefined symbol: acme::Missing(int)");
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

TEST_F(PluginFile, FoldersThatAnybodyMayWriteToAreRefused) {
  setenv("MOKA_PLUGIN_PATH", folder_.c_str(), 1);
  fs::permissions(folder_, fs::perms::all);
  try {
    LoadRegistry({});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "MOKA_PLUGIN_PATH: anybody may write to " + folder_.string() +
                                   ": refused (chmod o-w)");
  }
}

TEST_F(PluginFile, AFolderOfThePathThatIsMissingIsNamed) {
  setenv("MOKA_PLUGIN_PATH", "/nowhere", 1);
  try {
    LoadRegistry({});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "MOKA_PLUGIN_PATH: /nowhere: No such file or directory");
  }
}

}  // namespace
}  // namespace moka
