// The messages of net and solver files, composed from descriptors: the host's own, and those that
// each origin brought.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "moka/registry.h"

namespace moka {

// A private pool in which LayerParameter has one more field for each field that the registry's
// layers bring, and FillerParameter and SolverParameter one more extension for each field of the
// fillers, update rules and policies. The files and packages of each origin get a prefix of their
// own, so that plugins with equal names live side by side. Field numbers in the pool are private:
// what a parameter is called in binary files depends on the layer's type, see WireNumber.
class Grammar {
 public:
  // Throws Error, naming the origin, when the schemas do not compose.
  explicit Grammar(const Registry& registry);

  const Registry& registry() const { return registry_; }
  const google::protobuf::Descriptor& net() const { return *net_; }
  const google::protobuf::Descriptor& layer() const { return *layer_; }
  const google::protobuf::Descriptor& solver() const { return *solver_; }
  const google::protobuf::Descriptor& filler() const { return *filler_; }
  const google::protobuf::Descriptor& data() const { return *data_; }
  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type) const;

  // Whether a field of LayerParameter came from a layer (and is not one that every layer has).
  bool IsParam(const google::protobuf::FieldDescriptor& field) const;
  // The parameter field of that name, or nullptr.
  const google::protobuf::FieldDescriptor* FindParam(std::string_view field) const;
  // The field's number in binary files, for a layer of that type.
  int WireNumber(std::string_view layer_type, std::string_view field) const;
  // A message's or enum's full name as its author wrote it.
  template <typename Descriptor>
  static std::string PlainName(const Descriptor& type) {
    return WithoutPrefix(type.full_name());
  }

 private:
  static std::string WithoutPrefix(const std::string& full_name);

  const Registry registry_;
  google::protobuf::DescriptorPool pool_;
  mutable google::protobuf::DynamicMessageFactory factory_;
  const google::protobuf::Descriptor* net_ = nullptr;
  const google::protobuf::Descriptor* layer_ = nullptr;
  const google::protobuf::Descriptor* solver_ = nullptr;
  const google::protobuf::Descriptor* filler_ = nullptr;
  const google::protobuf::Descriptor* data_ = nullptr;
  std::map<std::string, const google::protobuf::FieldDescriptor*, std::less<>> params_;
};

}  // namespace moka
