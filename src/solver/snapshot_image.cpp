// What a snapshot holds, taken at one moment of the training.
#include "solver/snapshot_image.h"

#include <algorithm>
#include <utility>

namespace moka {

void SnapshotImage::CopyValues(Context& context) {
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

  constexpr int64_t kPiece = 1 << 18;
  struct Piece {
    const float* from;
    float* to;
    int64_t count;
  };
  std::vector<Piece> pieces;
  std::map<const Tensor*, Tensor> copies;
  for (const Tensor** place : places) {
    const Tensor* from = *place;
    const auto [to, added] = copies.try_emplace(from);
    if (!added) continue;  // shared
    Tensor& earlier = copies_[from];
    to->second = earlier.shape() == from->shape() ? std::move(earlier) : Tensor(from->shape());
    for (int64_t at = 0; at < from->count(); at += kPiece) {
      pieces.push_back(
          {from->data() + at, to->second.data() + at, std::min(kPiece, from->count() - at)});
    }
  }
  for (const Tensor** place : places) *place = &copies.at(*place);  // nothing throws from here on
  copies_ = std::move(copies);                                      // the nodes stay where they are
  context.ParallelFor(static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      std::copy_n(piece.from, piece.count, piece.to);
    }
  });
}

}  // namespace moka
