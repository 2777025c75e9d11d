// What a snapshot holds, taken at one moment of the training.
#include "solver/snapshot_image.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "math/finite.h"
#include "moka/error.h"

namespace moka {

std::vector<const Tensor**> SnapshotImage::Places() {
  std::vector<const Tensor**> places;
  for (std::vector<LayerToWrite>* layers : {&model, &averaged}) {
    for (LayerToWrite& layer : *layers) {
      for (BlobToWrite& blob : layer.blobs) {
        places.push_back(&blob.values);
        if (blob.diff != nullptr) places.push_back(&blob.diff);
      }
    }
  }
  for (const Tensor*& values : history) places.push_back(&values);
  return places;
}

void SnapshotImage::ReserveCopies() {
  try {
    for (const Tensor* const* place : Places()) {
      Tensor& copy = copies_[*place];
      if (copy.shape() != (*place)->shape()) copy = Tensor((*place)->shape());
    }
  } catch (const Error&) {
    copies_.clear();  // a part is of no use
    throw;
  }
}

void SnapshotImage::CopyValues(Context& context) {
  ReserveCopies();
  constexpr int64_t kPiece = 1 << 15;  // still in the cache when it is looked at
  struct Piece {
    const float* from;
    float* to;
    int64_t count;
  };
  std::vector<Piece> pieces;
  std::set<const Tensor*> done;  // values may be shared
  for (const Tensor** place : Places()) {
    const Tensor* from = *place;
    Tensor& to = copies_.at(from);
    *place = &to;
    if (!done.insert(from).second) continue;
    for (int64_t at = 0; at < from->count(); at += kPiece) {
      pieces.push_back({from->data() + at, to.data() + at, std::min(kPiece, from->count() - at)});
    }
  }
  std::atomic<bool> finite = true;
  context.ParallelFor(static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      std::copy_n(piece.from, piece.count, piece.to);
      if (!AllFinite({piece.to, static_cast<size_t>(piece.count)})) finite = false;
    }
  });
  finite_ = finite;
}

}  // namespace moka
