// Whether the messages that a plugin brings fit together and with Moka's own.
#include "layer/descriptor_set.h"

#include <gtest/gtest.h>

#include "caught.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

// A file with a message M { optional TYPE f = 1; }
pb::FileDescriptorProto File(const std::string& name, const std::string& package,
                             const std::string& type) {
  pb::FileDescriptorProto file;
  file.set_name(name);
  file.set_package(package);
  pb::DescriptorProto& message = *file.add_message_type();
  message.set_name("M");
  pb::FieldDescriptorProto& field = *message.add_field();
  field.set_name("f");
  field.set_number(1);
  field.set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
  field.set_type(pb::FieldDescriptorProto::TYPE_MESSAGE);
  field.set_type_name(type);
  return file;
}

std::string Refusal(const std::vector<pb::FileDescriptorProto>& files) {
  SchemaOrigin origin{"p.so", {}};
  for (const pb::FileDescriptorProto& file : files) {
    pb::FileDescriptorSet set;
    *set.add_file() = file;
    origin.descriptor_sets.push_back(set.SerializeAsString());
  }
  try {
    CheckThatItBuilds(origin);
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

TEST(DescriptorSet, FilesMayImportOneAnotherInAnyOrderAndTheHosts) {
  pb::FileDescriptorProto a = File("a.proto", "acme", ".acme.b.M"),
                          b = File("b.proto", "acme.b", ".moka.FillerParameter");
  a.add_dependency("b.proto");
  b.add_dependency("moka/filler.proto");
  EXPECT_EQ(Refusal({a, b}), "");
  EXPECT_EQ(
      Refusal({a}),
      "its messages do not fit into the grammar: a.proto: b.proto: Import \"b.proto\" has not "
      "been loaded.");
}

TEST(DescriptorSet, ATypeThatIsNotImportedIsRefused) {
  EXPECT_EQ(
      Refusal({File("a.proto", "acme", ".moka.FillerParameter")}),
      "its messages do not fit into the grammar: a.proto: acme.M.f: \".moka.FillerParameter\" "
      "is not defined.");
}

TEST(DescriptorSet, NamesOfTheHostsFilesAndMessagesMayBeUsedAnew) {
  EXPECT_EQ(Refusal({File("moka/filler.proto", "moka", ".moka.M")}), "");
}

TEST(DescriptorSet, TheSameFileTwiceCountsOnce) {
  EXPECT_EQ(Refusal({File("a.proto", "acme", ".acme.M"), File("a.proto", "acme", ".acme.M")}), "");
}

TEST(DescriptorSet, TwoMessagesOfOneNameAreRefused) {
  EXPECT_EQ(Refusal({File("a.proto", "acme", ".acme.M"), File("b.proto", "acme", ".acme.M")}),
            "its messages do not fit into the grammar: b.proto: acme.M.f: \"acme.M.f\" is already "
            "defined in file \"a.proto\".");
}

}  // namespace
}  // namespace moka
