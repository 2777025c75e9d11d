// Making what a registry has: fillers, update rules, learning-rate policies, data sources.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "layer/registry_state.h"
#include "moka/data.pb.h"
#include "moka/data_source.h"
#include "moka/filler.h"
#include "moka/learning_rate.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

// The bytes of message field `number` among the fields that a message does not know itself. What
// stands there several times is merged, as protobuf merges it.
std::string UnknownField(const std::string& unknown, int number) {
  using Wire = pb::internal::WireFormatLite;
  pb::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(unknown.data()),
                              static_cast<int>(unknown.size()));
  std::string bytes, piece;
  while (const uint32_t tag = in.ReadTag()) {
    const bool ours = Wire::GetTagFieldNumber(tag) == number &&
                      Wire::GetTagWireType(tag) == Wire::WIRETYPE_LENGTH_DELIMITED;
    if (ours ? !Wire::ReadBytes(&in, &piece) : !Wire::SkipField(&in, tag)) break;
    if (ours) bytes += piece;
  }
  return bytes;
}

// What a message holds that its own fields do not name.
template <typename Message>
const std::string& UnknownFields(const Message& message) {
  return message.unknown_fields();
}
const std::string& UnknownFields(const DataSpec& spec) { return spec.params().unknown_fields(); }

// Makes what a type names; what a plugin throws that is no Error comes out as one that names it.
template <typename Base, typename Common>
std::unique_ptr<Base> Make(const Kind& kind, const PartType<Base, Common>& type,
                           const Common& common) {
  const auto foreign = [&](const std::string& what) {
    return Error(kind.type, " \"", type.name, "\"",
                 type.origin == "built in" ? "" : ", plugin " + type.origin, ": ", what);
  };
  try {
    return type.create(common, [&](const std::string& name) -> std::string {
      for (const FieldInfo& field : type.fields) {
        if (field.name == name) return UnknownField(UnknownFields(common), field.number);
      }
      return "";
    });
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw foreign(error.what());
  } catch (...) {
    throw foreign("threw something that is no std::exception");
  }
}

std::string Listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

std::unique_ptr<Filler> Registry::MakeFiller(const FillerParameter& filler) const {
  const FillerType* type = FindIn(state_->fillers, filler.type());
  if (type != nullptr) return Make(kFiller, *type, filler);
  throw Error("unknown filler type \"", filler.type(), "\"",
              DidYouMean(filler.type(), Names(state_->fillers)))
      .At("type");
}

std::unique_ptr<UpdateRule> Registry::MakeUpdateRule(const SolverParameter& solver) const {
  if (solver.has_solver_type()) {
    throw Error("solver_type stands only in old files, reading them makes it type; set type")
        .At("solver_type");
  }
  if (const auto* type = FindIn(state_->update_rules, solver.type()))
    return Make(kUpdateRule, *type, solver);
  const std::vector<std::string> names = Names(state_->update_rules);
  const std::string hint = DidYouMean(solver.type(), names);
  throw Error("unknown solver type \"", solver.type(), "\"",
              hint.empty() ? "; there are: " + Listed(names) : hint)
      .At("type");
}

std::unique_ptr<LearningRatePolicy> Registry::MakeLearningRatePolicy(
    const SolverParameter& solver) const {
  if (const auto* type = FindIn(state_->policies, solver.lr_policy()))
    return Make(kLearningRatePolicy, *type, solver);
  const std::vector<std::string> names = Names(state_->policies);
  const std::string there = "; there are: " + Listed(names);
  if (!solver.has_lr_policy()) throw Error("lr_policy is missing", there).At("lr_policy");
  const std::string hint = DidYouMean(solver.lr_policy(), names);
  throw Error("unknown lr_policy \"", solver.lr_policy(), "\"", hint.empty() ? there : hint)
      .At("lr_policy");
}

std::unique_ptr<DataSource> Registry::OpenDataSource(const DataSpec& spec) const {
  const std::string& format = spec.params().format();
  if (const auto* type = FindIn(state_->data_sources, format))
    return Make(kDataSource, *type, spec);
  const std::vector<std::string> names = Names(state_->data_sources);
  const std::string hint = DidYouMean(format, names);
  throw Error("unknown data format \"", format, "\"",
              hint.empty() ? "; there are: " + Listed(names) : hint)
      .At("format");
}

void Fill(const Registry& registry, const FillerParameter& filler, const RandomStream& random,
          Tensor& tensor) {
  const std::unique_ptr<Filler> made = registry.MakeFiller(filler);
  made->Check(tensor.shape());
  made->Fill(random, tensor);
}

// The defaults of the interfaces that plugins derive from.
Filler::~Filler() = default;
void Filler::Check(const Shape&) const {}
const void* Filler::Interface(const char*, int) const { return nullptr; }
UpdateRule::~UpdateRule() = default;
const void* UpdateRule::Interface(const char*, int) const { return nullptr; }
LayerwiseRate::~LayerwiseRate() = default;
LearningRatePolicy::~LearningRatePolicy() = default;
const void* LearningRatePolicy::Interface(const char*, int) const { return nullptr; }
LossDriven::~LossDriven() = default;

}  // namespace moka
