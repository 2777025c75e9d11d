// The registry: what it takes, what it refuses, and in which words.
#include "moka/registry.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "moka/description.h"
#include "moka/filler.pb.h"

namespace moka {
namespace {

class Nothing final : public Layer {
 public:
  explicit Nothing(const LayerSpec& spec) : Layer(spec) {}
  Nothing(const LayerSpec& spec, const FillerParameter& filler) : Layer(spec) {
    if (filler.value() < 0) throw Error("value ", filler.value(), " is negative");
  }
  static LayerTraits Traits(const LayerSpec&) { return LayerTraits().Tops(7); }
  static LayerTraits Traits(const LayerSpec&, const FillerParameter& filler) {
    return LayerTraits().Tops(filler.sparse());
  }
  void Reshape(Shapes, Plan&) override {}
  void Forward(ForwardPass&) override {}
};

// A layer that declares nothing about itself.
class Careless final : public Layer {
 public:
  explicit Careless(const LayerSpec& spec) : Layer(spec) {}
  void Reshape(Shapes, Plan&) override {}
  void Forward(ForwardPass&) override {}
};

LayerType TypeWith(const std::string& name, std::vector<FieldInfo> fields) {
  LayerType type;
  type.name = name;
  type.fields = std::move(fields);
  type.traits = [](const LayerSpec&) { return LayerTraits(); };
  type.create = [](const LayerSpec& spec) { return std::make_unique<Nothing>(spec); };
  return type;
}

// A descriptor set with one message that has one field.
std::string Schema(const std::string& package, const std::string& message, const std::string& field,
                   int number = 1) {
  google::protobuf::FileDescriptorSet set;
  auto* file = set.add_file();
  file->set_name("p.proto");
  file->set_package(package);
  auto* type = file->add_message_type();
  type->set_name(message);
  auto* member = type->add_field();
  member->set_name(field);
  member->set_number(number);
  member->set_type(google::protobuf::FieldDescriptorProto::TYPE_INT32);
  return set.SerializeAsString();
}

// What the registry says when the type is added; it must stay as it was.
std::string Refusal(Registry& registry, LayerType type) {
  const std::vector<std::string> before = registry.types();
  try {
    registry.AddType(std::move(type));
  } catch (const Error& error) {
    EXPECT_EQ(registry.types(), before);
    return error.message();
  }
  return "it was taken";
}

TEST(Registry, RefusesAMessageWhoseBytesAreNone) {
  Registry registry;
  registry.Add<Nothing>("Nothing", Field<FillerParameter>{"any_param", 50});
  LayerDescription layer;
  layer.params.push_back({"any_param", 50, "\xff"});
  const auto error = [&](const auto& use) -> std::string {
    try {
      use(registry.Get("Nothing"), LayerSpec(layer, registry));
    } catch (const Error& caught) {
      return caught.message();
    }
    return "they were read";
  };
  EXPECT_EQ(error([](const LayerType& type, const LayerSpec& spec) { type.create(spec); }),
            "the bytes of any_param cannot be read");
  EXPECT_EQ(error([](const LayerType& type, const LayerSpec& spec) { type.traits(spec); }),
            "the bytes of any_param cannot be read");
}

TEST(Registry, FindsWhatWasAddedAndNamesItsOrigin) {
  Registry registry;
  registry.Add<Nothing>("Nothing");
  registry.SetOrigin("libx.so");
  registry.Add<Nothing>("Anything", Field<FillerParameter>{"any_param", 50});
  EXPECT_EQ(registry.types(), (std::vector<std::string>{"Anything", "Nothing"}));
  EXPECT_EQ(registry.Get("Nothing").origin, "built in");
  EXPECT_EQ(registry.Get("Anything").origin, "libx.so");
  EXPECT_EQ(registry.Find("Something"), nullptr);
  ASSERT_NE(registry.FindField("any_param"), nullptr);
  EXPECT_EQ(registry.FindField("any_param")->message, "moka.FillerParameter");
  EXPECT_EQ(registry.FieldOrigin("any_param"), "libx.so");
  EXPECT_EQ(registry.FindField("some_param"), nullptr);
  EXPECT_EQ(registry.FieldOrigin("some_param"), "");
}

TEST(Registry, MakesLayersAndTraitsFromParsedParameters) {
  Registry registry;
  registry.Add<Nothing>("Nothing");
  registry.Add<Careless>("Careless");
  registry.Add<Nothing>("Anything", Field<FillerParameter>{"any_param", 50});
  FillerParameter filler;
  filler.set_sparse(3);
  filler.set_value(-2);
  LayerDescription layer;
  layer.params.push_back({"any_param", 50, filler.SerializeAsString()});
  EXPECT_EQ(registry.Get("Anything").traits(LayerSpec(layer, registry)).least_tops(), 3);
  EXPECT_EQ(registry.Get("Nothing").traits(LayerSpec(layer, registry)).least_tops(), 7);
  EXPECT_EQ(registry.Get("Careless").traits(LayerSpec(layer, registry)).least_tops(), 1);
  EXPECT_NE(registry.Get("Nothing").create(LayerSpec(layer, registry)), nullptr);
  try {
    registry.Get("Anything").create(LayerSpec(layer, registry));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "value -2 is negative");
  }
  layer.params[0].bytes = "\xff\xff";
  EXPECT_THROW(registry.Get("Anything").create(LayerSpec(layer, registry)), Error);
}

TEST(Registry, IsAValue) {
  Registry one;
  one.Add<Nothing>("Nothing");
  Registry two = one;
  two.Add<Nothing>("Anything");
  EXPECT_EQ(one.types(), std::vector<std::string>{"Nothing"});
  EXPECT_EQ(two.types(), (std::vector<std::string>{"Anything", "Nothing"}));
}

TEST(Registry, GuessesWhichTypeWasMeant) {
  Registry registry;
  registry.Add<Nothing>("ReLU");
  registry.Add<Nothing>("Pooling");
  try {
    registry.Get("Relu");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "unknown type \"Relu\"; did you mean \"ReLU\"?");
    EXPECT_EQ(error.field(), "type");
  }
}

TEST(Registry, RefusesATypeThatExistsNamingBothOrigins) {
  Registry registry;
  registry.Add<Nothing>("Nothing");
  EXPECT_EQ(Refusal(registry, TypeWith("Nothing", {})),
            "type \"Nothing\" is registered twice (built in)");
  registry.SetOrigin("libx.so");
  EXPECT_EQ(Refusal(registry, TypeWith("Nothing", {})),
            "type \"Nothing\" (from libx.so) exists already (built in)");
  EXPECT_EQ(Refusal(registry, TypeWith("", {})), "a layer type needs a name");
}

TEST(Registry, SharesAFieldAmongTypesWithTheSameMessage) {
  Registry registry;
  registry.AddSchema(Schema("acme", "Params", "size"));
  registry.AddType(TypeWith("One", {{"shared_param", 300, "acme.Params"}}));
  registry.AddType(TypeWith("Two", {{"shared_param", 300, "acme.Params"}}));
  EXPECT_EQ(registry.types().size(), 2u);
}

TEST(Registry, SharesAFieldWithAPluginWhoseMessageIsTheSameToTheLetter) {
  Registry registry;
  registry.AddSchema(Schema("acme", "Params", "size"));
  registry.AddType(TypeWith("One", {{"shared_param", 300, "acme.Params"}}));
  registry.SetOrigin("libsame.so");
  registry.AddSchema(Schema("acme", "Params", "size"));
  registry.AddType(TypeWith("Two", {{"shared_param", 300, "acme.Params"}}));
  registry.SetOrigin("libother.so");
  registry.AddSchema(Schema("acme", "Params", "size", 2));
  EXPECT_EQ(Refusal(registry, TypeWith("Three", {{"shared_param", 300, "acme.Params"}})),
            "type \"Three\" (from libother.so) wants shared_param for its message acme.Params, but "
            "type \"One\" (built in) uses it for another message of that name");
}

TEST(Registry, RefusesAFieldThatIsTakenByAnotherMessageNamingBothOrigins) {
  Registry registry;
  registry.AddSchema(Schema("acme", "Params", "size"));
  registry.AddType(TypeWith("One", {{"size_param", 300, "acme.Params"}}));
  registry.SetOrigin("libx.so");
  registry.AddSchema(Schema("x", "SizeParams", "size"));
  EXPECT_EQ(Refusal(registry, TypeWith("Two", {{"size_param", 301, "x.SizeParams"}})),
            "type \"Two\" (from libx.so) wants size_param for its message x.SizeParams, but type "
            "\"One\" (built in) uses it for acme.Params");
}

TEST(Registry, RefusesAMessageWithoutASchemaOfItsOrigin) {
  Registry registry;
  EXPECT_EQ(Refusal(registry, TypeWith("One", {{"one_param", 300, "acme.Params"}})),
            "type \"One\": no schema that is built in describes the message acme.Params of "
            "one_param");
  registry.AddSchema(Schema("acme", "Params", "size"));
  registry.SetOrigin("libx.so");  // another origin's schema does not count
  EXPECT_EQ(Refusal(registry, TypeWith("One", {{"one_param", 300, "acme.Params"}})),
            "type \"One\": no schema that came with libx.so describes the message acme.Params of "
            "one_param");
  registry.SetOrigin("built in");  // and back
  EXPECT_EQ(Refusal(registry, TypeWith("One", {{"one_param", 300, "acme.Params"}})),
            "it was taken");
}

TEST(Registry, DerivesNumbersFromNamesOutsideAllKnownOnes) {
  Registry registry;
  registry.Add<Nothing>("One", Field<FillerParameter>{"one_param"});
  registry.Add<Nothing>("Two", Field<FillerParameter>{"two_param"});
  const int one = registry.FindField("one_param")->number;
  const int two = registry.FindField("two_param")->number;
  EXPECT_EQ(one, 272353636);  // must never change: files hold it
  EXPECT_NE(one, two);
  EXPECT_GE(two, 1 << 28);
  EXPECT_LT(two, 1 << 29);
}

TEST(Registry, RefusesNumbersAndNamesThatEveryLayerHas) {
  Registry registry;
  auto refusal = [&](const std::string& name, int number) {
    return Refusal(registry, TypeWith("One", {{name, number, "moka.FillerParameter"}}));
  };
  EXPECT_EQ(refusal("bottom", 300), "every layer has a field bottom already");
  EXPECT_EQ(refusal("one_param", 10),
            "one_param cannot have number 10: that is phase, which every layer has");
  EXPECT_EQ(refusal("one_param", 19500),
            "one_param cannot have number 19500: 1 to 536870911 without 19000 to 19999 are "
            "possible, and 0 takes one from the name");
  EXPECT_EQ(refusal("one_param", -1).substr(0, 34), "one_param cannot have number -1: 1");
  EXPECT_EQ(refusal("one_param", 1 << 29).substr(0, 38), "one_param cannot have number 536870912");
  EXPECT_EQ(refusal("one param", 300),
            "\"one param\" cannot be a field's name: letters, digits and _ only");
  EXPECT_EQ(refusal("1_param", 300),
            "\"1_param\" cannot be a field's name: letters, digits and _ only");
}

TEST(Registry, RefusesALayerThatUsesAFieldOrANumberTwice) {
  Registry registry;
  EXPECT_EQ(Refusal(registry, TypeWith("One", {{"a_param", 300, "moka.FillerParameter"},
                                               {"a_param", 301, "moka.FillerParameter"}})),
            "type \"One\" names the field a_param twice");
  EXPECT_EQ(Refusal(registry, TypeWith("One", {{"a_param", 300, "moka.FillerParameter"},
                                               {"b_param", 300, "moka.FillerParameter"}})),
            "type \"One\": a_param and b_param both have number 300");
}

TEST(Registry, RefusesASchemaThatIsNone) {
  Registry registry;
  try {
    registry.AddSchema("\xff\xff\xff");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "the embedded schema (3 bytes) is no protobuf descriptor set");
  }
  registry.AddSchema("");  // a plugin without protos
}

TEST(Registry, BuiltInLayersHaveCaffesNumbers) {
  const Registry registry = BuiltinLayers();
  EXPECT_EQ(registry.FindField("relu_param")->number, 123);
  EXPECT_EQ(registry.FindField("dropout_param")->number, 108);
  EXPECT_EQ(registry.FieldOrigin("relu_param"), "built in");
}

}  // namespace
}  // namespace moka
