// The views that a layer gets of the memory it works on.
#include "layer/pass_impl.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {

int Setup::AddParam(std::string_view name, const Shape& shape, const FillerParameter& filler) {
  impl_.requests.push_back({std::string(name), shape, filler, true});
  return static_cast<int>(impl_.requests.size()) - 1;
}

int Setup::AddState(std::string_view name, const Shape& shape, float value) {
  FillerParameter filler;
  filler.set_value(value);
  impl_.requests.push_back({std::string(name), shape, filler, false});
  return static_cast<int>(impl_.requests.size()) - 1;
}

void FillNew(const Registry& registry, const Setup::Impl::Request& request, uint64_t seed,
             Param& param) {
  if (request.learned) {
    Fill(registry, request.filler, RandomStream(seed, param.name(), 0, 0), param.Change());
  } else {
    param.Change().Fill(request.filler.value());  // whatever fillers there are
  }
}

Shape& Plan::top(int i) { return impl_.tops.at(static_cast<size_t>(i)); }

void Plan::MultiplyAdds(int64_t count) { impl_.multiply_adds += count; }

int64_t Plan::Bytes(int64_t count, size_t size) {
  int64_t bytes = 0;
  if (count < 0 || __builtin_mul_overflow(count, static_cast<int64_t>(size), &bytes)) {
    throw Error("a buffer of ", count, " elements of ", size, " bytes is too large");
  }
  return bytes;
}

int Plan::AddScratch(int64_t bytes, bool per_worker) {
  impl_.pieces.push_back({bytes, false, per_worker});
  return static_cast<int>(impl_.pieces.size()) - 1;
}

int Plan::AddSaved(int64_t bytes) {
  impl_.pieces.push_back({bytes, true, false});
  return static_cast<int>(impl_.pieces.size()) - 1;
}

int Plan::AddLasting(int64_t bytes) {
  impl_.pieces.push_back({bytes, false, false, true});
  return static_cast<int>(impl_.pieces.size()) - 1;
}

int Pass::bottom_count() const { return static_cast<int>(impl_.bottoms.size()); }
int Pass::top_count() const { return static_cast<int>(impl_.tops.size()); }
const Tensor& Pass::bottom(int i) const { return *impl_.bottoms[static_cast<size_t>(i)]; }
int Pass::param_count() const { return static_cast<int>(impl_.params.size()); }
const Param& Pass::param(int k) const { return *impl_.params[static_cast<size_t>(k)]; }
Context& Pass::context() { return *impl_.context; }
int Pass::threads() const { return impl_.context->threads(); }
uint64_t Pass::counter() const { return impl_.counter; }

void Pass::ParallelFor(int64_t count, int64_t grain, RangeBody body) {
  impl_.context->ParallelFor(count, grain, body);
}

RandomStream Pass::random(uint32_t stream) const {
  return RandomStream(impl_.context->seed(), *impl_.layer_name, stream, impl_.counter);
}

int Pass::fused_count() const { return static_cast<int>(impl_.fused.size()); }
const ElementStep& Pass::fused_step(int i) const {
  return *impl_.fused[static_cast<size_t>(i)].step;
}
const Tensor& Pass::fused_operand(int i) const {
  return *impl_.fused[static_cast<size_t>(i)].operand;
}
ForwardPass ForwardPass::fused(int i) const {
  return ForwardPass(*impl_.fused[static_cast<size_t>(i)].pass);
}
BackwardPass BackwardPass::fused(int i) const {
  return BackwardPass(*impl_.fused[static_cast<size_t>(i)].pass);
}

void* Pass::Memory(int id, int worker) {
  if (id < 0) return nullptr;  // a buffer that Reshape did not ask for
  const Impl::Memory& memory = impl_.memory[static_cast<size_t>(id)];
  return memory.data + worker * memory.stride;
}

Tensor& ForwardPass::top(int i) { return *impl_.tops[static_cast<size_t>(i)]; }
void ForwardPass::SetTopShape(int i, const Shape& shape) { top(i).Reshape(shape); }
Tensor& ForwardPass::state(int k) {
  Param& param = *impl_.params[static_cast<size_t>(k)];
  if (param.learned()) {
    throw Error("param ", k, ", ", param.name(),
                ", is learned: state(k) takes what Setup::AddState returned");
  }
  return param.Change();
}
bool ForwardPass::backward_follows() const { return impl_.backward_follows; }

const Tensor& BackwardPass::top(int i) const { return *impl_.tops[static_cast<size_t>(i)]; }
const Tensor& BackwardPass::top_diff(int i) const {
  return *impl_.top_diffs[static_cast<size_t>(i)];
}
bool BackwardPass::wants_bottom(int i) const {
  return impl_.bottom_diffs[static_cast<size_t>(i)] != nullptr;
}
Tensor& BackwardPass::bottom_diff(int i) {
  if (!wants_bottom(i)) {
    throw Error("asks for bottom_diff(", i, "), which is not wanted: ask wants_bottom(", i,
                ") first");
  }
  return *impl_.bottom_diffs[static_cast<size_t>(i)];
}
bool BackwardPass::wants_param(int k) const {
  return impl_.param_diffs[static_cast<size_t>(k)] != nullptr;
}
bool BackwardPass::adds_param(int k) const { return impl_.adds_param[static_cast<size_t>(k)] != 0; }
Tensor& BackwardPass::param_diff(int k) {
  if (!wants_param(k)) {
    throw Error("asks for param_diff(", k, "), which is not wanted: ask wants_param(", k,
                ") first");
  }
  return *impl_.param_diffs[static_cast<size_t>(k)];
}

}  // namespace moka
