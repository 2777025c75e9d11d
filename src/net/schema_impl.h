// What stands behind NetSchema, and the steps from the composed messages to descriptions.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "moka/blob.pb.h"
#include "moka/schema.h"
#include "net/schema_grammar.h"

namespace moka {

class NetSchema::Impl {
 public:
  explicit Impl(const Registry& registry) : grammar(registry) {}

  Grammar grammar;
};

// A text as a message of the grammar. Throws ErrorList with all that is wrong. Keeps the places by
// path from the top.
std::unique_ptr<google::protobuf::Message> ReadMessage(const Grammar& grammar,
                                                       const google::protobuf::Descriptor& type,
                                                       std::string_view text,
                                                       const std::string& file, Places& places);

// Where a message stands: the path of its fields from the top ("layer[3]." or "") in the places of
// a file.
struct Position {
  const Places& places;
  const std::string& file;
  std::string prefix;

  Place At(const std::string& field) const;
  // The places of all that is below, by path from here.
  Places Below() const;
  Position Inner(const std::string& field) const { return {places, file, prefix + field + '.'}; }
};

LayerDescription DescribeLayer(const Grammar& grammar, const google::protobuf::Message& layer,
                               const Position& position, std::vector<std::string>& notices);
// What is wrong beyond syntax goes into `errors`.
NetDescription DescribeNet(const Grammar& grammar, const google::protobuf::Message& net,
                           const Position& position, std::vector<Error>& errors);
SolverDescription DescribeSolver(const Grammar& grammar, const google::protobuf::Message& solver,
                                 const Position& position, std::vector<Error>& errors);

}  // namespace moka
