# What makes a found memory error harder to use, in release builds; tests/packaging/hardening.py holds the binary against it.
# -fPIE and not CMAKE_POSITION_INDEPENDENT_CODE, which compiles static libraries for a shared one: there the compiler may not inline what others could replace.
set(hardening -fPIE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND hardening -fcf-protection)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND hardening -mbranch-protection=standard)
endif()
set(hardening_link -pie -Wl,-z,relro,-z,now,-z,noexecstack)
add_compile_options(-U_FORTIFY_SOURCE ${hardening})
add_link_options(${hardening_link})
list(JOIN hardening " " TRAILWARDEN_HARDENING)
list(JOIN hardening_link " " hardening_link_text)
string(APPEND TRAILWARDEN_HARDENING " ${hardening_link_text}")

# The same sources give the same bytes wherever they stand.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
