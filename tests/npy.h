// Reads NumPy's .npy files (format 1.0, little-endian float32, C order): fixtures of tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "moka/shape.h"

namespace moka {

struct NpyArray {
  Shape shape;
  std::vector<float> values;
};

// Throws std::runtime_error for anything else.
inline NpyArray ReadNpy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto fail = [&](const char* what) { throw std::runtime_error(path + ": " + what); };
  if (bytes.size() < 10 || bytes.compare(0, 8, std::string("\x93NUMPY\x01\0", 8)) != 0) {
    fail("is no .npy file of format 1.0");
  }
  const size_t length = static_cast<uint8_t>(bytes[8]) + 256 * static_cast<uint8_t>(bytes[9]);
  const std::string header = bytes.substr(10, length);
  std::smatch match;
  if (header.find("'descr': '<f4'") == std::string::npos) fail("is not float32");
  if (header.find("'fortran_order': False") == std::string::npos) fail("is not in C order");
  if (!std::regex_search(header, match, std::regex(R"('shape': \(([0-9, ]*)\))"))) {
    fail("has no shape");
  }
  std::vector<int64_t> sizes;
  const std::string text = match[1];
  const std::regex number("[0-9]+");
  for (std::sregex_iterator i(text.begin(), text.end(), number), end; i != end; ++i) {
    sizes.push_back(std::stoll(i->str()));
  }
  NpyArray array{Shape(sizes), {}};
  const size_t count = static_cast<size_t>(array.shape.count());
  if (bytes.size() != 10 + length + 4 * count) fail("has another length than its shape says");
  array.values.resize(count);
  if (count > 0) std::memcpy(array.values.data(), bytes.data() + 10 + length, 4 * count);
  return array;
}

}  // namespace moka
