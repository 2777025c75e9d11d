// What stands behind NetSchema, and the steps from the composed messages to descriptions.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <set>
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
// What is wrong in any phase with the layers that could be read, where a file has errors of syntax:
// types, bottoms, numbers of bottoms and tops, parameters. Shapes are left to Net: they follow from
// all layers. `lost` has the words of those that could not be read, blobs among them.
std::vector<Error> CheckSoundLayers(const Registry& registry, const NetDescription& net,
                                    const std::set<std::string>& lost);
SolverDescription DescribeSolver(const Grammar& grammar, const google::protobuf::Message& solver,
                                 const Position& position, std::vector<Error>& errors);

}  // namespace moka
