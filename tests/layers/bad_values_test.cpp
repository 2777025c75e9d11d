// Every number in every layer's parameters set to 0, -1, the largest, the smallest, infinity and
// NaN: the layer is built and runs, or is refused at that field. Nothing crashes, hangs or takes
// more memory than it may.
#include <google/protobuf/text_format.h>

#include <cmath>
#include <limits>
#include <set>

#include "io/prototxt.h"
#include "layers/contract.h"
#include "moka/tensor.h"
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
      return {"0", "-1", "1e38", "-1e38", "1e-45", "inf", "-inf", "nan"};
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

struct Sweep {
  Sweep(const std::string& type, const ContractTable& table)
      : registry(table.registry ? table.registry() : BuiltinLayers()),
        grammar(registry),
        a_case(table.cases.at(0)),
        base(grammar.New(grammar.layer())) {
    const std::string text = "type: \"" + type + "\" " + a_case.params;
    const auto none = [](const auto&...) { return std::string("unknown"); };
    const PrototxtResult result = ReadPrototxt(text, "", none, *base);
    EXPECT_TRUE(result.errors.empty()) << text;
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

  void Run(const std::string& text, const std::string& name, const std::string& value) {
    ++tried;
    RunOptions options;
    options.registry = table_registry();
    std::vector<std::vector<float>> bottoms;
    for (size_t i = 0; i < a_case.shapes.size(); ++i) {
      std::vector<float>& values = bottoms.emplace_back();
      for (int64_t j = 0; j < a_case.shapes[i].count(); ++j) {
        const float u = static_cast<float>((7 * j + 3) % 11) / 11;
        values.push_back(a_case.options.input ? a_case.options.input(static_cast<int>(i), j, u)
                                              : 2 * u - 1);
      }
    }
    try {
      RunLayer(text, a_case.shapes, bottoms, options);
    } catch (const Error& error) {
      ++refused;
      // Not every refusal can name the field (a window that is larger than the image does so); but
      // none is without words.
      EXPECT_FALSE(error.message().empty());
      const std::string leaf = name.substr(name.rfind('.') + 1);
      const bool told = error.field().find(leaf) != std::string::npos ||
                        error.message().find(leaf) != std::string::npos ||
                        error.message().find("no memory") != std::string::npos;
      if (!told)
        untold.insert(name + ": " + value + " -> [" + error.field() + "] " + error.message());
    }
  }

  const Registry* table_registry() const { return &registry; }

  const Registry registry;
  const Grammar grammar;
  const ContractCase a_case;
  const std::unique_ptr<pb::Message> base;
  int tried = 0, refused = 0;
  std::set<std::string> untold;
};

TEST(BadValues, AreTakenOrRefusedWithTheirField) {
  const int64_t before = MemoryLimit();
  SetMemoryLimit(int64_t{64} << 20);
  int tried = 0, refused = 0;
  for (const auto& [type, table] : ContractTables()) {
    SCOPED_TRACE(type);
    Sweep sweep(type, table);
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
