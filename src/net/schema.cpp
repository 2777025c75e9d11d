// Reading net and solver files: the public calls, and what is said of a field that is not known.
#include "moka/schema.h"

#include <algorithm>
#include <set>

#include "io/prototxt.h"
#include "moka/file.h"
#include "net/problems.h"
#include "net/schema_impl.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

std::vector<std::string> FieldNames(const pb::Descriptor& type) {
  std::vector<std::string> names;
  for (const pb::FieldDescriptor* field : FieldsOf(type)) names.push_back(field->name());
  return names;
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Finds the words for unknown fields, while one file is read.
class Explainer {
 public:
  explicit Explainer(const Grammar& grammar) : grammar_(grammar) {}

  std::string operator()(const pb::Message& message, const std::string& path,
                         const std::string& name) {
    const pb::Descriptor* type = message.GetDescriptor();
    if (type == &grammar_.net()) return InNet(name);
    if (type == &grammar_.solver()) return InSolver(name);
    if (type == &grammar_.layer()) return InLayer(message, name);
    return Unknown(*type, name, ShownPath(path));
  }

  // Layers of the old kind were skipped in silence after the first: nothing that follows from it is
  // of use.
  bool saw_old_layers() const { return saw_old_layers_; }
  // The texts of errors about a parameter that no layer has.
  const std::vector<std::string>& unknown_params() const { return unknown_params_; }

 private:
  static std::string Unknown(const pb::Descriptor& type, const std::string& name,
                             const std::string& where) {
    return "unknown field \"" + name + "\" in " + where + DidYouMean(name, FieldNames(type));
  }

  std::string InNet(const std::string& name) {
    if (name == "layers") {
      if (saw_old_layers_) return "";
      saw_old_layers_ = true;
      return "the old `layers { }` format is not read yet; write `layer { type: \"Convolution\" "
             "... }`, or let Caffe's "
             "upgrade_net_proto_text rewrite the file";
    }
    if (FindIn(grammar_.solver(), name))
      return Unknown(grammar_.net(), name, "the net") + "; solver files have one";
    if (FindIn(grammar_.layer(), name))
      return Unknown(grammar_.net(), name, "the net") + "; layers have one";
    return Unknown(grammar_.net(), name, "the net");
  }

  std::string InSolver(const std::string& name) {
    const bool in_net = FindIn(grammar_.net(), name) || name == "layers";
    return Unknown(grammar_.solver(), name, "the solver") + (in_net ? "; net files have one" : "");
  }

  std::string InLayer(const pb::Message& layer, const std::string& name) {
    if (EndsWith(name, "_param")) {
      unknown_params_.push_back("unknown field \"" + name + "\" in layer: no layer here has it" +
                                SimilarParam(name));
      return unknown_params_.back();
    }
    const std::string home = Homes(layer, name);
    if (!home.empty()) return "unknown field \"" + name + "\" in layer; it stands in " + home;
    return Unknown(grammar_.layer(), name, "layer");
  }

  // Compared without what all have at the end: that would make any two similar.
  std::string SimilarParam(const std::string& name) const {
    std::vector<std::string> stems;
    for (const std::string& field : FieldNames(grammar_.layer())) {
      if (EndsWith(field, "_param")) stems.push_back(field.substr(0, field.size() - 6));
    }
    const std::string nearest = Nearest(name.substr(0, name.size() - 6), stems);
    return nearest.empty() ? "" : "; did you mean \"" + nearest + "_param\"?";
  }

  // The parameter messages that have a field of that name: those of the layer's own type, or else a
  // few others.
  std::string Homes(const pb::Message& layer, const std::string& name) const {
    const pb::FieldDescriptor* type_field = grammar_.layer().FindFieldByName("type");
    std::vector<std::string> homes;
    auto add = [&](const pb::FieldDescriptor& param) {
      if (FindIn(*param.message_type(), name)) homes.push_back(param.name());
    };
    const std::string type = layer.GetReflection()->GetString(layer, type_field);
    if (const LayerType* known = grammar_.registry().Find(type)) {
      for (const FieldInfo& field : known->fields) add(*grammar_.FindParam(field.name));
    }
    const int fields = homes.empty() ? grammar_.layer().field_count() : 0;
    for (int i = 0; i < fields; ++i) {
      if (grammar_.IsParam(*grammar_.layer().field(i))) add(*grammar_.layer().field(i));
    }
    std::string text;
    for (size_t i = 0; i < std::min<size_t>(homes.size(), 3); ++i)
      text += (i > 0 ? " or " : "") + homes[i];
    return text;
  }

  static bool FindIn(const pb::Descriptor& type, const std::string& name) {
    return FindFieldOf(type, name) != nullptr;
  }

  const Grammar& grammar_;
  bool saw_old_layers_ = false;
  std::vector<std::string> unknown_params_;
};

// "; this net needs the plugin snake: load it with --plugin FILE", if the net names plugins.
std::string PluginHint(const pb::Message& net) {
  const pb::FieldDescriptor* field = net.GetDescriptor()->FindFieldByName("requires_plugin");
  std::string names;
  for (int i = 0; field != nullptr && i < net.GetReflection()->FieldSize(net, field); ++i) {
    names += (i > 0 ? ", " : " ") + net.GetReflection()->GetRepeatedString(net, field, i);
  }
  return names.empty() ? ""
                       : "; the net requires the plugin" + names + ": load it with --plugin FILE";
}

// At most kMostErrors, in the order of the file.
void ThrowIfAny(std::vector<Error> errors) {
  if (errors.empty()) return;
  SortByPlace(errors);
  errors.erase(errors.begin() + std::min<std::ptrdiff_t>(kMostErrors, std::ssize(errors)),
               errors.end());
  throw ErrorList(std::move(errors));
}

// A text as a message of the grammar.
struct Reading {
  std::unique_ptr<pb::Message> message;
  PrototxtResult result;
};

Reading Read(const Grammar& grammar, const pb::Descriptor& type, std::string_view text,
             const std::string& file) {
  Reading reading{grammar.New(type), {}};
  Explainer explainer(grammar);
  reading.result = ReadPrototxt(text, file, std::ref(explainer), *reading.message);
  const std::string hint = PluginHint(*reading.message);
  for (Error& error : reading.result.errors) {
    const auto& unknown = explainer.unknown_params();
    if (hint.empty() || std::find(unknown.begin(), unknown.end(), error.message()) == unknown.end())
      continue;
    error = Error(error.message(), hint).SetPlace(error.place());
  }
  return reading;
}

// Errors of meaning of a net that has errors of syntax.
std::vector<Error> ErrorsBeside(const Registry& registry, const Reading& reading,
                                const NetDescription& net, std::vector<Error> input_errors) {
  std::set<std::string> lost = reading.result.lost;
  const auto is_lost = [&](const char* word) { return lost.count(word) != 0; };
  if (is_lost("input") || is_lost("input_shape") || is_lost("input_dim")) input_errors.clear();
  const pb::FieldDescriptor* input = reading.message->GetDescriptor()->FindFieldByName("input");
  const pb::Reflection& reflection = *reading.message->GetReflection();
  for (int i = 0; i < reflection.FieldSize(*reading.message, input); ++i)
    lost.insert(reflection.GetRepeatedString(*reading.message, input, i));
  std::vector<Error> errors = CheckSoundLayers(registry, net, lost);
  errors.insert(errors.end(), input_errors.begin(), input_errors.end());
  return errors;
}

}  // namespace

NetSchema::NetSchema(const Registry& registry) : impl_(std::make_unique<Impl>(registry)) {}
NetSchema::~NetSchema() = default;

NetDescription NetSchema::ReadNet(const std::string& path) const {
  return ParseNet(ReadFile(path, kMostPrototxtBytes), path);
}

NetDescription NetSchema::ParseNet(std::string_view text, const std::string& file) const {
  const Grammar& grammar = impl_->grammar;
  Reading reading = Read(grammar, grammar.net(), text, file);
  std::vector<Error> errors;
  NetDescription description =
      DescribeNet(grammar, *reading.message, {reading.result.places, file, ""}, errors);
  std::vector<Error>& wrong = reading.result.errors;
  if (!wrong.empty()) errors = ErrorsBeside(grammar.registry(), reading, description, errors);
  wrong.insert(wrong.end(), errors.begin(), errors.end());
  ThrowIfAny(std::move(wrong));
  return description;
}

SolverDescription NetSchema::ReadSolver(const std::string& path) const {
  return ParseSolver(ReadFile(path, kMostPrototxtBytes), path);
}

SolverDescription NetSchema::ParseSolver(std::string_view text, const std::string& file) const {
  Reading reading = Read(impl_->grammar, impl_->grammar.solver(), text, file);
  ThrowIfAny(std::move(reading.result.errors));
  std::vector<Error> errors;
  SolverDescription description =
      DescribeSolver(impl_->grammar, *reading.message, {reading.result.places, file, ""}, errors);
  ThrowIfAny(std::move(errors));
  return description;
}

LayerDescription NetSchema::ParseLayer(std::string_view text, const std::string& file) const {
  Reading reading = Read(impl_->grammar, impl_->grammar.layer(), text, file);
  ThrowIfAny(std::move(reading.result.errors));
  std::vector<std::string> notices;
  LayerDescription description =
      DescribeLayer(impl_->grammar, *reading.message, {reading.result.places, file, ""}, notices);
  description.place = {file, 1, 1};
  return description;
}

}  // namespace moka
