// Solver files: the typed message, the nets that stand inside, and fields from Caffe that mean
// something else here.
#include <google/protobuf/descriptor.h>

#include <set>

#include "net/schema_impl.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

// The string that replaced an enum of old solver files.
const char* TypeName(SolverParameter::SolverType type) {
  switch (type) {
    case SolverParameter::SGD:
      return "SGD";
    case SolverParameter::NESTEROV:
      return "Nesterov";
    case SolverParameter::ADAGRAD:
      return "AdaGrad";
    case SolverParameter::RMSPROP:
      return "RMSProp";
    case SolverParameter::ADADELTA:
      return "AdaDelta";
    case SolverParameter::ADAM:
      return "Adam";
  }
  return "SGD";
}

void UpgradeType(const Position& position, SolverParameter& solver, std::vector<Error>& errors) {
  if (!solver.has_solver_type()) return;
  const std::string type = TypeName(solver.solver_type());
  if (solver.has_type() && solver.type() != type) {
    errors.push_back(Error("solver_type: ", SolverParameter::SolverType_Name(solver.solver_type()),
                           " and type: \"", solver.type(),
                           "\" contradict each other; type alone is enough")
                         .At("solver_type")
                         .SetPlace(position.At("solver_type")));
    return;
  }
  solver.set_type(type);
  solver.clear_solver_type();
}

void Notices(const Position& position, const SolverParameter& solver,
             std::vector<std::string>& notices) {
  auto tell = [&](const std::string& field, const std::string& words) {
    const std::string where = ToString(position.At(field));
    notices.push_back((where.empty() ? "" : where + ": ") + words);
  };
  if (solver.has_solver_mode() && solver.solver_mode() == SolverParameter::GPU) {
    tell("solver_mode", "solver_mode: GPU has no effect: Moka runs on the CPU");
  }
  if (solver.has_device_id()) tell("device_id", "device_id has no effect: Moka runs on the CPU");
  if (solver.has_layer_wise_reduce()) tell("layer_wise_reduce", "layer_wise_reduce has no effect");
  if (solver.debug_info()) tell("debug_info", "debug_info has no effect");
  if (solver.has_solver_type()) {
    tell("solver_type", std::string("solver_type is deprecated: write type: \"") +
                            TypeName(solver.solver_type()) + '"');
  }
}

// Whoever knows Adam from elsewhere expects its b1 to be there. `momentum: 0` says that it is
// meant.
void TellNoMomentum(const Position& position, SolverDescription& description) {
  const SolverParameter& solver = description.common;
  std::string name = solver.type();
  if (name.starts_with("moka.")) name.erase(0, 5);
  if (name != "Adam" && name != "AdamW" && name != "AMSGrad") return;
  if (solver.has_momentum()) return;
  const auto place = description.places.find("type");
  const std::string where =
      place == description.places.end() ? position.file : ToString(place->second);
  description.notices.push_back((where.empty() ? "" : where + ": ") + "type \"" + solver.type() +
                                "\" without momentum: b1 is 0, as in Caffe; PyTorch's default is "
                                "momentum: 0.9");
}

// Parameters of an update rule or a policy that is not the one in use.
void TellUnused(const Grammar& grammar, const Position& position, const pb::Message& solver,
                SolverDescription& description) {
  std::set<std::string> used;
  const Registry& registry = grammar.registry();
  const auto use = [&](const auto& types, const std::string& name) {
    for (const auto* type : types) {
      if (name != type->name && name != type->package + '.' + type->name) continue;
      for (const FieldInfo& field : type->fields) used.insert(field.name);
    }
  };
  use(registry.update_rules(), description.common.type());
  use(registry.learning_rate_policies(), description.common.lr_policy());
  std::vector<const pb::FieldDescriptor*> fields;
  solver.GetReflection()->ListFields(solver, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (!field->is_extension() || used.count(field->name()) != 0) continue;
    const std::string where = ToString(position.At(field->name()));
    description.notices.push_back((where.empty() ? "" : where + ": ") + "type \"" +
                                  description.common.type() + "\" and lr_policy \"" +
                                  description.common.lr_policy() + "\" do not use " +
                                  field->name() + ": it has no effect");
  }
}

}  // namespace

SolverDescription DescribeSolver(const Grammar& grammar, const pb::Message& solver,
                                 const Position& position, std::vector<Error>& errors) {
  SolverDescription description;
  description.file = position.file;
  const auto common = grammar.New(grammar.solver());
  common->CopyFrom(solver);
  auto take = [&](const std::string& name, const auto& put) {
    const pb::FieldDescriptor* field = grammar.solver().FindFieldByName(name);
    const pb::Reflection& reflection = *solver.GetReflection();
    if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(solver, field); ++i) {
        put(DescribeNet(grammar, reflection.GetRepeatedMessage(solver, field, i),
                        position.Inner(name + '[' + std::to_string(i) + ']'), errors));
      }
    } else if (reflection.HasField(solver, field)) {
      put(DescribeNet(grammar, reflection.GetMessage(solver, field), position.Inner(name), errors));
    }
    common->GetReflection()->ClearField(common.get(), field);
  };
  take("net_param", [&](NetDescription net) { description.net_param = std::move(net); });
  take("train_net_param",
       [&](NetDescription net) { description.train_net_param = std::move(net); });
  take("test_net_param",
       [&](NetDescription net) { description.test_net_params.push_back(std::move(net)); });
  description.common.ParsePartialFromString(common->SerializePartialAsString());
  for (const auto& [path, place] : position.Below()) {
    const bool in_net = path.find("net_param.") != std::string::npos ||
                        path.find("net_param[") != std::string::npos;
    if (!in_net) description.places.emplace(path, place);
    if (path == "solver_type") description.places.emplace("type", place);
  }
  Notices(position, description.common, description.notices);
  UpgradeType(position, description.common, errors);
  TellNoMomentum(position, description);
  TellUnused(grammar, position, solver, description);
  return description;
}

}  // namespace moka
