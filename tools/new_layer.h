// A project with one new layer in it, as `moka new-layer` makes it: what is asked for, as a value,
// and the files that come of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moka::tool {

// A parameter of the new layer.
struct NewParam {
  std::string name;
  std::string type;   // as in a .proto: "float", "int32", ...
  std::string value;  // the default, as .proto and .prototxt write it; empty: none is given
};

// What the new layer is like to begin with: the folder of its templates, tools/templates/FOLDER.
struct NewLayerKind {
  const char* flag;  // that chooses it, without dashes
  const char* folder;
  const char* what;                    // "an elementwise layer"
  std::vector<const char*> own_names;  // parameters and members that the template has itself
};

struct NewLayer {
  std::string name;  // "GatedUnit": the class, and the type in net files
  std::string stem;  // "gated_unit": files, target, and gated_unit_param
  const NewLayerKind* kind = nullptr;
  std::vector<NewParam> params;
};

// Of the flags --elementwise, --with-weights and --loss. Throws UsageError if there are several.
const NewLayerKind& ChosenKind();
// Throws UsageError if NAME cannot be the layer's type and class, or a built-in layer has it.
void CheckLayerName(const std::string& name);
// "GatedUnit" -> "gated_unit"
std::string StemOf(std::string_view name);
// What --params says: name:type[=default], separated by commas. Throws UsageError.
std::vector<NewParam> ParseNewParams(const std::string& text, const NewLayerKind& kind);

struct ProjectFile {
  std::string path;  // in the project's folder
  std::string text;
};
std::vector<ProjectFile> ProjectFiles(const NewLayer& layer);

// The files of tools/templates, which are compiled in.
struct TemplateFile {
  std::string_view path, text;
};
std::span<const TemplateFile> TemplateFiles();

}  // namespace moka::tool
