// Whatever a plugin's layer throws becomes an Error that says which plugin it came from.
#include <gtest/gtest.h>

#include "caught.h"
#include "moka/check_layer.h"
#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/schema.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

using testing::Library;

const Registry& Layers() {
  static const Registry registry = LoadRegistry({Library("thrower")});
  return registry;
}

// What is said of a net with a layer of the type `type` that throws in `place`.
std::string Thrown(const std::string& place, const std::string& type) {
  return Caught([&] {
           Context context({.threads = 3, .seed = 1});
           const NetDescription description = NetSchema(Layers()).ParseNet(
               "layer { name: 'in' type: 'DummyData' top: 'x' top: 't'\n"
               "  dummy_data_param { shape { dim: 4 dim: 2 } shape { dim: 4 dim: 2 } } }\n"
               "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'ip'\n"
               "  inner_product_param { num_output: 2 } }\n"
               "layer { name: '" +
                   place + "' type: '" + type +
                   "' bottom: 'ip' top: 'y' }\n"
                   "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' }\n",
               "net.prototxt");
           Net net(description, Layers(), context, {.phase = TRAIN});
           net.Forward();
           net.Backward();
         })
      .what();
}

const char* const kPlaces[] = {"Traits",  "constructor", "SetUp",   "Reshape",
                               "Forward", "ParallelFor", "Backward"};

TEST(PluginExceptions, AStandardExceptionIsToldWithLayerTypeAndPlugin) {
  for (const std::string place : kPlaces) {
    EXPECT_EQ(Thrown(place, "ThrowsWords"), "net.prototxt:5:1: layer \"" + place +
                                                "\" (ThrowsWords, plugin " + Library("thrower") +
                                                "): out of fuel");
  }
}

TEST(PluginExceptions, AnyOtherTypeIsToldWithLayerTypeAndPlugin) {
  for (const std::string place : kPlaces) {
    EXPECT_EQ(Thrown(place, "ThrowsNumbers"),
              "net.prototxt:5:1: layer \"" + place + "\" (ThrowsNumbers, plugin " +
                  Library("thrower") + "): threw something that is no std::exception");
  }
}

TEST(PluginExceptions, AnErrorIsToldWithLayerTypeAndPlugin) {
  for (const std::string place : kPlaces) {
    EXPECT_EQ(Thrown(place, "ThrowsErrors"), "net.prototxt:5:1: layer \"" + place +
                                                 "\" (ThrowsErrors, plugin " + Library("thrower") +
                                                 "): out of fuel");
  }
}

TEST(PluginExceptions, TheyAreFoundInFilesWithErrorsOfSyntaxToo) {
  try {
    NetSchema(Layers()).ParseNet(
        "layer { nmae: 'x' }\n"
        "layer { name: 'Traits' type: 'ThrowsNumbers' bottom: 'x' }",
        "net.prototxt");
    FAIL();
  } catch (const ErrorList& errors) {
    EXPECT_EQ(errors.what(),
              "net.prototxt:1:9: unknown field \"nmae\" in layer; did you mean \"name\"?\n"
              "net.prototxt:2:1: layer \"Traits\" (ThrowsNumbers, plugin " +
                  Library("thrower") + "): threw something that is no std::exception");
  }
}

// A label that is out of range is told with the name of its item, which the layer cannot give.
TEST(PluginExceptions, AnItemWithoutNameDoesNotHideTheError) {
  for (const std::string place : {"SampleName", "Interface"}) {
    Context context({.threads = 1, .seed = 1});
    Net net(NetSchema(Layers()).ParseNet(
                "layer { name: 'x' type: 'DummyData' top: 'x' dummy_data_param {"
                "  shape { dim: 1 dim: 2 } } }\n"
                "layer { name: '" +
                    place +
                    "' type: 'Labels' top: 'l' }\n"
                    "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'x' bottom: 'l' }\n",
                "net.prototxt"),
            Layers(), context, {.phase = TRAIN});
    EXPECT_EQ(
        Caught([&] { net.Forward(); }).what(),
        "net.prototxt:3:1: layer \"loss\" (SoftmaxWithLoss): label 9 of sample 0 (position 0) "
        "is outside 0..1 (of an unknown item: layer \"" +
            place + "\" (Labels, plugin " + Library("thrower") + "): out of fuel)");
  }
}

TEST(PluginExceptions, TheCheckerTellsThemToo) {
  RunOptions options;
  options.registry = &Layers();
  for (const std::string place : {"Traits", "constructor", "SetUp", "Reshape", "Forward"}) {
    EXPECT_EQ(Caught([&] {
                RunLayer("type: 'ThrowsNumbers' name: '" + place + "'", {1, 2}, options);
              }).message(),
              "layer \"" + place + "\" (ThrowsNumbers, plugin " + Library("thrower") +
                  "): threw something that is no std::exception");
  }
}

}  // namespace
}  // namespace moka
