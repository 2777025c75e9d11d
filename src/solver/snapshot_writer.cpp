// Writes snapshots beside the training.
#include "solver/snapshot_writer.h"

#include <cassert>
#include <chrono>
#include <exception>
#include <system_error>

#include "moka/error.h"
#include "solver/snapshot_files.h"

namespace moka {
namespace {

SnapshotResult Write(const SnapshotImage& image, const SnapshotJob& job) {
  SnapshotResult result;
  result.names = job.names;
  result.prefix = job.prefix;
  result.iteration = image.state.iter();
  try {
    WriteSnapshot(image, job.names);
    result.written = true;
    // Only now: the new one survives whatever comes.
    if (job.keep > 0) RemoveOldSnapshots(job.prefix, image.state, job.keep);
  } catch (const std::exception& error) {
    result.problem = error.what();
  }
  return result;
}

}  // namespace

SnapshotImage& SnapshotWriter::image() {
  assert(!busy());
  return image_;
}

bool SnapshotWriter::Copy(Context& context) {
  assert(!busy());
  try {
    image_.CopyValues(context);
  } catch (const Error&) {  // the training waits for it instead
    return false;
  }
  return true;
}

void SnapshotWriter::Start(const SnapshotJob& job) {
  assert(!busy());
  const std::launch policy = job.wait ? std::launch::deferred : std::launch::async;
  const auto work = [this, job] { return Write(image_, job); };
  try {
    under_way_ = std::async(policy, work);
  } catch (const std::system_error&) {  // no more threads
    under_way_ = std::async(std::launch::deferred, work);
  }
  if (under_way_.wait_for(std::chrono::seconds(0)) == std::future_status::deferred)
    under_way_.wait();
}

std::optional<SnapshotResult> SnapshotWriter::Poll() {
  if (!busy() || under_way_.wait_for(std::chrono::seconds(0)) == std::future_status::timeout)
    return std::nullopt;
  return under_way_.get();
}

std::optional<SnapshotResult> SnapshotWriter::Wait() {
  if (!busy()) return std::nullopt;
  return under_way_.get();
}

}  // namespace moka
