// Small data files for tests.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>

#include "io/temporary_folder.h"

namespace moka {

inline std::string Gzip(const std::string& bytes) {
  std::string packed(compressBound(bytes.size()) + 32, 0);
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

// An IDX file of bytes: pixel j of item i is (10 i + j) mod 256.
inline std::string IdxImages(uint32_t count, uint32_t rows, uint32_t columns) {
  std::string bytes = BigEndian(2051) + BigEndian(count) + BigEndian(rows) + BigEndian(columns);
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t j = 0; j < rows * columns; ++j) bytes += static_cast<char>(10 * i + j);
  }
  return bytes;
}
// Label i is i mod 10.
inline std::string IdxLabels(uint32_t count) {
  std::string bytes = BigEndian(2049) + BigEndian(count);
  for (uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

// CIFAR-10 records: label i mod 10, red i + 1, green i + 2, blue i + 3 everywhere.
inline std::string CifarRecords(int first, int count) {
  std::string bytes;
  for (int i = first; i < first + count; ++i) {
    bytes += static_cast<char>(i % 10);
    for (int c = 1; c <= 3; ++c) bytes += std::string(1024, static_cast<char>(i + c));
  }
  return bytes;
}

// The message of what `run` throws, with the folder's path taken out.
template <typename Error, typename F>
std::string Refusal(const testing::TemporaryFolder& folder, F&& run) {
  try {
    run();
  } catch (const Error& error) {
    std::string text = error.message();
    const std::string path = folder / "";
    for (size_t at; (at = text.find(path)) != std::string::npos;) text.erase(at, path.size());
    return text + (error.field().empty() ? "" : " [" + error.field() + "]");
  }
  return "nothing was thrown";
}

}  // namespace moka
