// All of HDF5 happens in child processes. Version 1.10 crashes on some damaged files (about one of
// 200 with a few wrong words), and at the end of a process in which a disk was full. So the child
// is lost, and the caller gets an Error; and one thread only is ever in the library: the child's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace moka {

// Not under the address and thread sanitizers: their memory may be locked in the fork of a process
// with other threads. There all work is done in this process, by one thread at a time.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kHdf5Apart = false;
#else
constexpr bool kHdf5Apart = true;
#endif

// What `work` returns, which runs in a fork of this process: what it changes in memory is lost,
// what it throws (Error) is thrown here. Throws Error, naming `path`, if the child ends in another
// way, uses more than `seconds` of the processor, or returns more than `most` bytes. What the child
// prints is dropped.
std::string ReadApart(const std::string& path, int64_t most, int seconds,
                      const std::function<std::string()>& work);
// The same for work that makes the file and returns nothing.
void WriteApart(const std::string& path, int seconds, const std::function<void()>& work);

}  // namespace moka
