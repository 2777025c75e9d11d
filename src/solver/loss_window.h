// The mean loss over the last iterations.
#pragma once

#include <cstddef>
#include <deque>
#include <numeric>

namespace moka {

class LossWindow {
 public:
  explicit LossWindow(int size) : size_(static_cast<size_t>(size)) {}

  void Add(double loss) {
    losses_.push_back(loss);
    while (losses_.size() > size_) losses_.pop_front();
  }
  // Summed anew each time, oldest first, so that it depends on the window alone.
  double Mean() const {
    if (losses_.empty()) return 0;
    return std::accumulate(losses_.begin(), losses_.end(), 0.0) /
           static_cast<double>(losses_.size());
  }
  void Clear() { losses_.clear(); }
  const std::deque<double>& losses() const { return losses_; }

 private:
  size_t size_;
  std::deque<double> losses_;
};

}  // namespace moka
