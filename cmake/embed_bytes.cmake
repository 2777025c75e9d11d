# Writes OUTPUT, a C++ source with  std::string_view moka::FUNCTION()  that returns the bytes of the file INPUT.
cmake_path(GET INPUT FILENAME name)
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "// Generated: the bytes of ${name}.
#include <string_view>
namespace moka {
std::string_view ${FUNCTION}() {
  static const unsigned char bytes[] = {${bytes}0};
  return {reinterpret_cast<const char*>(bytes), ${size}};
}
}  // namespace moka
")
