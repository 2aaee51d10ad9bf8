#include "core/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include <unistd.h>

namespace trailwarden::failpoint {
namespace {

constexpr int kKilled = 137;

struct Plan {
  std::string name, action;
  std::atomic<long> left;
};

/// TRAILWARDEN_FAIL, read once.
Plan* plan() {
  static Plan* const parsed = []() -> Plan* {
    const char* const text = std::getenv("TRAILWARDEN_FAIL");
    if (text == nullptr) return nullptr;
    const std::string all(text);
    const std::size_t first = all.find(':'), second = all.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) return nullptr;
    return new Plan{all.substr(0, first), all.substr(second + 1), std::atol(all.c_str() + first + 1)};
  }();
  return parsed;
}

std::function<void(std::string_view)>& hook() {
  thread_local std::function<void(std::string_view)> set;
  return set;
}

}  // namespace

void set_hook(std::function<void(std::string_view name)> set) { hook() = std::move(set); }

void hit(const char* name) {
  if (const auto& set = hook()) return set(name);
  Plan* const planned = plan();
  if (planned == nullptr || planned->name != name || --planned->left != 0) return;
  if (planned->action == "stop") ::raise(SIGSTOP);
  else ::_exit(kKilled);
}

}  // namespace trailwarden::failpoint
