# libmoka.so from all object libraries, and a static library of the same objects for tests of what the shared one hides.
set(moka_objects "")
foreach(part proto core math io layer net solver check layers)
  if(TARGET moka_${part})
    list(APPEND moka_objects $<TARGET_OBJECTS:moka_${part}>)
  endif()
endforeach()

function(moka_configure_library target)
  add_library(moka::${target} ALIAS ${target})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                             $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/proto> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf Threads::Threads
                        PRIVATE OpenBLAS::OpenBLAS PkgConfig::Highway ZLIB::ZLIB fmt::fmt ${CMAKE_DL_LIBS} $<TARGET_NAME_IF_EXISTS:moka::hdf5>)
  target_compile_features(${target} PUBLIC cxx_std_20)
endfunction()

add_library(moka SHARED ${moka_objects})
moka_configure_library(moka)
set_target_properties(moka PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 MOKA_PROTO_DIR ${MOKA_PROTO_DIR})
# The build id: which library a plugin was tried with (src/layer/tried_plugin.cpp).
target_link_options(moka PRIVATE -Wl,-z,defs -Wl,--build-id=sha1)
if(MOKA_BUILD_TESTS OR MOKA_BUILD_BENCHMARKS)
  add_library(moka_static STATIC ${moka_objects})
  moka_configure_library(moka_static)
endif()
