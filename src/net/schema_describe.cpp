// From the grammar's messages to descriptions: common fields typed, parameters as bytes, each with
// its place.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "net/schema_impl.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

const pb::FieldDescriptor& FieldOf(const pb::Message& message, const std::string& name) {
  return *message.GetDescriptor()->FindFieldByName(name);
}

std::vector<const pb::FieldDescriptor*> SetFields(const pb::Message& message) {
  std::vector<const pb::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  return fields;
}

std::string Element(const std::string& field, int index) {
  return field + '[' + std::to_string(index) + ']';
}

std::string Notice(const Place& place, const std::string& words) {
  const std::string where = ToString(place);
  return where.empty() ? words : where + ": " + words;
}

// The inputs that stand before the layers in older files, as an Input layer.
class OldInputs {
 public:
  OldInputs(const Grammar& grammar, const pb::Message& net, const Position& position)
      : grammar_(grammar), net_(net), position_(position) {}

  bool any() const { return Count("input") + Count("input_shape") + Count("input_dim") > 0; }

  // Throws Error.
  LayerDescription Layer() const {
    const pb::FieldDescriptor* param = grammar_.FindParam("input_param");
    const pb::FieldDescriptor* shape =
        param == nullptr ? nullptr : param->message_type()->FindFieldByName("shape");
    if (grammar_.registry().Find("Input") == nullptr || shape == nullptr) {
      throw Fail("input", "inputs need the layer type \"Input\", which is not there");
    }
    LayerDescription layer;
    layer.common.set_name("input");
    layer.common.set_type("Input");
    layer.place = position_.At("input");
    const auto message = grammar_.New(*param->message_type());
    const std::vector<std::string> shapes = Shapes();
    for (int i = 0; i < Count("input"); ++i) {
      layer.common.add_top(
          net_.GetReflection()->GetRepeatedString(net_, &FieldOf(net_, "input"), i));
      message->GetReflection()
          ->AddMessage(message.get(), shape)
          ->ParsePartialFromString(shapes[static_cast<size_t>(i)]);
      layer.places[Element("top", i)] = position_.At(Element("input", i));
      layer.places[Element("input_param.shape", i)] =
          Count("input_shape") > 0 ? position_.At(Element("input_shape", i))
                                   : position_.At(Element("input_dim", 4 * i));
    }
    layer.places["top"] = layer.place;
    layer.params.push_back({"input_param", grammar_.WireNumber("Input", "input_param"),
                            message->SerializePartialAsString()});
    return layer;
  }

 private:
  int Count(const std::string& field) const {
    return net_.GetReflection()->FieldSize(net_, &FieldOf(net_, field));
  }

  Error Fail(const std::string& field, const std::string& words) const {
    return Error(words).At(field).SetPlace(position_.At(field));
  }

  // A serialised BlobShape for each input.
  std::vector<std::string> Shapes() const {
    const int inputs = Count("input"), shapes = Count("input_shape"), dims = Count("input_dim");
    const std::string has = "the net has " + std::to_string(inputs) + " input, but ";
    std::vector<std::string> result;
    if (inputs == 0)
      throw Fail(shapes > 0 ? "input_shape" : "input_dim", "a shape without an input that has it");
    if (shapes > 0) {
      if (shapes != inputs)
        throw Fail("input_shape", has + std::to_string(shapes) + " input_shape");
      for (int i = 0; i < shapes; ++i) {
        result.push_back(net_.GetReflection()
                             ->GetRepeatedMessage(net_, &FieldOf(net_, "input_shape"), i)
                             .SerializePartialAsString());
      }
      return result;
    }
    if (dims != 4 * inputs) {
      if (dims == 0) throw Fail("input", "an input needs its input_shape");
      throw Fail("input_dim", has + std::to_string(dims) + " input_dim: four belong to each");
    }
    for (int i = 0; i < inputs; ++i) {
      BlobShape shape;
      for (int k = 0; k < 4; ++k) {
        shape.add_dim(
            net_.GetReflection()->GetRepeatedInt32(net_, &FieldOf(net_, "input_dim"), 4 * i + k));
      }
      result.push_back(shape.SerializeAsString());
    }
    return result;
  }

  const Grammar& grammar_;
  const pb::Message& net_;
  const Position& position_;
};

// `engine: CUDNN` and its like, wherever they stand in parameters: how often, and where first.
class Engines {
 public:
  void Look(const pb::Message& param, const Position& position) {
    const pb::Reflection& reflection = *param.GetReflection();
    for (const char* name : {"engine", "force_nd_im2col"}) {
      const pb::FieldDescriptor* field = param.GetDescriptor()->FindFieldByName(name);
      if (field == nullptr || field->is_repeated() || !reflection.HasField(param, field)) continue;
      std::string value;
      pb::TextFormat::PrintFieldValueToString(param, field, -1, &value);
      if (value != "CAFFE" && value != "CUDNN" && value != "true") continue;
      Count(std::string(name) + ": " + value, position.At(name));
    }
  }
  void Tell(std::vector<std::string>& notices) const {
    for (const Found& found : found_) {
      std::string text = found.words + " has no effect: there is one engine";
      if (found.times > 1) text += " (it stands in " + std::to_string(found.times) + " layers)";
      notices.push_back(Notice(found.first, text));
    }
  }

 private:
  struct Found {
    std::string words;
    Place first;
    int times = 1;
  };

  void Count(const std::string& words, const Place& place) {
    for (Found& found : found_) {
      if (found.words == words) {
        ++found.times;
        return;
      }
    }
    found_.push_back({words, place});
  }

  std::vector<Found> found_;
};

void FindEngines(const Grammar& grammar, const pb::Message& layer, const Position& position,
                 Engines& engines) {
  for (const pb::FieldDescriptor* field : SetFields(layer)) {
    if (!grammar.IsParam(*field)) continue;
    engines.Look(layer.GetReflection()->GetMessage(layer, field), position.Inner(field->name()));
  }
}

bool Uses(const LayerType& type, const std::string& field) {
  return std::any_of(type.fields.begin(), type.fields.end(),
                     [&](const FieldInfo& own) { return own.name == field; });
}

}  // namespace

Place Position::At(const std::string& field) const {
  const auto found = places.find(prefix + field);
  return found == places.end() ? Place{file, 0, 0} : found->second;
}

Places Position::Below() const {
  Places below;
  for (auto it = places.lower_bound(prefix); it != places.end() && it->first.rfind(prefix, 0) == 0;
       ++it) {
    below.emplace_hint(below.end(), it->first.substr(prefix.size()), it->second);
  }
  return below;
}

LayerDescription DescribeLayer(const Grammar& grammar, const pb::Message& layer,
                               const Position& position, std::vector<std::string>& notices) {
  LayerDescription description;
  description.places = position.Below();
  const auto common = grammar.New(grammar.layer());
  common->CopyFrom(layer);
  for (const pb::FieldDescriptor* field : SetFields(layer)) {
    if (grammar.IsParam(*field)) {
      const pb::Message& param = layer.GetReflection()->GetMessage(layer, field);
      description.params.push_back({field->name(), 0, param.SerializePartialAsString()});
      common->GetReflection()->ClearField(common.get(), field);
    }
  }
  const pb::FieldDescriptor& blobs = FieldOf(layer, "blobs");
  if (layer.GetReflection()->FieldSize(layer, &blobs) > 0) {
    notices.push_back(
        Notice(position.At("blobs"), "blobs in a text file are not read; use --weights"));
    common->GetReflection()->ClearField(common.get(), &blobs);
  }
  description.common.ParsePartialFromString(common->SerializePartialAsString());

  auto line_and_column = [&](const ParamMessage& param) {
    const Place place = description.PlaceOf(param.field);
    return std::make_pair(place.line, place.column);
  };
  std::stable_sort(
      description.params.begin(), description.params.end(),
      [&](const auto& a, const auto& b) { return line_and_column(a) < line_and_column(b); });
  const LayerType* type = grammar.registry().Find(description.common.type());
  for (ParamMessage& param : description.params) {
    param.number = grammar.WireNumber(description.common.type(), param.field);
    if (type != nullptr && !Uses(*type, param.field)) {
      notices.push_back(Notice(position.At(param.field), description.Label() + " does not use " +
                                                             param.field + ": it has no effect"));
    }
  }
  return description;
}

NetDescription DescribeNet(const Grammar& grammar, const pb::Message& net, const Position& position,
                           std::vector<Error>& errors) {
  const pb::Reflection& reflection = *net.GetReflection();
  NetDescription description;
  description.file = position.file;
  description.name = reflection.GetString(net, &FieldOf(net, "name"));
  description.force_backward = reflection.GetBool(net, &FieldOf(net, "force_backward"));
  description.state.ParsePartialFromString(
      reflection.GetMessage(net, &FieldOf(net, "state")).SerializePartialAsString());
  const pb::FieldDescriptor& plugins = FieldOf(net, "requires_plugin");
  for (int i = 0; i < reflection.FieldSize(net, &plugins); ++i) {
    description.requires_plugins.push_back(reflection.GetRepeatedString(net, &plugins, i));
  }
  if (reflection.GetBool(net, &FieldOf(net, "debug_info"))) {
    description.notices.push_back(Notice(position.At("debug_info"), "debug_info has no effect"));
  }
  if (const OldInputs inputs(grammar, net, position); inputs.any()) {
    try {
      description.layers.push_back(inputs.Layer());
    } catch (const Error& error) {
      errors.push_back(error);
    }
  }
  Engines engines;
  const pb::FieldDescriptor& layers = FieldOf(net, "layer");
  for (int i = 0; i < reflection.FieldSize(net, &layers); ++i) {
    const pb::Message& layer = reflection.GetRepeatedMessage(net, &layers, i);
    const Position here = position.Inner(Element("layer", i));
    description.layers.push_back(DescribeLayer(grammar, layer, here, description.notices));
    description.layers.back().place = position.At(Element("layer", i));
    FindEngines(grammar, layer, here, engines);
  }
  engines.Tell(description.notices);
  return description;
}

}  // namespace moka
