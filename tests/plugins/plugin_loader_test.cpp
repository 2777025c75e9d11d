// Loading plugins, the good and the bad; linked to libmoka.so as every program that loads plugins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moka/check_layer.h"
#include "moka/layer.h"
#include "moka/plugin.h"
#include "moka/schema.h"
#include "moka/version.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

using testing::Library;
using testing::Refusal;

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
            "built for plugin API 4, this is 3: rebuild it with this version's headers");
  EXPECT_EQ(Refusal(Library("hostile_11")),
            "built for plugin API 2, this is 3: rebuild it with this version's headers");
}

TEST(Plugin, AHigherMinorAndALongerDescriptionAreWelcome) {
  EXPECT_EQ(Refusal(Library("hostile_22")), "it was loaded");
}

TEST(Plugin, AnotherMagicSizeAbiOrProtobufIsRefused) {
  EXPECT_EQ(Refusal(Library("hostile_2")),
            "no plugin of Moka: moka_plugin_info gives something else");
  EXPECT_EQ(
      Refusal(Library("hostile_3")),
      "its description has 56 bytes, less than the 64 of plugin API 3.0: rebuild it with this "
      "version's headers");
  EXPECT_EQ(Refusal(Library("hostile_23")),
            "no plugin of Moka: its description has 8 bytes, less than any");
  EXPECT_EQ(Refusal(Library("hostile_4")), "built for C++ ABI 42, this is " +
                                               std::to_string(kPluginCxxAbi) +
                                               ": rebuild it with the compiler of this Moka");
  EXPECT_THAT(Refusal(Library("hostile_5")),
              ::testing::MatchesRegex("built with protobuf 3\\.20\\.1, this is [0-9.]+: rebuild it "
                                      "with the protobuf of this Moka"));
  EXPECT_EQ(Refusal(Library("hostile_6")), "no plugin of Moka: it has nothing to register");
  EXPECT_EQ(Refusal(Library("hostile_18")), "its package \"no name\" is no identifier as in C");
  EXPECT_EQ(Refusal(Library("hostile_9")),
            "no plugin of Moka: moka_plugin_info gives something else");
  EXPECT_EQ(Refusal(Library("hostile_10")), "it threw something that is no std::exception");
}

TEST(Plugin, ALibraryWithoutEntryOrWithAMissingSymbolIsRefused) {
  EXPECT_EQ(Refusal(Library("hostile_7")),
            "no plugin of Moka: it has no function moka_plugin_info");
  EXPECT_EQ(Refusal(Library("hostile_8")),
            "cannot be loaded: undefined symbol: acme::Missing(int)");
  EXPECT_EQ(Refusal(Library("hostile_16")),
            "cannot be loaded: undefined symbol: moka::Missing(int); this Moka (" MOKA_VERSION
            ", plugin API 3.0) does not have it: was the plugin built for a newer one?");
}

TEST(Plugin, MessagesThatDoNotFitIntoTheGrammarAreFoundWhenItIsLoaded) {
  EXPECT_EQ(Refusal(Library("faulty_6")),
            "its messages do not fit into the grammar: m.proto: M.f: \".Missing\" is not defined.");
}

}  // namespace
}  // namespace moka
