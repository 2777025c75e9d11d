// What a plugin tells of itself, on its way from the probe to the host.
#include <algorithm>
#include <cstdlib>

#include "layer/plugin_probe.h"

namespace moka {

std::string PackInfo(const PluginInfo& info) {
  std::string message = "I";
  for (const uint32_t number : {info.api_major, info.api_minor, info.cxx_abi})
    message += std::to_string(number) + '\0';
  for (const std::string* text :
       {&info.protobuf, &info.library_version, &info.package, &info.compiler, &info.problem}) {
    message += text->substr(0, 1000) + '\0';
  }
  return message;
}

PluginInfo UnpackInfo(const std::string& message) {
  size_t at = 1;
  const auto next = [&] {
    const size_t end = std::min(message.find('\0', at), message.size());
    std::string text = message.substr(at, end - at);
    at = std::min(end + 1, message.size());
    return text;
  };
  const auto number = [&] {
    return static_cast<uint32_t>(std::strtoul(next().c_str(), nullptr, 10));
  };
  PluginInfo info;
  for (uint32_t* field : {&info.api_major, &info.api_minor, &info.cxx_abi}) *field = number();
  for (std::string* field :
       {&info.protobuf, &info.library_version, &info.package, &info.compiler, &info.problem}) {
    *field = next();
  }
  return info;
}

}  // namespace moka
