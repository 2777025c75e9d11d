// What stands behind Setup, Plan and the passes: plain data that whoever runs a layer (the net, the
// checker) fills in.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "moka/filler.pb.h"
#include "moka/layer.h"

namespace moka {

struct Setup::Impl {
  struct Request {
    std::string name;
    Shape shape;
    FillerParameter filler;
    bool learned = true;
  };
  std::vector<Request> requests;  // in the order of `blobs`
};

// The first values of what a layer asked for, under the name of its param.
void FillNew(const Registry& registry, const Setup::Impl::Request& request, uint64_t seed,
             Param& param);

struct Plan::Impl {
  struct Piece {
    int64_t bytes = 0;
    bool saved = false;
    bool per_worker = false;
    bool lasting = false;
  };
  std::vector<Shape> tops;
  std::vector<Piece> pieces;  // by buffer id
  int64_t multiply_adds = 0;
};

struct Pass::Impl {
  // The memory behind a buffer id; per-worker pieces follow one another at `stride` bytes.
  struct Memory {
    std::byte* data = nullptr;
    int64_t stride = 0;
  };

  // A layer behind this one whose work is done here.
  struct Fused {
    const ElementStep* step = nullptr;
    const Tensor* operand = nullptr;
    Impl* pass = nullptr;
  };

  Context* context = nullptr;
  const std::string* layer_name = nullptr;
  uint64_t counter = 0;
  bool backward_follows = false;
  std::vector<const Tensor*> bottoms;
  std::vector<Tensor*> tops;
  std::vector<Param*> params;
  std::vector<Memory> memory;
  std::vector<Fused> fused;  // in a backward pass: only if that does their work as well
  // Backward only. top_diffs are never null (zeros stand in for missing ones); null means "not
  // wanted" in the other two.
  std::vector<const Tensor*> top_diffs;
  std::vector<Tensor*> bottom_diffs;
  std::vector<Tensor*> param_diffs;
  std::vector<char> adds_param;
};

}  // namespace moka
