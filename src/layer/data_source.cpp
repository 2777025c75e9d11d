// Data sources: what they need not say, and what they are told.
#include "moka/data_source.h"

#include "moka/data.pb.h"
#include "moka/layer.h"

namespace moka {

DataSource::~DataSource() = default;
std::span<const uint8_t> DataSource::Bytes(int64_t) const { return {}; }
bool DataSource::has_labels() const { return false; }
int64_t DataSource::label(int64_t) const { return 0; }
std::string DataSource::Name(int64_t index) const { return "item " + std::to_string(index); }
const void* DataSource::Interface(const char*, int) const { return nullptr; }

bool DataSpec::training() const { return layer_->training(); }

std::string DataSpec::FindFile(const std::string& path, const std::string& field) const {
  try {
    return layer_->FindFile(path);
  } catch (Error& error) {
    throw error.At(field);
  }
}

std::vector<std::string> DataSpec::FindSources() const {
  if (params_->source_size() == 0) throw Error("data_param needs a source");
  std::vector<std::string> paths;
  for (int i = 0; i < params_->source_size(); ++i)
    paths.push_back(FindFile(params_->source(i), "source[" + std::to_string(i) + "]"));
  return paths;
}

}  // namespace moka
