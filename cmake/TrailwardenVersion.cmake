# Writes "core/version.h" into the build tree. Where there is no checkout, -DTRAILWARDEN_REVISION=... says of what commit it is.
set(revision ${TRAILWARDEN_REVISION})
if(NOT revision)
  execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE git_failed)
  if(git_failed)
    set(revision unknown)
  elseif(EXISTS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
    # Grows with every commit and checkout, so the revision follows without a rebuild from scratch.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
  endif()
endif()
if(TRAILWARDEN_ARCH)
  set(TRAILWARDEN_ARCH_SUFFIX " (${TRAILWARDEN_ARCH})")
endif()
configure_file(cmake/version.h.in generated/core/version.h @ONLY)
