// What a snapshot holds, taken at one moment of the training.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/caffemodel.h"
#include "moka/context.h"
#include "moka/solver.pb.h"
#include "moka/tensor.h"

namespace moka {

struct SnapshotImage {
  std::string net_name;
  std::vector<LayerToWrite> model;
  std::vector<LayerToWrite> averaged;  // of ema_decay; else empty
  std::vector<const Tensor*> history;
  SolverState state;  // without history

  // Copies all values, so that the training may change them while the image is written. The memory
  // is kept for the next image. Throws Error if there is none; then the values stay where they are.
  void CopyValues(Context& context);
  bool finite() const { return finite_; }  // all that was copied
  // Takes that memory already, so that the first copy is as fast as the others.
  void ReserveCopies();

 private:
  std::vector<const Tensor**> Places();
  std::map<const Tensor*, Tensor> copies_;
  bool finite_ = true;
};

}  // namespace moka
