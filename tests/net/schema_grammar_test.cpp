// Composing the grammar from descriptors of many origins, and reading by it as protobuf itself
// would.
#include "net/schema_grammar.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "io/prototxt.h"
#include "moka/schema.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

// A descriptor set given as text: file { message_type { field { } } }.
std::string Set(const std::string& text) {
  pb::FileDescriptorSet set;
  EXPECT_TRUE(pb::TextFormat::ParseFromString(text, &set));
  return set.SerializeAsString();
}

// One field of a message in such a text.
std::string Member(const std::string& name, int number, const std::string& type,
                   const std::string& more = "") {
  const bool is_name = type[0] == '.';
  return "field { name: '" + name + "' number: " + std::to_string(number) +
         (is_name ? " type_name: '" + type + "'" : " type: TYPE_" + type) +
         (more.find("label") == std::string::npos ? " label: LABEL_OPTIONAL " : " ") + more + " } ";
}

// A file with the message Params.
std::string Params(const std::string& fields) {
  return Set("file { name: 'a.proto' message_type { name: 'Params' " + fields + " } }");
}

void Add(Registry& registry, const std::string& type, std::vector<FieldInfo> fields) {
  LayerType entry;
  entry.name = type;
  entry.fields = std::move(fields);
  entry.traits = [](const LayerSpec&) { return LayerTraits(); };
  entry.create = [](const LayerSpec&) -> std::unique_ptr<Layer> { return nullptr; };
  registry.AddType(std::move(entry));
}

std::string Errors(const Registry& registry, const std::string& text) {
  try {
    NetSchema(registry).ParseNet(text, "net");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Grammar, TwoFieldsWithTheSameWireNumberLiveSideBySideAndKeepIt) {
  Registry registry;
  registry.AddSchema(Params(Member("size", 1, "INT32")));
  Add(registry, "One", {{"one_param", 300, "Params"}});
  Add(registry, "Two", {{"two_param", 300, "Params"}});
  Add(registry, "Three", {{"three_param", 1 << 20, "Params"}});
  const NetDescription net = NetSchema(registry).ParseNet(
      "layer { type: 'One' one_param { size: 1 } } layer { type: 'Two' two_param { size: 2 } } "
      "layer { type: 'Three' three_param { } one_param { } }");
  EXPECT_EQ(net.layers[0].params.at(0).number, 300);
  EXPECT_EQ(net.layers[1].params.at(0).number, 300);
  EXPECT_EQ(net.layers[1].params.at(0).field, "two_param");
  EXPECT_EQ(net.layers[1].params.at(0).bytes, "\x08\x02");
  EXPECT_EQ(net.layers[2].params.at(0).number, 1 << 20);
  EXPECT_EQ(net.layers[2].params.at(1).number, 300);
}

TEST(Grammar, AFieldMayHaveAnotherNumberInAnotherType) {
  Registry registry;
  registry.AddSchema(Params(Member("size", 1, "INT32")));
  Add(registry, "One", {{"shared_param", 300, "Params"}});
  Add(registry, "Two", {{"shared_param", 301, "Params"}});
  const Grammar grammar(registry);
  EXPECT_EQ(grammar.WireNumber("One", "shared_param"), 300);
  EXPECT_EQ(grammar.WireNumber("Two", "shared_param"), 301);
  EXPECT_EQ(grammar.WireNumber("Stranger", "shared_param"), 300);
  EXPECT_EQ(grammar.WireNumber("One", "no_param"), 0);
}

TEST(Grammar, FilesMayComeInAnyOrderAndImportOneAnotherAndTheHost) {
  const std::string outer =
      "file { name: 'outer.proto' package: 'acme' dependency: 'inner.proto' dependency: "
      "'moka/filler.proto' message_type { name: 'Params' " +
      Member("inner", 1, ".acme.Inner") + Member("filler", 2, ".moka.FillerParameter") +
      Member("self", 3, ".acme.Params") + Member("kind", 4, ".acme.Kind") + "} }";
  const std::string inner =
      "file { name: 'inner.proto' package: 'acme' enum_type { name: 'Kind' value { name: 'FLAT' "
      "number: 0 } value { name: 'DEEP' number: 1 } } message_type { name: 'Inner' " +
      Member("x", 1, "INT32") + "} }";
  for (const std::string& files : {outer + inner, inner + outer}) {
    Registry registry;
    registry.SetOrigin("liba.so");
    registry.AddSchema(Set(files));
    Add(registry, "One", {{"one_param", 0, "acme.Params"}});
    EXPECT_EQ(Errors(registry,
                     "layer { one_param { inner { x: 1 } filler { type: 'a' } kind: DEEP "
                     "self { self { kind: FLAT } } } }"),
              "");
    EXPECT_EQ(Errors(registry, "layer { one_param { inner { y: 1 } } }"),
              "net:1:29: unknown field \"y\" in one_param.inner");
  }
}

TEST(Grammar, FieldsThatMustBeThereAndFieldsThatExcludeEachOtherAreChecked) {
  Registry registry;
  registry.AddSchema(Params(Member("size", 1, "INT32", "label: LABEL_REQUIRED") +
                            Member("up", 2, "INT32", "oneof_index: 0") +
                            Member("down", 3, "INT32", "oneof_index: 0") +
                            "oneof_decl { name: 'way' }"));
  Add(registry, "One", {{"one_param", 0, "Params"}});
  EXPECT_EQ(Errors(registry, "layer {\n one_param { up: 1 } }"), "net:2:2: one_param needs size");
  EXPECT_EQ(Errors(registry, "layer { one_param { size: 1 up: 1 down: 2 } }"),
            "net:1:35: down cannot stand beside up: only one of them is possible");
  EXPECT_EQ(Errors(registry, "layer { one_param { size: 1 down: 2 } }"), "");
}

TEST(Grammar, BlocksInsideOneAnotherHaveALimit) {
  Registry registry;
  registry.AddSchema(Params(Member("self", 1, ".Params")));
  Add(registry, "One", {{"one_param", 0, "Params"}});
  auto nested = [](int depth) {
    std::string text = "layer { one_param {";
    for (int i = 2; i < depth; ++i) text += "self{";
    return text + std::string(static_cast<size_t>(depth), '}');
  };
  EXPECT_EQ(Errors(registry, nested(100)), "");
  EXPECT_EQ(Errors(registry, nested(101)), "net:1:514: more than 100 blocks inside one another");
  EXPECT_NE(Errors(registry, nested(1000000)), "");
}

TEST(Grammar, SchemasThatDoNotComposeAreRefusedNamingTheirOrigin) {
  Registry registry;
  registry.SetOrigin("libbroken.so");
  registry.AddSchema(Params(Member("x", 1, ".Nowhere")));
  Add(registry, "One", {{"one_param", 0, "Params"}});
  try {
    NetSchema schema(registry);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message().substr(0, 62),
              "the messages of libbroken.so do not fit into the grammar: moka");
    EXPECT_NE(error.message().find("Nowhere"), std::string::npos);
  }
}

struct Quiet : pb::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

TEST(Grammar, ValuesAreReadAsProtobufsOwnParserReadsThem) {
  const Grammar grammar(BuiltinLayers());
  const std::vector<std::string> values = {"0",
                                           "-0",
                                           "1",
                                           "-1",
                                           "017",
                                           "-017",
                                           "08",
                                           "0x1F",
                                           "1.5",
                                           "1.",
                                           ".5",
                                           "1e3",
                                           "1e",
                                           "1.5f",
                                           "2f",
                                           "1.5.5",
                                           "- 1",
                                           "--1",
                                           "+1",
                                           "inf",
                                           "-Infinity",
                                           "nan",
                                           "2147483647",
                                           "2147483648",
                                           "-2147483648",
                                           "-2147483649",
                                           "4294967295",
                                           "4294967296",
                                           "9223372036854775807",
                                           "true",
                                           "True",
                                           "TRUE",
                                           "t",
                                           "false",
                                           "f",
                                           "TEST",
                                           "TRAIN",
                                           "'a'",
                                           "\"b\"",
                                           "'a' 'b'",
                                           "'\\n\\x41\\101'",
                                           "'a",
                                           "[]",
                                           "[1]",
                                           "[1, 2]",
                                           "[1 2]",
                                           "[1, 2,]",
                                           "['a', 'b']",
                                           "[true, false]",
                                           "{ }",
                                           "< >",
                                           "{ >",
                                           ""};
  for (const std::string field :
       {"name: ", "force_backward: ", "input: ", "input_dim: ", "input_dim ", "input_shape ",
        "state { phase: ", "state { level: ", "layer { loss_weight: ", "layer { phase: ",
        "layer { propagate_down: ", "layer { convolution_param { pad: ", "input_shape { dim: "}) {
    for (const std::string& value : values) {
      std::string text = field + value;
      text += std::string(static_cast<size_t>(std::count(field.begin(), field.end(), '{')), '}');
      const auto ours = grammar.New(grammar.net()), theirs = grammar.New(grammar.net());
      const auto explain = [](const auto&, const auto&, const std::string& name) { return name; };
      const bool we_read = ReadPrototxt(text, "", explain, *ours).errors.empty();
      Quiet quiet;
      pb::TextFormat::Parser parser;
      parser.RecordErrorsTo(&quiet);
      EXPECT_EQ(we_read, parser.ParseFromString(text, theirs.get())) << text;
      if (we_read) {
        EXPECT_EQ(ours->SerializeAsString(), theirs->SerializeAsString()) << text;
      }
    }
  }
}

}  // namespace
}  // namespace moka
