// Work in a child process. HDF5 may crash or not come to an end when a file is damaged: with one
// wrong word in some hundred, version 1.10 does. Then the child is lost, and the caller gets an
// Error.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace moka {

// What `work` returns, which runs in a fork of this process: what it changes is lost, what it
// throws (Error) is thrown here. Throws Error, naming `path`, if the child ends in another way,
// uses more than `seconds` of the processor, or returns more than `most` bytes. What the child
// prints is dropped.
std::string RunApart(const std::string& path, int64_t most, int seconds,
                     const std::function<std::string()>& work);

// While this lives, no other thread has one. They nest. In a child there are no other threads.
std::unique_lock<std::recursive_mutex> OneThreadInHdf5();

}  // namespace moka
