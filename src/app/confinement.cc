#include "app/confinement.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/log.h"

namespace trailwarden::app {
namespace {

void must(bool done, std::string_view what) {
  if (!done) log::warn("process.not_confined", {{"what", what}, {"error", std::string_view(std::strerror(errno))}});
}

bool wants_core_files() {
  const char* const wish = std::getenv("TRAILWARDEN_CORE_DUMPS");
  return wish != nullptr && std::string_view(wish) == "1";
}

}  // namespace

void confine_process() {
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  if (!wants_core_files()) {
    constexpr rlimit kNone{0, 0};
    must(::setrlimit(RLIMIT_CORE, &kNone) == 0, "no core files");
    must(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "no core files, no debuggers");  // a core_pattern that is a pipe does not go by the limit
  }
  if (::geteuid() == 0) log::warn("process.is_root", {{"why", "nothing that trailwarden does needs root, and a mistake in it would have all of root's rights"}, {"what_now", "run it as a user of its own, as deploy/systemd/trailwarden.service does"}});
}

}  // namespace trailwarden::app
