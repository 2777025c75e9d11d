// The files of a new layer's project: the templates, with what stands between their marks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "new_layer.h"

namespace moka::tool {
namespace {

constexpr size_t kColumns = 100;

// By name, without the @ around it.
using Marks = std::map<std::string, std::string, std::less<>>;

// Puts the values in. A line that is nothing but a mark vanishes if its value is empty.
std::string Expand(std::string_view text, const Marks& marks) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    const bool only_mark =
        line.size() > 2 && line.find('@') == 0 && line.find('@', 1) == line.size() - 1;
    if (only_mark && marks.at(std::string(line.substr(1, line.size() - 2))).empty()) continue;
    for (size_t at = line.find('@'); at != std::string_view::npos; at = line.find('@')) {
      const size_t close = line.find('@', at + 1);
      out += line.substr(0, at);
      out += marks.at(std::string(line.substr(at + 1, close - at - 1)));
      line.remove_prefix(close + 1);
    }
    out += line;
    out += '\n';
  }
  return out;
}

// The parameter that the template's formula uses, or nullptr: the first float.
const NewParam* Scale(const NewLayer& layer) {
  if (std::string_view(layer.kind->folder) == "with_weights") return nullptr;
  for (const NewParam& param : layer.params) {
    if (param.type == "float") return &param;
  }
  return nullptr;
}

bool IsReal(const NewParam& param) { return param.type == "float" || param.type == "double"; }

std::string CppType(const NewParam& param) {
  if (param.type == "string") return "std::string";
  return IsReal(param) || param.type == "bool" ? param.type : param.type + "_t";
}

std::string Includes(const NewLayer& layer) {
  for (const NewParam& param : layer.params) {
    if (param.type == "string") return "#include <string>";
  }
  return "";
}

// The constructor reads all parameters, and checks what can be checked of them already.
std::string Constructor(const NewLayer& layer) {
  std::vector<std::string> reads = {"Layer(spec)"};
  std::string body;
  for (const NewParam& param : layer.params) {
    reads.push_back(fmt::format("{0}_(params.{0}())", param.name));
    if (!IsReal(param)) continue;
    const std::string refuse =
        fmt::format("      throw moka::Error(\"{0} must be finite, but is \", {0}_)", param.name);
    const std::string at = fmt::format(".At(\"{}_param.{}\");", layer.stem, param.name);
    const char* gap = refuse.size() + at.size() <= kColumns ? "" : "\n          ";
    body += fmt::format("    if (!std::isfinite({}_)) {{\n{}{}{}\n    }}\n", param.name, refuse,
                        gap, at);
  }
  if (std::string_view(layer.kind->folder) == "with_weights") {
    reads.push_back("weight_filler_(params.weight_filler())");
    reads.push_back("bias_filler_(params.bias_filler())");
    body += "    if (!params.has_weight_filler()) weight_filler_.set_value(1);  // y = x\n";
  }
  const std::string head = fmt::format("  {0}(const moka::LayerSpec& spec, const {0}Parameter&{1})",
                                       layer.name, reads.size() > 1 ? " params" : "");
  const std::string all = fmt::format("{}", fmt::join(reads, ", "));
  const std::string end = body.empty() ? " {}" : " {\n" + body + "  }";
  if (reads.size() == 1 && head.size() + all.size() + 6 <= kColumns)
    return head + " : " + all + end;
  const bool fits = 8 + all.size() + 3 <= kColumns;
  return fmt::format("{}\n      : {}{}", head,
                     fits ? all : fmt::format("{}", fmt::join(reads, ",\n        ")), end);
}

std::string Members(const NewLayer& layer) {
  std::string text;
  for (const NewParam& param : layer.params) {
    text +=
        fmt::format("{}  {}const {} {}_;", text.empty() ? "" : "\n",
                    &param == Scale(layer) ? "" : "[[maybe_unused]] ", CppType(param), param.name);
  }
  return text;
}

std::string ProtoFields(const NewLayer& layer, const std::string& use) {
  const bool own = std::string_view(layer.kind->folder) == "with_weights";
  if (layer.params.empty()) {
    return own ? ""
               : "  // A parameter looks so:\n"
                 "  //   optional float beta = 1 [default = 1];  // what it does, and what it may "
                 "be";
  }
  int number = own ? 3 : 1;  // after those of the template
  std::vector<std::string> fields;
  size_t width = 0;
  for (const NewParam& param : layer.params) {
    const std::string value =
        param.value.empty() ? "" : fmt::format(" [default = {}]", param.value);
    fields.push_back(
        fmt::format("  optional {} {} = {}{};", param.type, param.name, number++, value));
    width = std::max(width, fields.back().size());
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool used = &layer.params[i] == Scale(layer);
    fields[i] = fmt::format("{:<{}}  // {}", fields[i], width,
                            used ? use : "not used yet; what it does, and what it may be");
  }
  return fmt::format("{}", fmt::join(fields, "\n"));
}

// What the example net says of the parameters: the defaults, but for the one that the formula uses
// a value with which the net learns.
std::string NetParams(const NewLayer& layer) {
  std::string fields;
  for (const NewParam& param : layer.params) {
    std::string value = param.value;
    if (&param == Scale(layer)) {
      const double size = std::abs(std::strtod(value.c_str(), nullptr));
      if (!(size >= 0.25 && size <= 4)) value = "1";
    }
    if (!value.empty()) fields += fmt::format(" {}: {}", param.name, value);
  }
  return fields.empty() ? "" : fmt::format("  {}_param {{{} }}", layer.stem, fields);
}

// The layer as its test runs it: with 1 in the formula, whatever the default.
std::string LayerText(const NewLayer& layer) {
  const NewParam* scale = Scale(layer);
  return fmt::format("type: \"{}\"{}", layer.name,
                     scale ? fmt::format(" {}_param {{ {}: 1 }}", layer.stem, scale->name) : "");
}

Marks MarksOf(const NewLayer& layer) {
  const std::string_view folder = layer.kind->folder;
  const NewParam* scale = Scale(layer);
  const std::string times = scale ? scale->name + "_ * " : "";  // in code
  const std::string p = scale ? scale->name + " " : "";         // in formulas
  Marks marks = {{"Name", layer.name},
                 {"stem", layer.stem},
                 {"p_times", times},
                 {"includes", Includes(layer)},
                 {"constructor", Constructor(layer)},
                 {"members", Members(layer)},
                 {"net_params", NetParams(layer)},
                 {"layer_text", LayerText(layer)}};
  marks["private_members"] = layer.params.empty() ? "" : "\n private:\n" + Members(layer);
  marks["readme_learned"] = "";
  std::string use;
  if (folder == "elementwise") {
    marks["formula"] = fmt::format("y = x / (1 + |{}x|)", p);
    marks["derivative"] = fmt::format("1 / (1 + |{}x|)^2", p);
    marks["time_shapes"] = "--shape=64x256x28x28";
    use = "how strongly large values are damped; must be finite";
  } else if (folder == "with_weights") {
    marks["formula"] = "y(n,c,i) = w(c) x(n,c,i) + b(c)";
    marks["readme_learned"] =
        "| other learned values | `SetUp`, and `ParamBackward` for their gradients |";
    marks["time_shapes"] = "--shape=64x256x28x28";
  } else {
    const std::string z = scale ? p + "(x - t)" : "x - t";
    marks["formula"] =
        scale ? fmt::format("loss = mean of log cosh({})", z) : "loss = mean of log cosh(x - t)";
    marks["derivative"] = fmt::format("{}tanh({}) / n", p, z);
    marks["z"] = scale ? times + "(x[i] - t[i])" : "x[i] - t[i]";
    marks["time_shapes"] = "--shape=64x1000 --shape=64x1000";
    use = "how steep the loss is; must be finite";
  }
  marks["proto_fields"] = ProtoFields(layer, use);
  return marks;
}

// "elementwise/layer_test.cpp" -> "snake_test.cpp", "project/gitignore" -> ".gitignore"
std::string PathOf(std::string_view name, const NewLayer& layer) {
  if (name == "gitignore") return ".gitignore";
  if (name.substr(0, 5) == "layer") return layer.stem + std::string(name.substr(5));
  return std::string(name);
}

}  // namespace

std::vector<ProjectFile> ProjectFiles(const NewLayer& layer) {
  const Marks marks = MarksOf(layer);
  std::vector<ProjectFile> files;
  for (const TemplateFile& file : TemplateFiles()) {
    const size_t slash = file.path.find('/');
    const std::string_view folder = file.path.substr(0, slash);
    if (folder != "project" && folder != layer.kind->folder) continue;
    files.push_back({PathOf(file.path.substr(slash + 1), layer), Expand(file.text, marks)});
  }
  return files;
}

}  // namespace moka::tool
