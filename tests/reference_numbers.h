// Layers against numbers that another implementation made: folders TYPE-case, as
// tests/layers/reference/README.md describes them. One test for each type: Reference.TYPE.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "moka/check_layer.h"
#include "npy.h"

namespace moka {

// bottom_0.npy, bottom_1.npy, ...; where one is missing, an empty array.
inline std::vector<NpyArray> ReadArrays(const std::filesystem::path& folder,
                                        const std::string& stem) {
  std::vector<NpyArray> arrays;
  for (int i = 0; i < 16; ++i) {
    const auto path = folder / (stem + "_" + std::to_string(i) + ".npy");
    if (!std::filesystem::exists(path)) continue;
    arrays.resize(static_cast<size_t>(i) + 1, NpyArray{Shape{0}, {}});
    arrays.back() = ReadNpy(path.string());
  }
  return arrays;
}

class ReferenceTest : public testing::Test {
 public:
  ReferenceTest(std::vector<std::filesystem::path> folders, const Registry& (*registry)())
      : folders_(std::move(folders)), registry_(registry) {}

  void TestBody() override {
    for (const auto& folder : folders_) {
      SCOPED_TRACE(folder.filename().string());
      try {
        Compare(folder);
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }

 private:
  // |got - expected| <= tolerance |expected|; elements below a hundredth of the largest are as
  // exact as one of that size.
  static void ExpectClose(const std::vector<NpyArray>& expected,
                          const std::vector<std::vector<float>>& got, const std::string& what,
                          double tolerance) {
    for (size_t i = 0; i < expected.size(); ++i) {
      const std::vector<float>& want = expected[i].values;
      if (want.empty() && expected[i].shape == Shape{0}) continue;
      SCOPED_TRACE(what + " " + std::to_string(i));
      ASSERT_LT(i, got.size());
      ASSERT_EQ(got[i].size(), want.size());
      double largest = 0;
      for (const float value : want) largest = std::max<double>(largest, std::abs(value));
      for (size_t j = 0; j < want.size(); ++j) {
        const double scale = std::max<double>(std::abs(want[j]), largest / 100);
        ASSERT_NEAR(got[i][j], want[j], tolerance * scale) << "at element " << j;
      }
    }
  }

  void Compare(const std::filesystem::path& folder) const {
    std::ifstream file(folder / "layer.prototxt");
    std::stringstream text;
    text << file.rdbuf();
    const std::string layer = text.str();
    RunOptions options;
    if (registry_) options.registry = &registry_();
    options.training = layer.find("# phase: TEST") == std::string::npos;
    double tolerance = 1e-4;
    const size_t at = layer.find("# tolerance: ");
    if (at != std::string::npos) tolerance = std::stod(layer.substr(at + 13));

    std::vector<Shape> shapes;
    std::vector<std::vector<float>> bottoms;
    for (NpyArray& bottom : ReadArrays(folder, "bottom")) {
      shapes.push_back(bottom.shape);
      bottoms.push_back(std::move(bottom.values));
    }
    for (NpyArray& param : ReadArrays(folder, "param")) options.params.push_back(param.values);
    for (NpyArray& diff : ReadArrays(folder, "top_diff")) options.top_diffs.push_back(diff.values);
    const auto tops = ReadArrays(folder, "top");
    ASSERT_FALSE(tops.empty()) << "there is nothing to compare with";

    LayerGradients gradients;
    const LayerResult result =
        RunLayer(layer, shapes, bottoms, options, options.top_diffs.empty() ? nullptr : &gradients);
    for (size_t t = 0; t < tops.size(); ++t) {
      if (tops[t].values.empty()) continue;
      EXPECT_EQ(result.shapes[t], tops[t].shape);
    }
    ExpectClose(tops, result.tops, "top", tolerance);
    ExpectClose(ReadArrays(folder, "bottom_diff"), gradients.bottoms, "bottom_diff", tolerance);
    ExpectClose(ReadArrays(folder, "param_diff"), gradients.params, "param_diff", tolerance);
  }

  const std::vector<std::filesystem::path> folders_;
  const Registry& (*const registry_)();
};

// At namespace scope: registers the tests for all folders in `root`. Which types there are numbers
// for: types().
class ReferenceNumbers {
 public:
  explicit ReferenceNumbers(const std::string& root, const Registry& (*registry)() = nullptr) {
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      if (!entry.is_directory() || name.find('-') == std::string::npos) continue;
      folders_[name.substr(0, name.find('-'))].push_back(entry.path());
    }
    for (auto& [type, folders] : folders_) {
      std::sort(folders.begin(), folders.end());
      testing::RegisterTest("Reference", type.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [=, folders = folders]() -> ReferenceTest* {
                              return new ReferenceTest(folders, registry);
                            });
    }
  }

  bool Has(const std::string& type) const { return folders_.contains(type); }

 private:
  std::map<std::string, std::vector<std::filesystem::path>> folders_;
};

}  // namespace moka
