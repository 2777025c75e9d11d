// The numbers, types and defaults of all fields that Caffe has too are Caffe's; Moka's own begin at
// 5000, and those that forks of Caffe added are the forks'.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "layer/descriptor_set.h"
#include "net/caffe_layer_messages.h"
#include "net/caffe_messages.h"
#include "net/schema_grammar.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

using testing::kCaffeLayerMessages;
using testing::kCaffeMessages;

constexpr int kOwn = 5000;

// Numbers below that Caffe does not have, from the forks that added the layers (SegNet and ncnn's
// converter, Intel, eric612's MobileNet-YOLO, ShuffleNet's).
const std::map<std::string, int> kForks = {{"bn_param", 45},
                                           {"upsample_param", 149},
                                           {"spatial_dropout_param", 155},
                                           {"reorg_param", 159},
                                           {"shuffle_channel_param", 164},
                                           {"interp_param", 205},
                                           {"plateau_winsize", 43},
                                           {"warmup_iter", 48},
                                           {"warmup_start_lr", 49}};

bool IsAForks(const FieldInfo& field) {
  const auto found = kForks.find(field.name);
  return found != kForks.end() && found->second == field.number;
}

// Caffe's definition of the message or enum, or nullptr.
const std::string* Caffes(const std::string& name) {
  for (const auto* table : {&kCaffeMessages, &kCaffeLayerMessages}) {
    if (const auto found = table->find(name); found != table->end()) return &found->second;
  }
  return nullptr;
}

// "3 optional uint32 stride = 1"
std::string Line(const pb::FieldDescriptor& field) {
  std::string line = std::to_string(field.number());
  line += field.is_required() ? " required " : field.is_repeated() ? " repeated " : " optional ";
  line += field.message_type() != nullptr ? field.message_type()->name()
          : field.enum_type() != nullptr  ? field.enum_type()->name()
                                          : field.type_name();
  line += " " + field.name();
  if (field.is_packed()) line += " packed";
  if (!field.has_default_value()) return line;
  pb::FieldDescriptorProto proto;
  field.CopyTo(&proto);
  const std::string quote = field.type() == pb::FieldDescriptor::TYPE_STRING ? "\"" : "";
  return line + " = " + quote + proto.default_value() + quote;
}

// "enum RoundMode { CEIL = 0, FLOOR = 1 }"
std::string Line(const pb::EnumDescriptor& type) {
  std::string line = "enum " + type.name() + " {";
  for (int i = 0; i < type.value_count(); ++i) {
    line += (i == 0 ? " " : ", ") + type.value(i)->name() + " = " +
            std::to_string(type.value(i)->number());
  }
  return line + " }";
}

// A message as the tables have it: the fields by number, then the enums that they are of by name.
// Moka's own fields and what only they are of are left out.
std::string Definition(const pb::Descriptor& message) {
  std::map<int, std::string> fields;
  std::map<std::string, std::string> enums;
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    if (field.number() >= kOwn) continue;
    fields[field.number()] = Line(field) + "\n";
    const pb::EnumDescriptor* type = field.enum_type();
    if (type != nullptr && type->containing_type() == &message) {
      enums[type->name()] = Line(*type) + "\n";
    }
  }
  std::string text = "\n";
  for (const auto& [number, line] : fields) text += line;
  for (const auto& [name, line] : enums) text += line;
  return text;
}

// All messages and enums of the built-in grammar, by name.
std::map<std::string, std::string> Definitions() {
  const Grammar grammar(BuiltinLayers());
  const pb::FileDescriptor& layer_file = *grammar.layer().file();
  std::set<const pb::FileDescriptor*> files;
  const pb::FileDescriptorSet host = ReadDescriptorSet(HostSchema());
  for (const auto& file : host.file()) {
    files.insert(layer_file.pool()->FindFileByName(file.name()));
  }
  for (int i = 0; i < layer_file.dependency_count(); ++i) files.insert(layer_file.dependency(i));
  std::map<std::string, std::string> definitions;
  for (const pb::FileDescriptor* file : files) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const pb::Descriptor& message = *file->message_type(i);
      definitions[message.name()] = Definition(message);
    }
    for (int i = 0; i < file->enum_type_count(); ++i) {
      definitions[file->enum_type(i)->name()] = "\n" + Line(*file->enum_type(i)) + "\n";
    }
  }
  return definitions;
}

// What the grammar has, without what forks and Moka (numbers from 5000 on) added.
std::string WithoutForks(const std::string& definition) {
  std::string kept, line;
  for (std::istringstream lines(definition); std::getline(lines, line);) {
    const bool a_forks = std::any_of(kForks.begin(), kForks.end(), [&](const auto& field) {
      return line.starts_with(std::to_string(field.second) + " ") &&
             (line + " ").find(" " + field.first + " ") != std::string::npos;
    });
    if (!a_forks) kept += std::regex_replace(line, std::regex(", [A-Z]+ = 5\\d{3}"), "") + "\n";
  }
  return kept;
}

// A table's entry without the fields whose messages have no table.
std::string WithoutMissing(const std::string& caffes) {
  std::string kept, line, number, label, type;
  for (std::istringstream lines(caffes); std::getline(lines, line);) {
    std::istringstream(line) >> number >> label >> type;
    if (!type.ends_with("Parameter") || Caffes(type) != nullptr) kept += line + "\n";
  }
  return kept;
}

TEST(FieldNumbers, TypesAndDefaultsAreCaffesInEveryMessageThatCaffeHas) {
  const std::map<std::string, std::string> definitions = Definitions();
  for (const auto* table : {&kCaffeMessages, &kCaffeLayerMessages}) {
    for (const auto& [name, caffes] : *table) {
      const auto found = definitions.find(name);
      ASSERT_NE(found, definitions.end()) << name;
      EXPECT_EQ(WithoutForks(found->second), WithoutMissing(caffes)) << name;
    }
  }
}

// The number in binary files belongs to the layer type; in the grammar a taken one is replaced.
TEST(FieldNumbers, OfParametersAreCaffesInEveryLayerTypeAndTheOthersAreAForksOrBeginAt5000) {
  const Registry registry = BuiltinLayers();
  for (const std::string& type : registry.types()) {
    for (const FieldInfo& field : registry.Get(type).fields) {
      const std::string message = field.message.substr(field.message.rfind('.') + 1);
      const std::string line =
          "\n" + std::to_string(field.number) + " optional " + message + " " + field.name + "\n";
      const bool is_caffes = kCaffeMessages.at("LayerParameter").find(line) != std::string::npos;
      EXPECT_TRUE(is_caffes || field.number >= kOwn || IsAForks(field)) << type << ":" << line;
    }
  }
}

TEST(FieldNumbers, StandInATableUnlessTheMessageIsMokasOwn) {
  std::set<std::string> own;
  const Registry registry = BuiltinLayers();
  for (const std::string& type : registry.types()) {
    for (const FieldInfo& field : registry.Get(type).fields) {
      if (field.number >= kOwn || IsAForks(field)) {
        own.insert(field.message.substr(field.message.rfind('.') + 1));
      }
    }
  }
  for (const UpdateRuleType* rule : registry.update_rules()) {
    for (const FieldInfo& field : rule->fields)
      own.insert(field.message.substr(field.message.rfind('.') + 1));
  }
  for (const auto& [name, definition] : Definitions()) {
    EXPECT_NE(Caffes(name) != nullptr, own.count(name) != 0)
        << name
        << " needs a table, written from Caffe, or a parameter field from 5000 on, or of a fork";
  }
}

}  // namespace
}  // namespace moka
