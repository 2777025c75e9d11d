// A learned value.
#pragma once

#include <cstdint>
#include <string>

#include "moka/export.h"
#include "moka/tensor.h"

namespace moka {

// Weights, biases, or persistent state of a layer (running means): what a .caffemodel holds. Shared
// by train and test nets. Its gradient belongs to the net that trains it.
class MOKA_EXPORT Param {
 public:
  Param(std::string name, const Shape& shape, bool learned)
      : name_(std::move(name)), values_(shape), learned_(learned) {}

  const std::string& name() const { return name_; }  // "conv1.weight", or the name it is shared by
  bool learned() const { return learned_; }          // false: persistent state, no gradient
  const Shape& shape() const { return values_.shape(); }
  const Tensor& values() const { return values_; }
  // For whoever changes the values: the version rises, so that caches made from them are made anew.
  Tensor& Change() { return ++version_, values_; }
  uint64_t version() const { return version_; }

  float lr_mult = 1;
  float decay_mult = 1;

 private:
  std::string name_;
  Tensor values_;
  uint64_t version_ = 1;
  bool learned_;
};

}  // namespace moka
