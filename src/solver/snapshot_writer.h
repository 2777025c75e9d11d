// Writes snapshots beside the training.
#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <string>

#include "solver/snapshot.h"
#include "solver/snapshot_image.h"

namespace moka {

struct SnapshotJob {
  SnapshotNames names;
  std::string prefix;  // with `keep` > 0: only so many of PREFIX_iter_N stay, this one the newest
  int keep = 0;
  bool wait = false;  // the training waits for it: no copy is needed
};

// What became of one. Both may be: it is there, but an old one could not be removed.
struct SnapshotResult {
  SnapshotNames names;
  std::string prefix;
  int64_t iteration = 0;
  bool written = false;  // and durable
  std::string problem;
};

// For one thread, which is not the one that writes.
class SnapshotWriter {
 public:
  // To be filled when nothing is under way.
  SnapshotImage& image();
  // Copies the image's values; false if there is no memory for it.
  bool Copy(Context& context);
  // Writes the image in a thread of its own, or, if the training waits for it, now.
  void Start(const SnapshotJob& job);
  bool busy() const { return under_way_.valid(); }
  // What has ended since the last call: without waiting, or having waited for what is under way.
  std::optional<SnapshotResult> Poll();
  std::optional<SnapshotResult> Wait();

 private:
  SnapshotImage image_;
  std::future<SnapshotResult> under_way_;  // its destructor waits
};

}  // namespace moka
