// What is said of a wrong file: every error with its place, in plain words; and nothing makes it
// crash or hang.
#include <gtest/gtest.h>

#include <fstream>

#include "moka/schema.h"

namespace moka {
namespace {

const NetSchema& BuiltinSchema() {
  static const NetSchema schema(BuiltinLayers());
  return schema;
}

// All that is said of a net, a line each; "" if it is right.
std::string Errors(std::string_view text) {
  try {
    BuiltinSchema().ParseNet(text, "net");
  } catch (const ErrorList& list) {
    EXPECT_LE(list.errors().size(), 20u);
    return list.what();
  }
  return "";
}

TEST(NetSchemaErrors, UnknownFieldsGetAGuess) {
  EXPECT_EQ(Errors("layer {\n  convolution_param { kernel_sise: 3 }\n}"),
            "net:2:23: unknown field \"kernel_sise\" in convolution_param; did you mean "
            "\"kernel_size\"?");
  EXPECT_EQ(Errors("layer { bottem: 'a' }"),
            "net:1:9: unknown field \"bottem\" in layer; did you mean \"bottom\"?");
  EXPECT_EQ(Errors("layer { convolution_param { weight_filler { typ: 'msra' } } }"),
            "net:1:45: unknown field \"typ\" in convolution_param.weight_filler; did you mean "
            "\"type\"?");
  EXPECT_EQ(Errors("layer { include { phas: TEST } }"),
            "net:1:19: unknown field \"phas\" in include; did you mean \"phase\"?");
  EXPECT_EQ(Errors("nam: 'a'"),
            "net:1:1: unknown field \"nam\" in the net; did you mean \"name\"?");
}

TEST(NetSchemaErrors, AFieldInTheWrongBlockIsToldItsHome) {
  EXPECT_EQ(Errors("layer { type: 'Dropout' dropout_ratio: 0.5 }"),
            "net:1:25: unknown field \"dropout_ratio\" in layer; it stands in dropout_param");
  EXPECT_EQ(Errors("layer { negative_slope: 0.5 }"),
            "net:1:9: unknown field \"negative_slope\" in layer; it stands in leaky_relu_param or "
            "relu_param");
  EXPECT_EQ(Errors("base_lr: 0.1"),
            "net:1:1: unknown field \"base_lr\" in the net; solver files have one");
  EXPECT_EQ(Errors("bottom: 'a'"), "net:1:1: unknown field \"bottom\" in the net; layers have one");
}

TEST(NetSchemaErrors, AParameterThatNoLayerHasIsHintedAtThePlugin) {
  EXPECT_EQ(Errors("layer { zygomatic_param { beta: 1 } }"),
            "net:1:9: unknown field \"zygomatic_param\" in layer: no layer here has it");
  EXPECT_EQ(Errors("layer { rellu_param { } }"),
            "net:1:9: unknown field \"rellu_param\" in layer: no layer here has it; did you mean "
            "\"relu_param\"?");
  // What all parameters end in makes none similar.
  EXPECT_EQ(Errors("layer { hdf5_data_param { } }"),
            "net:1:9: unknown field \"hdf5_data_param\" in layer: no layer here has it");
  EXPECT_EQ(Errors("layer { zygomatic_param { beta: 1 } }\nrequires_plugin: 'zygo'"),
            "net:1:9: unknown field \"zygomatic_param\" in layer: no layer here has it; the net "
            "requires the plugin zygo: load it with --plugin FILE");
}

TEST(NetSchemaErrors, UnknownValuesGetAGuessOrAllThatIsPossible) {
  EXPECT_EQ(Errors("layer { pooling_param { pool: MAXX } }"),
            "net:1:31: unknown value \"MAXX\" for pooling_param.pool; did you mean \"MAX\"?");
  EXPECT_EQ(Errors("layer { pooling_param { pool: median } }"),
            "net:1:31: unknown value \"median\" for pooling_param.pool; it can be MAX, AVE or "
            "STOCHASTIC");
  EXPECT_EQ(Errors("layer { pooling_param { pool: 'MAX' } }"),
            "net:1:31: pooling_param.pool takes MAX, AVE or STOCHASTIC without quotes, not 'MAX'");
  EXPECT_EQ(Errors("layer { pooling_param { pool: 7 } }"),
            "net:1:31: unknown value \"7\" for pooling_param.pool; it can be MAX, AVE or "
            "STOCHASTIC");
  EXPECT_EQ(Errors("layer { include { phase: TRIAN } }"),
            "net:1:26: unknown value \"TRIAN\" for include.phase; did you mean \"TRAIN\"?");
}

TEST(NetSchemaErrors, NumbersAreCheckedForTheirRange) {
  auto kernel = [](const std::string& value) {
    return Errors("layer { convolution_param { kernel_size: " + value + " } }");
  };
  EXPECT_EQ(kernel("-3"), "net:1:42: convolution_param.kernel_size cannot be negative: -3");
  EXPECT_EQ(kernel("4294967295"), "");
  EXPECT_EQ(kernel("4294967296"),
            "net:1:42: convolution_param.kernel_size cannot be 4294967296: it goes from 0 to "
            "4294967295");
  EXPECT_EQ(kernel("99999999999999999999999"),
            "net:1:42: convolution_param.kernel_size cannot be 99999999999999999999999: it goes "
            "from 0 to 4294967295");
  EXPECT_EQ(kernel("3.5"),
            "net:1:42: convolution_param.kernel_size takes a whole number, not \"3.5\"");
  EXPECT_EQ(kernel("big"),
            "net:1:42: convolution_param.kernel_size takes a whole number, not \"big\"");
  EXPECT_EQ(Errors("input_dim: 2147483648"),
            "net:1:12: input_dim cannot be 2147483648: it goes from -2147483648 to 2147483647");
  EXPECT_EQ(Errors("layer { loss_weight: 1e40 }"),
            "net:1:22: loss_weight cannot be 1e40: the largest number here is 3.40282e+38");
  EXPECT_EQ(Errors("layer { loss_weight: 'a' }"), "net:1:22: loss_weight takes a number, not 'a'");
}

TEST(NetSchemaErrors, ValuesOfTheWrongKindAreNamed) {
  EXPECT_EQ(Errors("name: tiny"), "net:1:7: name takes text in quotes, not \"tiny\"");
  EXPECT_EQ(Errors("force_backward: yes"),
            "net:1:17: force_backward takes true or false, not \"yes\"");
  EXPECT_EQ(Errors("name: ['a', 'b']"), "net:1:7: name takes text in quotes, not \"[\"");
  EXPECT_EQ(Errors("layer { bottom: ['a' 'b', 'c'; ] }"),
            "net:1:30: expected , or ] in the list of bottom, not \";\"");
  EXPECT_EQ(Errors("name 'a'"), "net:1:6: expected a colon and a value after name, not 'a'");
  EXPECT_EQ(Errors("layer: 'a'"), "net:1:8: expected { after layer, not 'a'");
}

TEST(NetSchemaErrors, AFieldGivenTwiceNamesTheFirst) {
  EXPECT_EQ(Errors("layer {\n name: 'a'\n name: 'b'\n}"),
            "net:3:2: name is given twice, first in line 2");
  EXPECT_EQ(Errors("layer {\n relu_param { }\n relu_param { }\n}"),
            "net:3:2: relu_param is given twice, first in line 2");
}

TEST(NetSchemaErrors, AllErrorsOfAFileAreTold) {
  EXPECT_EQ(Errors(R"(nme: "x"
layer {
  name: "a" bottum: "b"
  convolution_param { kernel_sise: 3 }
}
layer { name: "fine" type: "Input" input_param { shape { } } top: "x" }
layer { pooling_param { pool: MAXX } type: "Pooling" }
force_backward: maybe
)"),
            "net:1:1: unknown field \"nme\" in the net; did you mean \"name\"?\n"
            "net:3:13: unknown field \"bottum\" in layer; did you mean \"bottom\"?\n"
            "net:7:31: unknown value \"MAXX\" for pooling_param.pool; did you mean \"MAX\"?\n"
            "net:8:17: force_backward takes true or false, not \"maybe\"");
}

TEST(NetSchemaErrors, AreTwentyAtMost) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "layer { nam: 'a' }\n";
  try {
    BuiltinSchema().ParseNet(text);
    FAIL();
  } catch (const ErrorList& list) {
    EXPECT_EQ(list.errors().size(), 20u);
    EXPECT_EQ(list.errors()[19].place().line, 20);
  }
}

TEST(NetSchemaErrors, ABlockThatIsNotClosedIsNamedByItsBeginning) {
  EXPECT_EQ(Errors("layer {\n  relu_param {\n    negative_slope: 1\n}\n"),
            "net:1:1: the block layer that begins here is not closed: a } is missing");
  EXPECT_EQ(Errors("layer {\n  relu_param {\n"),
            "net:2:3: the block relu_param that begins here is not closed: a } is missing");
  EXPECT_EQ(Errors("name: 'a' }"), "net:1:11: a } that closes nothing");
  EXPECT_EQ(Errors("layer { name: 'a' >"), "net:1:19: expected a field's name, not \">\"");
}

TEST(NetSchemaErrors, AForgottenBraceDoesNotHideWhatFollows) {
  EXPECT_EQ(Errors(R"(layer {
  relu_param { negative_slope: 1
}
layer {
  nam: "b"
}
name: 'c')"),
            "net:4:1: \"layer\" inside layer: is a } missing? The block layer began in line 1\n"
            "net:5:3: unknown field \"nam\" in layer; did you mean \"name\"?");
}

TEST(NetSchemaErrors, TextsThatAreNotClosedAndOddCharactersAreNamed) {
  EXPECT_EQ(Errors("name: 'tiny\nforce_backward: true"),
            "net:1:12: a text that is not closed with its quote on this line");
  EXPECT_EQ(Errors("name: \xC3\xA9"), "net:1:7: a character outside quotes that is not ASCII");
  EXPECT_EQ(Errors("name: 'caf\xC3\xA9'"), "");
  for (const char* wrong : {"caf\xE9", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80"}) {
    EXPECT_EQ(Errors(std::string("name: '") + wrong + "'"), "net:1:7: name is not UTF-8 text");
  }
  EXPECT_EQ(Errors("name: '\xE2\x82\xAC \xF0\x9F\x98\x80'"), "");
  EXPECT_EQ(Errors("name: '\\q'").substr(0, 6), "net:1:");
  EXPECT_EQ(Errors("force_backward: 1name: 'a'"),
            "net:1:18: a number and a word without a space between them");
  EXPECT_EQ(Errors("= 3").substr(0, 46), "net:1:1: expected a field's name, not \"=\"");
}

TEST(NetSchemaErrors, AFileThatIsNoTextIsSaidToBeNone) {
  EXPECT_EQ(Errors(std::string_view("name: 'a'\n\0\1", 12)),
            "net:2:1: this is no text: there is a byte 0 in it");
  EXPECT_EQ(Errors("layer { }\n<<<<<<< HEAD\nlayer { }\n=======\n>>>>>>> other\n"),
            "net:2:1: the mark of a merge that was not finished: <<<<<<<");
}

TEST(NetSchemaErrors, OldLayersAreRefusedOnce) {
  EXPECT_EQ(Errors("layers { type: CONVOLUTION blobs_lr: 1 }\nlayers {\n layer { } }\nnam: 'a'"),
            "net:1:1: the old `layers { }` format is not read yet; write `layer { type: "
            "\"Convolution\" ... }`, or let Caffe's upgrade_net_proto_text rewrite the file\n"
            "net:4:1: unknown field \"nam\" in the net; did you mean \"name\"?");
}

TEST(NetSchemaErrors, InputsOfTheOldKindNeedTheirShapes) {
  EXPECT_EQ(Errors("input: 'a'"), "net:1:1: an input needs its input_shape");
  EXPECT_EQ(Errors("input: 'a'\ninput_dim: [1, 2]"),
            "net:2:13: the net has 1 input, but 2 input_dim: four belong to each");
  EXPECT_EQ(Errors("input: 'a' input: 'b'\ninput_shape { }"),
            "net:2:1: the net has 2 input, but 1 input_shape");
  EXPECT_EQ(Errors("input_dim: 1"), "net:1:1: a shape without an input that has it");
}

TEST(NetSchemaErrors, DeepNestingIsNoDanger) {
  std::string text;
  for (int i = 0; i < 1000000; ++i) text += "layer {";
  EXPECT_NE(Errors(text), "");
  text.assign(1000000, '{');
  EXPECT_NE(Errors(text), "");
  text.assign(1000000, '<');
  EXPECT_NE(Errors(text), "");
  text.assign(1000000, '[');
  EXPECT_NE(Errors(text), "");
}

TEST(NetSchemaErrors, AFileThatIsTooLargeIsRefusedUnread) {
  const std::string text((16 << 20) + 1, ' ');
  EXPECT_EQ(Errors(text), "net: the text has 16777217 bytes; 16777216 are the most that is read");
}

TEST(NetSchemaErrors, EveryPrefixAndEveryDamagedByteIsReadWithoutHarm) {
  const std::string text = R"(name: "n" input: "x" input_shape { dim: [1, 2] }
layer { name: 'a' type: "Pooling" pooling_param { pool: MAX kernel_size: 3 } loss_weight: -1.5e3 }
)";
  for (size_t i = 0; i <= text.size(); ++i) Errors(text.substr(0, i));
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c :
         {'\0', '{', '}', '"', '\'', '[', ']', '<', '>', '\\', '-', ':', '\xff', '#', 'x'}) {
      std::string damaged = text;
      damaged[i] = c;
      Errors(damaged);
    }
  }
}

TEST(NetSchemaErrors, MissingFilesAreNamed) {
  try {
    BuiltinSchema().ReadNet("/nowhere/net.prototxt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/net.prototxt"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("No such file"), std::string::npos);
  }
}

TEST(NetSchemaErrors, OfAFileHaveItsPath) {
  const std::string path = testing::TempDir() + "moka_schema_errors.prototxt";
  std::ofstream(path) << "\nnam: 'a'";
  try {
    BuiltinSchema().ReadNet(path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(),
              path + ":2:1: unknown field \"nam\" in the net; did you mean \"name\"?");
  }
  std::remove(path.c_str());
}

}  // namespace
}  // namespace moka
