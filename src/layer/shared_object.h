// What can be known of a shared library before it is loaded.
#pragma once

#include <string>

namespace moka {

// Throws Error, with the reason, unless the file is a complete ELF shared object for this machine.
// Loading runs code of the file, so everything that can be refused is refused here.
void CheckSharedObject(const std::string& path);

}  // namespace moka
