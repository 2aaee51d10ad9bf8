# trailwarden_find(<package> <Debian package> [find_package arguments])
macro(trailwarden_find package debian)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} not found; on Debian: apt-get install ${debian}")
  endif()
endmacro()

# trailwarden_find_module(<pkg-config module> <Debian package>) gives PkgConfig::<module>
function(trailwarden_find_module module debian)
  pkg_check_modules(${module} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${module}_FOUND)
    message(FATAL_ERROR "${module} not found; on Debian: apt-get install ${debian}")
  endif()
endfunction()

# trailwarden_library(<folder> SRCS ... [DEPS ...] [PRIVATE_DEPS ...]) gives trailwarden::<folder>
function(trailwarden_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS;PRIVATE_DEPS")
  add_library(trailwarden_${folder} STATIC ${arg_SRCS})
  add_library(trailwarden::${folder} ALIAS trailwarden_${folder})
  target_include_directories(trailwarden_${folder} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(trailwarden_${folder} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
endfunction()

# trailwarden_test(<folder> SRCS ... DEPS ...) builds <folder>_test. Its tests are named <folder>.Suite.Name, have the
# label <folder> and run in the top folder.
function(trailwarden_test folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  add_executable(${folder}_test ${arg_SRCS})
  target_link_libraries(${folder}_test PRIVATE ${arg_DEPS} GTest::gmock_main)
  gtest_discover_tests(${folder}_test DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    TEST_PREFIX ${folder}. PROPERTIES LABELS ${folder} TIMEOUT 300)
endfunction()

# trailwarden_fuzz(<name> SRCS ... DEPS ...) builds fuzz_<name>; the kept corpus replays as a test, label "fuzz".
function(trailwarden_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  add_executable(fuzz_${name} ${arg_SRCS})
  target_link_libraries(fuzz_${name} PRIVATE ${arg_DEPS})
  add_dependencies(fuzzers fuzz_${name})
  if(TRAILWARDEN_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set(replay -runs=0)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay_main.cc)
  endif()
  add_test(NAME fuzz_${name}_corpus COMMAND fuzz_${name} ${replay} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
  set_tests_properties(fuzz_${name}_corpus PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
