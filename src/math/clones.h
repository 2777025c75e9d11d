// Functions compiled once for each generation of x86-64, the best picked when the program starts.
#pragma once

// Only for plain functions in hot loops; results may differ in the last bits between processors
// (fused multiply-add), never on one. Sanitizers run before the loader can pick, so their builds
// keep to the oldest version.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MOKA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MOKA_CLONES
#endif
