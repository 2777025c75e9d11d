# What `cmake --install` puts where, and the package that find_package(moka) reads: the target moka::moka and moka_add_plugin().
# The installed tree may be moved as a whole.
include(CMakePackageConfigHelpers)
set(moka_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/moka)
set(moka_share_dir ${CMAKE_INSTALL_DATADIR}/moka)

install(TARGETS moka EXPORT mokaTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT mokaTargets NAMESPACE moka:: DESTINATION ${moka_package_dir})

# Headers: the written ones and the generated ones.
install(DIRECTORY include/moka DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/moka DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# What a plugin's own protos import.
install(DIRECTORY proto/moka DESTINATION ${moka_share_dir}/proto FILES_MATCHING PATTERN "*.proto")

configure_package_config_file(cmake/mokaConfig.cmake.in ${PROJECT_BINARY_DIR}/mokaConfig.cmake
                              INSTALL_DESTINATION ${moka_package_dir} PATH_VARS moka_share_dir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mokaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mokaConfig.cmake ${PROJECT_BINARY_DIR}/mokaConfigVersion.cmake
              cmake/MokaProto.cmake cmake/MokaPlugin.cmake cmake/FirstComment.cmake cmake/embed_bytes.cmake cmake/plugin_entry.cpp.in
        DESTINATION ${moka_package_dir})

# What the library looks for: the program that tries plugins, and the folder of plugins that are loaded by themselves.
file(RELATIVE_PATH moka_lib_from_probe ${CMAKE_INSTALL_FULL_LIBEXECDIR}/moka ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(moka_probe PROPERTIES INSTALL_RPATH "$ORIGIN/${moka_lib_from_probe}")
install(TARGETS moka_probe RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/moka)

if(TARGET moka_command)
  file(RELATIVE_PATH moka_lib_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(moka_command PROPERTIES INSTALL_RPATH "$ORIGIN/${moka_lib_from_bin}")
  install(TARGETS moka_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
