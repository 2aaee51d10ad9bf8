#include "app/confinement.h"

#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace trailwarden::app {
namespace {

/// Ends this process with what holds for it after `confine_process`.
[[noreturn]] void say_what_holds() {
  confine_process();
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  std::fprintf(stderr, "core %llu dumpable %d no_new_privs %d\n", static_cast<unsigned long long>(core.rlim_max), ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  std::_Exit(0);
}

TEST(ConfinementDeathTest, LeavesNoCoreFileAndGainsNothing) { EXPECT_EXIT(say_what_holds(), ::testing::ExitedWithCode(0), "core 0 dumpable 0 no_new_privs 1"); }

TEST(ConfinementDeathTest, CanBeToldToAllowDebuggers) {
  const auto wish = [] {
    ::setenv("TRAILWARDEN_CORE_DUMPS", "1", 1);
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    say_what_holds();
  };
  EXPECT_EXIT(wish(), ::testing::ExitedWithCode(0), "dumpable 1 no_new_privs 1");
}

}  // namespace
}  // namespace trailwarden::app
