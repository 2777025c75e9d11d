// csv: text files with a row of numbers for each example.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "moka/context.h"
#include "moka/file.h"
#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/schema.h"

namespace {

// The built-in types and those of this plugin.
const moka::Registry& Plugin() {
  static const moka::Registry registry = [] {
    moka::Registry loaded = moka::BuiltinLayers();
    moka::LoadPlugin(MOKA_PLUGIN_FILE, loaded);
    return loaded;
  }();
  return registry;
}

// The values and labels of the first three examples of a file with this text.
std::vector<float> FirstThree(const std::string& text, const std::string& params) {
  moka::WriteFile("table.csv", text);
  moka::Context context({.threads = 1, .seed = 1});
  moka::NetOptions options;
  options.phase = moka::TEST;  // in the order of the file
  const std::string layer =
      "layer { name: 'data' type: 'Data' top: 'x' top: 'label' data_param {\n"
      "format: 'csv' batch_size: 3\nsource: 'table.csv'\n"
      "csv_param { " +
      params + " } } }";
  moka::Net net(moka::NetSchema(Plugin()).ParseNet(layer, "net"), Plugin(), context, options);
  net.Forward();
  std::vector<float> both(net.blob("x").values().begin(), net.blob("x").values().end());
  const auto labels = net.blob("label").values();
  both.insert(both.end(), labels.begin(), labels.end());
  return both;
}

// What is told, without the layer: the place in the net, the place in the file, and the mistake.
std::string Refusal(const std::string& text, const std::string& params = "label: 'c'") {
  try {
    FirstThree(text, params);
  } catch (const moka::Error& error) {
    std::string told = error.what();
    const std::string layer = "layer \"data\" (Data): ";
    return told.erase(told.find(layer), layer.size());
  }
  return "";
}

TEST(Csv, ReadsARowForEachExample) {
  EXPECT_EQ(FirstThree("a,c,b\n1,0,2.5\n-3,1,4e2\r\n5,2,6\n", "label: 'c'"),
            (std::vector<float>{1, 2.5, -3, 400, 5, 6, 0, 1, 2}));
}

TEST(Csv, TakesAnotherSeparator) {
  EXPECT_EQ(FirstThree("a;c\n1;0\n\n2;1\n3;0", "label: 'c' separator: ';'"),
            (std::vector<float>{1, 2, 3, 0, 1, 0}));
}

TEST(Csv, SaysWhereTheFileIsWrong) {
  EXPECT_EQ(Refusal("a,c\n1,0\n2\n"),
            "net:3:1: table.csv:3: has 1 values, but the first line names 2 columns");
  EXPECT_EQ(Refusal("a,c\n1,0,\n"),
            "net:3:1: table.csv:2: has 3 values, but the first line names 2 columns");
  EXPECT_EQ(Refusal("a,c\n1x,0\n"), "net:3:1: table.csv:2: \"1x\" in column a is no number");
  EXPECT_EQ(Refusal("a,c\n,0\n"), "net:3:1: table.csv:2: \"\" in column a is no number");
  EXPECT_EQ(Refusal("a,c\n1,-1\n"),
            "net:3:1: table.csv:2: label -1 in column c is not one of 0, 1, 2, ...");
  EXPECT_EQ(Refusal("a,c\n"), "net:3:1: there are no rows below the first line");
  EXPECT_EQ(Refusal("c\n1\n"), "net:3:1: table.csv has no column besides the label's");
}

TEST(Csv, SaysWhichParameterIsWrong) {
  EXPECT_EQ(Refusal("a,class\n1,0\n", "label: 'clas'"),
            "net:4:13: table.csv has no column \"clas\"; did you mean \"class\"?");
  EXPECT_EQ(Refusal("a,c\n1,0\n", "label: 'c' separator: '::'"),
            "net:4:24: separator must be one character, but is \"::\"");
}

}  // namespace
