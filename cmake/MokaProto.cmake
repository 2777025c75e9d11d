# Protobuf messages, compiled with the lite runtime, and their descriptors as bytes in the library. Lite code registers nothing in
# protobuf's process-wide pool, so that any number of plugins may use the same file and message names.

# moka_proto_sources(OUT PROTOS a.proto b.proto INCLUDES dir... OUTPUT_DIR dir [STRIP dir] [EXPORT])
# Compiles each proto to OUTPUT_DIR/NAME.pb.h and .pb.cc, appends the .pb.cc to OUT. Names are relative to the INCLUDES folder that
# holds the file. EXPORT makes the messages visible outside the library.
function(moka_proto_sources out)
  cmake_parse_arguments(ARG "EXPORT" "OUTPUT_DIR;ROOT" "PROTOS;INCLUDES" ${ARGN})
  set(options "lite")
  if(ARG_EXPORT)
    string(APPEND options ",dllexport_decl=__attribute__((visibility(\"default\")))")
  endif()
  list(TRANSFORM ARG_INCLUDES PREPEND "-I" OUTPUT_VARIABLE includes)
  set(sources ${${out}})
  file(MAKE_DIRECTORY ${ARG_OUTPUT_DIR})
  foreach(proto ${ARG_PROTOS})
    cmake_path(ABSOLUTE_PATH proto NORMALIZE OUTPUT_VARIABLE path)
    if(ARG_ROOT)
      cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${ARG_ROOT} OUTPUT_VARIABLE name)
      set(root ${ARG_ROOT})
    else()
      cmake_path(GET path FILENAME name)
      cmake_path(GET path PARENT_PATH root)
    endif()
    string(REGEX REPLACE "\\.proto$" "" stem ${name})
    add_custom_command(
      OUTPUT ${ARG_OUTPUT_DIR}/${stem}.pb.cc ${ARG_OUTPUT_DIR}/${stem}.pb.h
      COMMAND protobuf::protoc -I${root} ${includes} "--cpp_out=${options}:${ARG_OUTPUT_DIR}" ${name}
      DEPENDS ${path}
      COMMENT "protoc ${name}"
      VERBATIM)
    list(APPEND sources ${ARG_OUTPUT_DIR}/${stem}.pb.cc)
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# moka_embed_schema(OUT FUNCTION name PROTOS ... INCLUDES ... OUTPUT_DIR dir [ROOT dir])
# Appends to OUT a source that defines  std::string_view moka::FUNCTION(): the descriptor set of the protos, with comments.
function(moka_embed_schema out)
  cmake_parse_arguments(ARG "" "FUNCTION;OUTPUT_DIR;ROOT" "PROTOS;INCLUDES" ${ARGN})
  list(TRANSFORM ARG_INCLUDES PREPEND "-I" OUTPUT_VARIABLE includes)
  set(names "")
  set(paths "")
  set(roots "")
  foreach(proto ${ARG_PROTOS})
    cmake_path(ABSOLUTE_PATH proto NORMALIZE OUTPUT_VARIABLE path)
    list(APPEND paths ${path})
    if(ARG_ROOT)
      cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${ARG_ROOT} OUTPUT_VARIABLE name)
      list(APPEND roots -I${ARG_ROOT})
    else()
      cmake_path(GET path FILENAME name)
      cmake_path(GET path PARENT_PATH root)
      list(APPEND roots -I${root})
    endif()
    list(APPEND names ${name})
  endforeach()
  list(REMOVE_DUPLICATES roots)
  set(source ${ARG_OUTPUT_DIR}/${ARG_FUNCTION}.cpp)
  set(describe "")
  if(names)
    set(describe COMMAND protobuf::protoc ${roots} ${includes} --include_source_info
        --descriptor_set_out=${ARG_OUTPUT_DIR}/${ARG_FUNCTION}.desc ${names})
  else()
    set(describe COMMAND ${CMAKE_COMMAND} -E touch ${ARG_OUTPUT_DIR}/${ARG_FUNCTION}.desc)
  endif()
  add_custom_command(
    OUTPUT ${source}
    ${describe}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${ARG_OUTPUT_DIR}/${ARG_FUNCTION}.desc -DOUTPUT=${source} -DFUNCTION=${ARG_FUNCTION}
            -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/embed_bytes.cmake
    DEPENDS ${paths} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/embed_bytes.cmake
    COMMENT "Embedding descriptors: ${ARG_FUNCTION}"
    VERBATIM)
  set(${out} ${${out}} ${source} PARENT_SCOPE)
endfunction()
