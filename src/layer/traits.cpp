// What a layer declares about itself.
#include "moka/traits.h"

#include <set>
#include <utility>

namespace moka {

struct LayerTraits::State {
  int least_bottoms = 1, most_bottoms = 1, least_tops = 1, most_tops = 1;
  bool same_number = false, backward = true, fed = false;
  Reads bottom_reads = Reads::Everything(), param_reads = Reads::Everything();
  std::set<std::pair<int, int>> may_share, same_values;  // (top, bottom)
  std::set<int> no_gradient, losses;
};

LayerTraits::LayerTraits() : state_(std::make_unique<State>()) {}
LayerTraits::LayerTraits(const LayerTraits& other)
    : state_(std::make_unique<State>(*other.state_)) {}
LayerTraits& LayerTraits::operator=(const LayerTraits& other) {
  *state_ = *other.state_;
  return *this;
}
LayerTraits::~LayerTraits() = default;

LayerTraits& LayerTraits::Bottoms(int least, int most) {
  state_->least_bottoms = least;
  state_->most_bottoms = most;
  return *this;
}
LayerTraits& LayerTraits::Tops(int least, int most) {
  state_->least_tops = least;
  state_->most_tops = most;
  return *this;
}
LayerTraits& LayerTraits::SameNumberOfTopsAndBottoms() {
  state_->same_number = true;
  return *this;
}
LayerTraits& LayerTraits::BottomGradientReads(Reads reads) {
  state_->bottom_reads = reads;
  return *this;
}
LayerTraits& LayerTraits::ParamGradientReads(Reads reads) {
  state_->param_reads = reads;
  return *this;
}
LayerTraits& LayerTraits::MayShare(int top, int bottom) {
  state_->may_share.emplace(top, bottom);
  return *this;
}
LayerTraits& LayerTraits::SameValues(int top, int bottom) {
  state_->same_values.emplace(top, bottom);
  return *this;
}
LayerTraits& LayerTraits::NoGradient(int bottom) {
  state_->no_gradient.insert(bottom);
  return *this;
}
LayerTraits& LayerTraits::NoBackward() {
  state_->backward = false;
  return *this;
}
LayerTraits& LayerTraits::Loss(int top) {
  state_->losses.insert(top);
  return *this;
}
LayerTraits& LayerTraits::FedFromOutside() {
  state_->fed = true;
  return *this;
}

int LayerTraits::least_bottoms() const { return state_->least_bottoms; }
int LayerTraits::most_bottoms() const { return state_->most_bottoms; }
int LayerTraits::least_tops() const { return state_->least_tops; }
int LayerTraits::most_tops() const { return state_->most_tops; }
bool LayerTraits::same_number() const { return state_->same_number; }
Reads LayerTraits::bottom_gradient_reads() const { return state_->bottom_reads; }
Reads LayerTraits::param_gradient_reads() const { return state_->param_reads; }
bool LayerTraits::may_share(int top, int bottom) const {
  return state_->may_share.count({top, bottom}) != 0;
}
bool LayerTraits::same_values(int top, int bottom) const {
  return state_->same_values.count({top, bottom}) != 0;
}
bool LayerTraits::differentiable(int bottom) const {
  return state_->backward && state_->no_gradient.count(bottom) == 0;
}
bool LayerTraits::has_backward() const { return state_->backward; }
bool LayerTraits::is_loss(int top) const { return state_->losses.count(top) != 0; }
bool LayerTraits::any_loss() const { return !state_->losses.empty(); }
bool LayerTraits::fed_from_outside() const { return state_->fed; }

}  // namespace moka
