// HDF5 files for tests, and what is in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/data_files.h"
#include "io/hdf5_state.h"
#include "io/hdf5_weights.h"
#include "io/temporary_folder.h"
#include "moka/error.h"

namespace moka {

// A file that tests/io/data/make_hdf5.py made.
inline std::string Hdf5Fixture(const std::string& name) {
  return MOKA_SOURCE_DIR "/tests/io/data/" + name;
}

inline std::vector<float> ValuesOf(const Hdf5Weights& weights, size_t layer, size_t blob) {
  std::vector<float> values(
      static_cast<size_t>(weights.layers().at(layer).blobs.at(blob).value().count()));
  weights.Read(layer, blob, values);
  return values;
}

inline std::vector<float> HistoryOf(const Hdf5State& state, size_t index) {
  std::vector<float> values(static_cast<size_t>(state.history().at(index).count()));
  state.ReadHistory(index, values);
  return values;
}

// Everything of it that can be read.
inline void ReadAll(const Hdf5Weights& weights) {
  for (size_t i = 0; i < weights.layers().size(); ++i) {
    for (size_t j = 0; j < weights.layers()[i].blobs.size(); ++j) {
      const std::optional<Shape>& shape = weights.layers()[i].blobs[j];
      if (shape && shape->count() < 1000) ValuesOf(weights, i, j);
    }
  }
}

// The message of reading a fixture, without the folder.
template <typename Reader>
std::string FixtureRefusal(const std::string& name) {
  try {
    const Reader reader(Hdf5Fixture(name));
  } catch (const Error& error) {
    const std::string text = error.message(), folder = Hdf5Fixture("");
    return text.starts_with(folder) ? text.substr(folder.size()) : text;
  }
  return "nothing was thrown";
}

}  // namespace moka
