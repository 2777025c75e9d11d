// Every number in the parameters of SSD's layers set to 0, -1, the largest, infinity and NaN: the
// layer is built and runs, or is refused with the field's name.
#include <gtest/gtest.h>

#include <map>

#include "moka/schema.h"
#include "moka/tensor.h"
#include "ssd/ssd.h"

namespace moka {
namespace {

std::vector<std::string> BadValues(const std::string& type) {
  if (type == "float") return {"0", "-1", "1e38", "-1e38", "1e-45", "inf", "-inf", "nan"};
  if (type == "int32") return {"0", "-1", "1", "2147483647", "-2147483648"};
  if (type == "uint32") return {"0", "1", "65536", "4294967295"};
  return {};
}

using Fields = std::map<std::string, std::string>;  // "nms_param.top_k" -> "4"

// What stands inside layer { }.
std::string Text(const std::string& type, const std::string& param, const Fields& fields) {
  std::string text = "type: '" + type + "' " + param + " { ";
  for (const auto& [name, value] : fields) {
    const size_t dot = name.find('.');
    text += dot == std::string::npos
                ? name + ": " + value + " "
                : name.substr(0, dot) + " { " + name.substr(dot + 1) + ": " + value + " } ";
  }
  return text + "}";
}

class SsdBadValues : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = MemoryLimit();
    SetMemoryLimit(int64_t{64} << 20);
  }
  void TearDown() override { SetMemoryLimit(before_); }

  // Runs the first case of the type's contract with each bad value in the place of what `base`
  // says.
  void Sweep(const std::string& type, const Fields& base) {
    const NetSchema schema(SsdRegistry());
    const MessageHelp help = schema.Describe(type)[0];
    Fields types;
    for (const FieldHelp& field : help.fields) {
      types[field.name] = field.type;
      if (field.name != "nms_param") continue;
      types["nms_param.nms_threshold"] = types["nms_param.eta"] = "float";
      types["nms_param.top_k"] = "int32";
    }
    for (const auto& [name, field_type] : types) {
      for (const std::string& value : BadValues(field_type)) {
        Fields fields = base;
        fields[name] = value;
        Try(type, Text(type, help.field, fields), name);
      }
    }
  }

 private:
  static void Try(const std::string& type, const std::string& text, const std::string& name) {
    SCOPED_TRACE(text);
    const ContractCase& a_case = ContractTables().at(type).cases.at(0);
    std::vector<Values> bottoms;
    for (size_t i = 0; i < a_case.shapes.size(); ++i) {
      Values& values = bottoms.emplace_back();
      for (int64_t j = 0; j < a_case.shapes[i].count(); ++j) {
        const float u = static_cast<float>((7 * j + 3) % 11) / 11;
        values.push_back(a_case.options.input ? a_case.options.input(static_cast<int>(i), j, u)
                                              : 2 * u - 1);
      }
    }
    RunOptions options;
    options.top_diffs = {{1}};
    try {
      LayerGradients gradients;
      const bool backward = type != "PriorBox" && type != "DetectionOutput" && type != "Permute" &&
                            type != "Normalize";
      if (!backward) options.top_diffs.clear();
      RunSsd(text, a_case.shapes, bottoms, options, backward ? &gradients : nullptr);
    } catch (const Error& error) {
      const std::string leaf = name.substr(name.rfind('.') + 1);
      EXPECT_TRUE(error.field().find(leaf) != std::string::npos ||
                  error.message().find(leaf) != std::string::npos ||
                  (leaf == "num_classes" && error.message().find("bottom 1") == 0))
          << error.what();
    }
  }

  int64_t before_ = 0;
};

TEST_F(SsdBadValues, OfPermute) { Sweep("Permute", {}); }
TEST_F(SsdBadValues, OfNormalize) { Sweep("Normalize", {{"across_spatial", "false"}}); }
TEST_F(SsdBadValues, OfSmoothL1Loss) { Sweep("SmoothL1Loss", {}); }
TEST_F(SsdBadValues, OfPriorBox) { Sweep("PriorBox", {{"min_size", "4"}}); }
TEST_F(SsdBadValues, OfDetectionOutput) { Sweep("DetectionOutput", {{"num_classes", "3"}}); }
TEST_F(SsdBadValues, OfMultiBoxLoss) {
  Sweep("MultiBoxLoss", {{"num_classes", "3"}});
  Sweep("MultiBoxLoss", {{"num_classes", "3"}, {"mining_type", "HARD_EXAMPLE"}});
}

}  // namespace
}  // namespace moka
