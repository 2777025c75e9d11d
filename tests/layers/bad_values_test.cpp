// Every number in every layer's parameters set to 0, -1, the largest, the smallest, infinity and
// NaN: the layer is built and runs, or is refused at that field. Nothing crashes, hangs or takes
// more memory than it may.
#include <google/protobuf/text_format.h>

#include <vector>

#include "io/prototxt.h"
#include "layers/contract.h"
#include "moka/net.h"
#include "moka/schema.h"
#include "net/schema_grammar.h"

namespace moka {
namespace {

namespace pb = google::protobuf;
using Kind = pb::FieldDescriptor;

// The values as text, for a field of that kind.
std::vector<std::string> BadValues(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case Kind::CPPTYPE_INT32:
      return {"0", "-1", "1", "2147483647", "-2147483648"};
    case Kind::CPPTYPE_INT64:
      return {"0", "-1", "1", "9223372036854775807", "-9223372036854775808"};
    case Kind::CPPTYPE_UINT32:
      return {"0", "1", "65536", "4294967295"};
    case Kind::CPPTYPE_UINT64:
      return {"0", "1", "18446744073709551615"};
    case Kind::CPPTYPE_FLOAT:
    case Kind::CPPTYPE_DOUBLE:
      return {"0", "-1", "1e+38", "-1e+38", "1e-30", "inf", "-inf", "nan"};
    default:
      return {};
  }
}

// The message of `path` below `root`, made where it is missing.
pb::Message* Below(pb::Message* root, const std::vector<const pb::FieldDescriptor*>& path) {
  for (const pb::FieldDescriptor* field : path) {
    const pb::Reflection& reflection = *root->GetReflection();
    if (!field->is_repeated()) {
      root = reflection.MutableMessage(root, field);
    } else if (reflection.FieldSize(*root, field) > 0) {
      root = reflection.MutableRepeatedMessage(root, field, 0);
    } else {
      root = reflection.AddMessage(root, field);
    }
  }
  return root;
}

// Refusals that have nothing to do with the value: the field is not for this layer, or not beside
// what the case has.
bool RefusesAnyValue(const std::string& text) {
  for (const char* reason :
       {" is for SoftmaxWithLoss only", "belongs to PSPNet's BN, but ", "the shape is given twice",
        "class_weighting has 1 values for 3 classes", " are both given"}) {
    if (text.find(reason) != std::string::npos) return true;
  }
  return false;
}

struct Sweep {
  Sweep(const std::string& layer_type, const ContractTable& table)
      : type(layer_type),
        registry(table.registry ? table.registry() : BuiltinLayers()),
        grammar(registry),
        schema(registry),
        a_case(table.cases.at(0)),
        base(grammar.New(grammar.layer())) {
    const std::string text = "type: \"" + type + "\" " + a_case.params;
    const auto none = [](const auto&...) { return std::string("unknown"); };
    const PrototxtResult result = ReadPrototxt(text, "", none, *base);
    EXPECT_TRUE(result.errors.empty()) << text;
    const LayerTraits traits = TraitsOf(registry, schema.ParseLayer(text));
    tops = a_case.options.tops;
    if (tops == 0) {
      tops = traits.same_number() ? static_cast<int>(a_case.shapes.size()) : traits.least_tops();
    }
  }

  // What is changed is right.
  void CheckBase() {
    std::string text;
    pb::TextFormat::PrintToString(*base, &text);
    Run(text, "nothing", "changed");
    EXPECT_EQ(refused, 0);
  }

  // All fields of the message at `path`, and of those below it.
  void Fields(const pb::Descriptor& message, std::vector<const pb::FieldDescriptor*> path) {
    for (const pb::FieldDescriptor* field : FieldsOf(message)) {
      if (field->cpp_type() == Kind::CPPTYPE_MESSAGE) {
        if (path.size() > 4) continue;
        path.push_back(field);
        Fields(*field->message_type(), path);
        path.pop_back();
      }
      for (const std::string& value : BadValues(*field)) Try(path, *field, value);
    }
  }

  // One value in the place of all that the base says at this field.
  void Try(const std::vector<const pb::FieldDescriptor*>& path, const pb::FieldDescriptor& field,
           const std::string& value) {
    const std::unique_ptr<pb::Message> layer(base->New());
    layer->CopyFrom(*base);
    pb::Message* message = Below(layer.get(), path);
    message->GetReflection()->ClearField(message, &field);
    std::string name;
    for (const pb::FieldDescriptor* step : path) name += step->name() + '.';
    name += field.name();
    pb::TextFormat::Parser parser;
    ASSERT_TRUE(parser.ParseFieldValueFromString(value, &field, message)) << name << ": " << value;
    std::string text;
    pb::TextFormat::PrintToString(*layer, &text);
    SCOPED_TRACE(name + ": " + value);
    Run(text, name, value);
  }

  // As a layer of a net between inputs and whoever runs it: the errors of nets name the layer.
  void Run(const std::string& params, const std::string& name, const std::string& value) {
    ++tried;
    std::string net, bottoms;
    for (size_t i = 0; i < a_case.shapes.size(); ++i) {
      const std::string blob = "b" + std::to_string(i);
      net += "layer { name: '" + blob + "' type: 'Input' top: '" + blob + "' input_param { shape {";
      for (const int64_t size : a_case.shapes[i].sizes()) net += " dim: " + std::to_string(size);
      net += " } } }\n";
      bottoms += " bottom: '" + blob + "'";
    }
    for (int t = 0; t < tops; ++t) bottoms += " top: 't" + std::to_string(t) + "'";
    try {
      RunNet(net + "layer { name: 'swept'" + bottoms + " " + params + "}\n");
    } catch (const Error& error) {
      ++refused;
      std::string leaf = name.substr(name.rfind('.') + 1);
      if (leaf == "dim") leaf = "shape";  // which is made of them
      const std::string what = error.what();
      const auto told = [&](const std::string& text) {
        return what.find(text) != std::string::npos ||
               error.field().find(text) != std::string::npos;
      };
      const bool memory = told("no memory") || told("too large") || told("2^63");
      if (!told("layer \"swept\" (" + type + ")") ||
          !(memory || (told(leaf) && told(value)) || RefusesAnyValue(what))) {
        untold.push_back(name + ": " + value + " -> " + what);
      }
    }
  }

  void RunNet(const std::string& text) {
    Context context({.threads = 1, .seed = 1});
    NetOptions options;
    options.phase = a_case.options.training ? TRAIN : TEST;
    options.backward = false;
    Net net(schema.ParseNet(text), registry, context, options);
    for (size_t i = 0; i < a_case.shapes.size(); ++i) {
      Tensor& bottom = net.input("b" + std::to_string(i));
      for (int64_t j = 0; j < bottom.count(); ++j) {
        const float u = static_cast<float>((7 * j + 3) % 11) / 11;
        const auto& input = a_case.options.input;
        bottom.data()[j] = input ? input(static_cast<int>(i), j, u) : 2 * u - 1;
      }
    }
    net.Forward();
  }

  const std::string type;
  const Registry registry;
  const Grammar grammar;
  const NetSchema schema;
  const ContractCase a_case;
  const std::unique_ptr<pb::Message> base;
  int tops = 0, tried = 0, refused = 0;
  std::vector<std::string> untold;
};

TEST(BadValues, AreTakenOrRefusedWithTheirField) {
  const int64_t before = MemoryLimit();
  SetMemoryLimit(int64_t{64} << 20);
  int tried = 0, refused = 0;
  for (const auto& [type, table] : ContractTables()) {
    SCOPED_TRACE(type);
    Sweep sweep(type, table);
    sweep.CheckBase();
    for (const FieldInfo& field : sweep.registry.Get(type).fields) {
      const pb::FieldDescriptor* param = sweep.grammar.FindParam(field.name);
      sweep.Fields(*param->message_type(), {param});
    }
    for (const std::string& text : sweep.untold) ADD_FAILURE() << text;
    tried += sweep.tried;
    refused += sweep.refused;
  }
  SetMemoryLimit(before);
  std::printf("%d values tried, %d refused\n", tried, refused);
}

}  // namespace
}  // namespace moka
