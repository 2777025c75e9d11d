// A case to check a layer in.
#include "layer/check_case_state.h"

namespace moka {

CheckCase::CheckCase(std::string params, std::vector<Shape> bottoms)
    : state_(std::make_unique<State>()) {
  state_->params = std::move(params);
  state_->bottoms = std::move(bottoms);
}
CheckCase::CheckCase(const CheckCase& other) : state_(std::make_unique<State>(*other.state_)) {}
CheckCase& CheckCase::operator=(const CheckCase& other) {
  *state_ = *other.state_;
  return *this;
}
CheckCase::~CheckCase() = default;

CheckCase& CheckCase::Range(int bottom, float least, float most) {
  state_->values[bottom] = {least, most, 0};
  return *this;
}
CheckCase& CheckCase::Labels(int bottom, int64_t classes) {
  state_->values[bottom] = {0, 0, classes};
  return *this;
}
CheckCase& CheckCase::Kinks(std::vector<float> inputs) {
  state_->kinks = std::move(inputs);
  return *this;
}
CheckCase& CheckCase::Spread(double distance) {
  state_->spread = distance;
  return *this;
}
CheckCase& CheckCase::Tops(int count) {
  state_->tops = count;
  return *this;
}
CheckCase& CheckCase::Random() {
  state_->random = true;
  return *this;
}
CheckCase& CheckCase::Testing() {
  state_->training = false;
  return *this;
}
CheckCase& CheckCase::NoGradients() {
  state_->gradients = false;
  return *this;
}

}  // namespace moka
