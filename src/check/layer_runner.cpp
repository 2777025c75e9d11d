// One layer with its memory, outside any net.
#include "check/layer_runner.h"

#include <algorithm>

#include "net/graph.h"
#include "net/problems.h"

namespace moka {
namespace {

struct Grammar {
  explicit Grammar(Registry layers) : registry(std::move(layers)), schema(registry) {}
  Registry registry;
  NetSchema schema;
};

// Composing the built-in grammar takes a while, and it never changes.
std::shared_ptr<const Grammar> GrammarOf(const Registry* registry) {
  if (registry) return std::make_shared<const Grammar>(*registry);
  static const auto builtin = std::make_shared<const Grammar>(BuiltinLayers());
  return builtin;
}

size_t At(int i) { return static_cast<size_t>(i); }
int64_t FloatBytes(const Shape& shape) {
  return shape.count() * static_cast<int64_t>(sizeof(float));
}
int64_t WorkerStride(int64_t bytes) { return (bytes + 63) / 64 * 64; }

std::string Indexed(const char* what, size_t i) { return what + (" " + std::to_string(i)); }

}  // namespace

// All that a run works on, each piece with margins.
struct LayerRunner::Memory {
  std::vector<Room> bottoms, tops, pieces, top_diffs, bottom_diffs, param_diffs;
  std::vector<Room> bottoms_again;  // for Backward, of bottoms whose memory a top took
  std::vector<Tensor> bottom_tensors, top_tensors;
  std::vector<Tensor> top_diff_tensors, bottom_diff_tensors, param_diff_tensors;
  std::vector<Floats> tops_before;  // Backward
};

LayerRunner::LayerRunner(const LayerSource& source, const std::vector<Shape>& shapes)
    : training_(source.training), seed_(source.seed) {
  const std::shared_ptr<const Grammar> grammar = GrammarOf(source.registry);
  grammar_ = grammar;
  registry_ = &grammar->registry;
  description_ = grammar->schema.ParseLayer(source.text);
  if (!description_.common.has_type()) throw Error("has no type");
  if (description_.common.has_phase()) training_ = description_.common.phase() == TRAIN;
  type_ = &registry_->Get(description_.common.type());
  const LayerSpec spec(description_, *registry_, training_);
  if (!description_.common.has_name()) description_.common.set_name("layer");
  traits_ = OnlyErrors(description_, type_, [&] { return type_->traits(spec); });
  FillIn(source, shapes.size());
  traits_ = OnlyErrors(description_, type_, [&] { return type_->traits(spec); });
  CheckCounts(description_.common, traits_);
  layer_ = OnlyErrors(description_, type_, [&] { return type_->create(spec); });
  Setup::Impl impl;
  Setup setup(impl);
  OnlyErrors(description_, type_, [&] { layer_->SetUp(shapes, setup); });
  requests_ = std::move(impl.requests);
  MakeParams();
  Reshape(shapes);
}

// Makes up the names of bottoms and tops that the text leaves out.
void LayerRunner::FillIn(const LayerSource& source, size_t bottoms) {
  LayerParameter& common = description_.common;
  if (common.bottom_size() == 0) {
    for (size_t i = 0; i < bottoms; ++i) common.add_bottom("b" + std::to_string(i));
  }
  if (At(common.bottom_size()) != bottoms) {
    throw Error("names ", common.bottom_size(), " bottoms, but ", bottoms, " shapes are given")
        .At("bottom");
  }
  if (common.top_size() > 0) return;
  int tops = source.tops;
  if (tops == 0) tops = traits_.same_number() ? common.bottom_size() : traits_.least_tops();
  for (int i = 0; i < tops; ++i) common.add_top("t" + std::to_string(i));
}

// With the values that a net gives a layer of this name and seed.
void LayerRunner::MakeParams() {
  for (const Setup::Impl::Request& request : requests_) {
    const std::string name = description_.common.name() + "." + request.name;
    params_.push_back(std::make_unique<Param>(name, request.shape, request.learned));
    FillNew(*registry_, request, seed_, *params_.back());
  }
}

void LayerRunner::Reshape(const std::vector<Shape>& shapes) {
  Plan::Impl plan;
  plan.tops.resize(At(description_.common.top_size()));
  Plan view(plan);
  OnlyErrors(description_, type_, [&] { layer_->Reshape(shapes, view); });
  plan_ = std::move(plan);
  bottom_shapes_ = shapes;
}

Context& LayerRunner::context(int threads) {
  std::unique_ptr<Context>& context = contexts_[threads];
  if (!context) {
    context = std::make_unique<Context>(ContextOptions{.threads = threads, .seed = 0});
    context->set_seed(seed_);
  }
  return *context;
}

void LayerRunner::SetParams(const RunInput& input) {
  for (size_t k = 0; k < std::min(params_.size(), input.params.size()); ++k) {
    const Floats& values = input.params[k];
    if (values.empty()) continue;
    if (static_cast<int64_t>(values.size()) != params_[k]->shape().count()) {
      throw Error("param ", k, " (", requests_[k].name, ") is ", params_[k]->shape(), ", but ",
                  values.size(), " values are given");
    }
    std::copy(values.begin(), values.end(), params_[k]->Change().data());
  }
}

RunOutput LayerRunner::Run(const RunInput& input) {
  SetParams(input);
  RunOutput output;
  Memory memory;
  Pass::Impl impl = Connect(input, memory);
  const FlushDenormals flush;
  ForwardPass forward(impl);
  OnlyErrors(description_, type_, [&] { layer_->Forward(forward); });
  for (const Tensor& top : memory.top_tensors) {
    output.top_shapes.push_back(top.shape());
    output.tops.emplace_back(top.values().begin(), top.values().end());
  }
  for (const auto& param : params_) {
    if (param->learned()) continue;
    const auto values = std::as_const(*param).values().values();
    output.states.emplace_back(values.begin(), values.end());
  }
  FindStrayWrites(input, memory, "Forward", output);
  if (!input.backward) return output;

  ConnectDiffs(input, memory, impl);
  PoisonUndeclared(input, memory);
  BackwardPass backward(impl);
  OnlyErrors(description_, type_, [&] { layer_->Backward(backward); });
  const auto keep = [](const std::vector<Tensor*>& diffs, std::vector<Floats>& out) {
    for (const Tensor* diff : diffs) {
      out.emplace_back();
      if (diff) out.back().assign(diff->values().begin(), diff->values().end());
    }
  };
  keep(impl.bottom_diffs, output.bottom_diffs);
  keep(impl.param_diffs, output.param_diffs);
  FindStrayWrites(input, memory, "Backward", output);
  return output;
}

// Memory for Forward, and the pass that shows it.
Pass::Impl LayerRunner::Connect(const RunInput& input, Memory& memory) {
  Pass::Impl impl;
  impl.context = &context(input.threads);
  impl.layer_name = &description_.common.name();
  impl.counter = input.counter;
  impl.backward_follows = input.backward || input.backward_follows;
  for (size_t i = 0; i < bottom_shapes_.size(); ++i) {
    memory.bottoms.emplace_back(bottom_shapes_[i].count(), input.bottoms[i], input.poison);
    memory.bottom_tensors.emplace_back(bottom_shapes_[i], memory.bottoms.back().floats());
  }
  for (size_t t = 0; t < plan_.tops.size(); ++t) {
    memory.tops.emplace_back(FloatBytes(plan_.tops[t]), input.poison);
    float* place = memory.tops.back().floats();
    for (const auto& [top, bottom] : input.shared_values) {
      if (At(top) == t) place = memory.bottoms[At(bottom)].floats();
    }
    memory.top_tensors.emplace_back(plan_.tops[t], place);
  }
  for (const Plan::Impl::Piece& piece : plan_.pieces) {
    const int64_t stride = piece.per_worker ? WorkerStride(piece.bytes) : 0;
    const int64_t bytes = piece.per_worker ? stride * input.threads : piece.bytes;
    memory.pieces.emplace_back(bytes, piece.lasting ? 0 : input.poison);
    impl.memory.push_back({memory.pieces.back().data(), stride});
  }
  for (const Tensor& tensor : memory.bottom_tensors) impl.bottoms.push_back(&tensor);
  for (Tensor& tensor : memory.top_tensors) impl.tops.push_back(&tensor);
  for (const auto& param : params_) impl.params.push_back(param.get());
  return impl;
}

// What Backward sees besides.
void LayerRunner::ConnectDiffs(const RunInput& input, Memory& memory, Pass::Impl& impl) {
  for (size_t t = 0; t < memory.top_tensors.size(); ++t) {
    const Tensor& top = memory.top_tensors[t];
    memory.top_diffs.emplace_back(FloatBytes(top.shape()), input.poison);
    memory.top_diffs.back().Set(input.top_diffs[t]);
    memory.top_diff_tensors.emplace_back(top.shape(), memory.top_diffs.back().floats());
    memory.tops_before.emplace_back(top.values().begin(), top.values().end());
  }
  for (size_t i = 0; i < memory.bottoms.size(); ++i) {
    const Shape& shape = bottom_shapes_[i];
    memory.bottom_diffs.emplace_back(FloatBytes(shape), input.poison);
    float* place = memory.bottom_diffs.back().floats();
    for (const auto& [top, bottom] : input.shared_diffs) {
      if (At(bottom) == i) place = memory.top_diffs[At(top)].floats();
    }
    memory.bottom_diff_tensors.emplace_back(shape, place);
    // A net would not have overwritten a bottom that Backward declares to read.
    for (const auto& [top, bottom] : input.shared_values) {
      const bool read = traits_.bottom_gradient_reads().ReadsBottom(bottom) ||
                        traits_.param_gradient_reads().ReadsBottom(bottom);
      if (At(bottom) != i || !read || traits_.same_values(top, bottom)) continue;
      memory.bottoms_again.emplace_back(shape.count(), input.bottoms[i], input.poison);
      memory.bottom_tensors[i] = Tensor(shape, memory.bottoms_again.back().floats());
    }
  }
  for (size_t k = 0; k < params_.size(); ++k) {
    const Shape& shape = params_[k]->shape();
    memory.param_diffs.emplace_back(FloatBytes(shape), input.poison);
    if (!input.param_diffs.empty()) memory.param_diffs.back().Set(input.param_diffs[k]);
    memory.param_diff_tensors.emplace_back(shape, memory.param_diffs.back().floats());
  }
  for (size_t p = 0; p < plan_.pieces.size(); ++p) {
    if (!plan_.pieces[p].saved && !plan_.pieces[p].lasting) memory.pieces[p].Fill(input.poison);
  }
  for (const Tensor& diff : memory.top_diff_tensors) impl.top_diffs.push_back(&diff);
  for (size_t i = 0; i < memory.bottoms.size(); ++i) {
    impl.bottom_diffs.push_back(input.wants_bottom[i] ? &memory.bottom_diff_tensors[i] : nullptr);
  }
  for (size_t k = 0; k < params_.size(); ++k) {
    impl.param_diffs.push_back(input.wants_param[k] ? &memory.param_diff_tensors[k] : nullptr);
  }
  impl.adds_param.assign(params_.size(), !input.param_diffs.empty());
}

void LayerRunner::PoisonUndeclared(const RunInput& input, Memory& memory) const {
  if (!input.undeclared) return;
  const auto any = [](const std::vector<char>& wants) {
    return std::find(wants.begin(), wants.end(), 1) != wants.end();
  };
  Reads reads;
  if (any(input.wants_bottom)) reads = reads | traits_.bottom_gradient_reads();
  if (any(input.wants_param)) reads = reads | traits_.param_gradient_reads();
  for (int i = 0; i < bottom_count(); ++i) {
    if (!reads.ReadsBottom(i)) memory.bottom_tensors[At(i)].Fill(*input.undeclared);
  }
  for (int t = 0; t < top_count(); ++t) {
    if (reads.ReadsTop(t)) continue;
    memory.top_tensors[At(t)].Fill(*input.undeclared);
    memory.tops_before[At(t)].assign(memory.tops_before[At(t)].size(), *input.undeclared);
  }
}

// Bottoms, learned params and everybody's margins are not the layer's to write; nor, in Backward,
// are the tops and their diffs.
void LayerRunner::FindStrayWrites(const RunInput& input, const Memory& memory, const char* pass,
                                  RunOutput& output) const {
  const auto shared = [](const std::vector<RunInput::Pair>& pairs, size_t i, bool top) {
    return std::any_of(pairs.begin(), pairs.end(), [&](const RunInput::Pair& pair) {
      return At(top ? pair.first : pair.second) == i;
    });
  };
  const auto report = [&](const std::string& what) {
    output.broken.push_back(std::string(pass) + " writes " + what);
  };
  for (size_t i = 0; i < memory.bottoms.size(); ++i) {
    if (input.undeclared || shared(input.shared_values, i, false)) continue;
    if (!SameBits(memory.bottoms[i].values(), input.bottoms[i])) report(Indexed("bottom", i));
  }
  for (size_t k = 0; k < std::min(params_.size(), input.params.size()); ++k) {
    if (!params_[k]->learned() || input.params[k].empty()) continue;
    if (!SameBits(std::as_const(*params_[k]).values().values(), input.params[k])) {
      report(Indexed("param", k));
    }
  }
  for (size_t t = 0; t < memory.tops_before.size(); ++t) {
    const auto count = memory.tops_before[t].size();
    if (!SameBits(memory.top_tensors[t].values(), memory.tops_before[t])) report(Indexed("top", t));
    if (!shared(input.shared_diffs, t, true) &&
        !SameBits(memory.top_diffs[t].values(), std::span(input.top_diffs[t]).first(count))) {
      report(Indexed("the diff of top", t));
    }
  }
  const auto margins = [&](const std::vector<Room>& rooms, const char* what) {
    for (size_t i = 0; i < rooms.size(); ++i) {
      if (!rooms[i].margins_intact()) report("beyond " + Indexed(what, i));
    }
  };
  margins(memory.bottoms, "bottom");
  margins(memory.tops, "top");
  margins(memory.pieces, "buffer");
  margins(memory.top_diffs, "the diff of top");
  margins(memory.bottom_diffs, "the gradient of bottom");
  margins(memory.param_diffs, "the gradient of param");
}

}  // namespace moka
