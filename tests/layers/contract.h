// A table of cases in which a layer must keep the contract of moka/layer.h, and the test that runs
// them all: Contract.TYPE.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "moka/check_layer.h"

namespace moka {

struct ContractCase {
  std::string params;  // what stands inside layer { } besides the type
  std::vector<Shape> shapes;
  CheckOptions options = {};
};

struct ContractTable {
  std::vector<ContractCase> cases;
  const Registry& (*registry)() = nullptr;  // null: BuiltinLayers()
  std::string few;  // why there are fewer than kLeastContractCases; empty if there are enough
};

inline constexpr size_t kLeastContractCases = 12;

// All tables of this program, by type.
inline std::map<std::string, ContractTable>& ContractTables() {
  static std::map<std::string, ContractTable> tables;
  return tables;
}

class ContractTest : public ::testing::Test {
 public:
  explicit ContractTest(std::string type) : type_(std::move(type)) {}

  void TestBody() override {
    const ContractTable& table = ContractTables().at(type_);
    if (table.few.empty()) {
      EXPECT_GE(table.cases.size(), kLeastContractCases);
    }
    for (const ContractCase& a_case : table.cases) {
      const std::string text = "type: \"" + type_ + "\" " + a_case.params;
      std::string shapes;
      for (const Shape& shape : a_case.shapes) shapes += " " + ToString(shape);
      SCOPED_TRACE(text + " over" + (shapes.empty() ? " no bottoms" : shapes));
      CheckOptions options = a_case.options;
      if (table.registry) options.registry = &table.registry();
      try {
        EXPECT_TRUE(CheckLayer(text, a_case.shapes, options));
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }

 private:
  const std::string type_;
};

// At namespace scope:
//   const ContractCases kCases("ELU", {{"", {{2, 3}}}, {"elu_param { alpha: 2 }", {{1, 1}}}, ...});
// The first case is valid, small, and has the required parameters: the sweep over bad values
// changes one field of it at a time.
class ContractCases {
 public:
  ContractCases(const std::string& type, std::vector<ContractCase> cases,
                const Registry& (*registry)() = nullptr, std::string few = "") {
    ContractTables()[type] = {std::move(cases), registry, std::move(few)};
    ::testing::RegisterTest("Contract", type.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [type]() -> ContractTest* { return new ContractTest(type); });
  }
};

}  // namespace moka
