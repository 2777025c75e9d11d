// The built-in data sources: MNIST's IDX files and CIFAR-10's binary files.
#include "sources.h"

#include <filesystem>

#include "moka/data.pb.h"
#include "moka/data_source.h"
#include "moka/registry.h"

namespace moka {
namespace {

std::vector<std::string> FindFiles(const DataSpec& spec) {
  const std::vector<std::string> paths = spec.FindSources();
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!std::filesystem::is_directory(paths[i])) continue;
    throw Error(paths[i], " is a folder: LMDB and LevelDB databases are not read yet; ",
                kWhatDataIsRead)
        .At("source[" + std::to_string(i) + "]");
  }
  return paths;
}

std::unique_ptr<DataSource> OpenIdxFiles(const DataSpec& spec, const FieldBytes&) {
  const std::vector<std::string> paths = FindFiles(spec);
  if (paths.size() > 1) {
    throw Error("there are ", paths.size(), " sources, but an IDX file holds a whole set: name one")
        .At("source[1]");
  }
  const DataParameter& params = spec.params();
  return OpenIdx(paths[0], params.has_labels() ? spec.FindFile(params.labels(), "labels") : "");
}

std::unique_ptr<DataSource> OpenCifar10Files(const DataSpec& spec, const FieldBytes&) {
  const std::vector<std::string> paths = FindFiles(spec);
  if (spec.params().has_labels())
    throw Error("CIFAR-10's files hold their labels; labels names another file").At("labels");
  return OpenCifar10(paths);
}

}  // namespace

void RegisterDataSources(Registry& registry) {
  registry.AddType(DataSourceType{"idx", {}, {}, {}, OpenIdxFiles});
  registry.AddType(DataSourceType{"cifar10", {}, {}, {}, OpenCifar10Files});
}

}  // namespace moka
