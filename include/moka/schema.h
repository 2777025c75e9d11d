// The grammar of net and solver files, composed at run time from the layers of one registry.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "moka/description.h"
#include "moka/export.h"
#include "moka/registry.h"

namespace moka {

// A field of a parameter message, for help texts.
struct FieldHelp {
  std::string name;
  std::string type;           // "float", "uint32", "moka.FillerParameter", "MAX | AVE | STOCHASTIC"
  std::string default_value;  // as it would be written; empty if none
  bool repeated = false;
  std::string comment;
  int number = 0;
};
struct MessageHelp {
  std::string field;    // "pooling_param"
  std::string comment;  // of the message
  std::vector<FieldHelp> fields;
};

// Built once from a registry's value at that time; reading is const and may be done from several
// threads. Every Read and Parse throws one ErrorList with all syntax and type errors of the file
// (at most 20), each with file, line, column and, for an unknown name, the nearest known one; for a
// net that has any, also with what is wrong with its other layers in every phase. A file that
// cannot be read is an Error too.
class MOKA_EXPORT NetSchema {
 public:
  // Throws Error when the registry's schemas do not compose, naming the origin.
  explicit NetSchema(const Registry& registry);
  ~NetSchema();
  NetSchema(const NetSchema&) = delete;
  NetSchema& operator=(const NetSchema&) = delete;

  NetDescription ReadNet(const std::string& path) const;
  NetDescription ParseNet(std::string_view text, const std::string& file = "") const;
  SolverDescription ReadSolver(const std::string& path) const;
  SolverDescription ParseSolver(std::string_view text, const std::string& file = "") const;
  // What stands inside `layer { }`.
  LayerDescription ParseLayer(std::string_view text, const std::string& file = "") const;

  // The net as prototxt that ParseNet reads back to the same description.
  std::string PrintNet(const NetDescription& net) const;

  // The parameter messages of a type of the registry, in registration order. By name: throws Error
  // if no layer has it.
  std::vector<MessageHelp> Describe(std::string_view layer_type) const;
  std::vector<MessageHelp> Describe(const LayerType& type) const;
  std::vector<MessageHelp> Describe(const FillerType& type) const;
  std::vector<MessageHelp> Describe(const UpdateRuleType& type) const;
  std::vector<MessageHelp> Describe(const LearningRatePolicyType& type) const;
  std::vector<MessageHelp> Describe(const DataSourceType& type) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moka
