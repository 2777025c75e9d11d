// What the built-in data sources have in common.
#pragma once

namespace moka {

inline constexpr const char* kWhatDataIsRead =
    "MNIST's IDX files (`source` and `labels`) and CIFAR-10's binary files are";

}  // namespace moka
