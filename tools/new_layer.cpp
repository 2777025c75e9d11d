// moka new-layer: writes a small project that builds, tests and trains a layer of its own.
#include "new_layer.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/file.h"

namespace moka::tool {
namespace {

namespace fs = std::filesystem;

const std::vector<NewLayerKind>& Kinds() {
  static const std::vector<NewLayerKind> kinds = {
      {"elementwise", "elementwise", "a layer that works element by element", {}},
      {"with-weights",
       "with_weights",
       "a layer with learned weights",
       {"weight_filler", "bias_filler", "weights", "batch", "channels", "inner"}},
      {"loss", "loss", "a loss", {"parts"}},
  };
  return kinds;
}

// Makes a folder and files in it; removes them again unless they are kept.
class FolderInProgress {
 public:
  // Throws Error if there is something at this path already.
  explicit FolderInProgress(const fs::path& folder) : folder_(folder) {
    if (fs::exists(fs::symlink_status(folder))) {
      if (!fs::is_directory(folder)) {
        throw Error(folder.string(), " is there already, and is no folder; nothing was written");
      }
      if (!fs::is_empty(folder)) {
        throw Error(folder.string(),
                    " is there already, and is not empty; nothing was written. For another folder: "
                    "moka new-layer NAME FOLDER");
      }
    }
    for (fs::path path = folder; !path.empty() && !fs::exists(path); path = path.parent_path()) {
      made_.insert(made_.begin(), path);
    }
    try {
      for (const fs::path& path : made_) fs::create_directory(path);
    } catch (...) {
      Remove();
      throw;
    }
  }
  ~FolderInProgress() {
    if (!kept_) Remove();
  }
  FolderInProgress(const FolderInProgress&) = delete;
  FolderInProgress& operator=(const FolderInProgress&) = delete;

  void Write(const ProjectFile& file) {
    const fs::path path = folder_ / file.path;
    WriteFile(path.string(), file.text);
    made_.push_back(path);
  }
  void Keep() { kept_ = true; }

 private:
  void Remove() {
    std::error_code ignored;
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path, ignored);
  }

  fs::path folder_;
  std::vector<fs::path> made_;
  bool kept_ = false;
};

void WriteProject(const fs::path& folder, const std::vector<ProjectFile>& files) {
  try {
    FolderInProgress project(folder);
    for (const ProjectFile& file : files) project.Write(file);
    project.Keep();
  } catch (const fs::filesystem_error& error) {
    throw Error(error.path1().string(), ": ", error.code().message());
  }
}

// A word as a shell reads it.
std::string Quoted(const std::string& word) {
  const bool plain = word.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-+./=:,@%") == std::string::npos;
  if (plain && !word.empty()) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The folder that this command is installed in, as in PREFIX/bin/moka; empty if it runs from where
// it was built.
fs::path Prefix() {
  std::error_code error;
  const fs::path command = fs::read_symlink("/proc/self/exe", error);
  const fs::path prefix = command.parent_path().parent_path();
  return fs::exists(prefix / MOKA_LIBDIR "/cmake/moka/mokaConfig.cmake") ? prefix : fs::path();
}

void PrintNext(const NewLayer& layer, const fs::path& folder,
               const std::vector<ProjectFile>& files) {
  fmt::print("{} is {}. Written to {}:\n ", layer.name, layer.kind->what, folder.string());
  for (const ProjectFile& file : files) fmt::print(" {}", file.path);
  const fs::path here = folder == "." ? fs::path() : folder;
  const fs::path build = here / "build";
  const fs::path prefix = Prefix();
  std::string configure =
      fmt::format("cmake -S {} -B {}", Quoted(folder.string()), Quoted(build.string()));
  if (prefix.empty()) {
    configure += " -DCMAKE_PREFIX_PATH=PREFIX";
  } else if (prefix != "/usr" && prefix != "/usr/local") {  // where CMake looks by itself
    configure += " " + Quoted("-DCMAKE_PREFIX_PATH=" + prefix.string());
  }
  fmt::print("\n\nBuild it, and train a small net with it:\n");
  fmt::print("  {}\n", configure);
  fmt::print("  cmake --build {}\n", Quoted(build.string()));
  fmt::print("  {} train {} {}\n", Quoted(program_invocation_name),
             Quoted("--solver=" + (here / "solver.prototxt").string()),
             Quoted("--plugin=" + (build / ("lib" + layer.stem + ".so")).string()));
  if (prefix.empty()) {
    fmt::print(
        "where Moka is installed in PREFIX, which `cmake --install BUILD --prefix PREFIX` does: "
        "this command is not installed.\n");
  }
  fmt::print("\nIts test: ctest --test-dir {}\n", Quoted(build.string()));
  fmt::print("Where to put your own formula: {}\n", (here / "README.md").string());
}

}  // namespace

const NewLayerKind& ChosenKind() {
  const std::vector<bool> chosen = {FLAGS_elementwise, FLAGS_with_weights, FLAGS_loss};
  const NewLayerKind* kind = nullptr;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) continue;
    if (kind) {
      throw UsageError(
          fmt::format("--{} and --{} exclude one another: a layer begins as one of them",
                      kind->flag, Kinds()[i].flag));
    }
    kind = &Kinds()[i];
  }
  return kind ? *kind : Kinds()[0];
}

int RunNewLayer(const Arguments& arguments) {
  if (arguments.empty()) throw UsageError("moka new-layer needs a name, such as Snake");
  const NewLayerKind& kind = ChosenKind();
  CheckLayerName(arguments[0]);
  NewLayer layer;
  layer.name = arguments[0];
  layer.stem = StemOf(layer.name);
  layer.kind = &kind;
  layer.params = ParseNewParams(FLAGS_params, kind);
  if (arguments.size() > 1 && arguments[1].empty()) throw UsageError("the folder has no name");
  fs::path folder = arguments.size() > 1 ? arguments[1] : layer.stem;
  if (!folder.has_filename()) folder = folder.parent_path();  // "snake/"
  const std::vector<ProjectFile> files = ProjectFiles(layer);
  WriteProject(folder, files);
  PrintNext(layer, folder, files);
  return 0;
}

}  // namespace moka::tool
