// Help texts out of the descriptors.
#include <gtest/gtest.h>

#include "moka/schema.h"

namespace moka {
namespace {

TEST(Describe, TellsTypesDefaultsCommentsAndNumbers) {
  const NetSchema schema(BuiltinLayers());
  const std::vector<MessageHelp> help = schema.Describe("Convolution");
  ASSERT_EQ(help.size(), 1u);
  EXPECT_EQ(help[0].field, "convolution_param");
  EXPECT_NE(help[0].comment.find("onvolution"), std::string::npos);
  auto field = [&](const std::string& name) {
    for (const FieldHelp& candidate : help[0].fields) {
      if (candidate.name == name) return candidate;
    }
    return FieldHelp();
  };
  EXPECT_EQ(field("num_output").type, "uint32");
  EXPECT_EQ(field("num_output").default_value, "");
  EXPECT_EQ(field("num_output").number, 1);
  EXPECT_FALSE(field("num_output").comment.empty());
  EXPECT_EQ(field("bias_term").type, "bool");
  EXPECT_EQ(field("bias_term").default_value, "true");
  EXPECT_TRUE(field("kernel_size").repeated);
  EXPECT_EQ(field("engine").type, "DEFAULT | CAFFE | CUDNN | EXACT");
  EXPECT_EQ(field("engine").default_value, "DEFAULT");
  EXPECT_EQ(field("weight_filler").type, "moka.FillerParameter");
}

TEST(Describe, EveryBuiltInMessageHasAComment) {
  const Registry registry = BuiltinLayers();
  const NetSchema schema(registry);
  for (const std::string& type : registry.types()) {
    for (const MessageHelp& message : schema.Describe(type)) {
      EXPECT_NE(message.comment, "") << type << ' ' << message.field;
    }
  }
}

TEST(Describe, RefusesAnUnknownTypeWithAGuess) {
  const NetSchema schema(BuiltinLayers());
  try {
    schema.Describe("Relu");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "unknown type \"Relu\"; did you mean \"ReLU\"?");
  }
}

}  // namespace
}  // namespace moka
