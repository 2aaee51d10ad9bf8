#include "core/failpoint.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <list>
#include <sstream>
#include <string>
#include <thread>

#include <unistd.h>

namespace trailwarden::failpoint {
namespace {

constexpr int kKilled = 137;
constexpr std::string_view kSleep = "sleep=";

struct Plan {
  Plan(std::string at, std::string what, long hits) : name(std::move(at)), action(std::move(what)), left(hits) {}
  std::string name, action;
  std::atomic<long> left;
};

/// TRAILWARDEN_FAIL, read once; a list, because atomics do not move.
std::list<Plan>& plans() {
  static std::list<Plan>& parsed = *new std::list<Plan>([] {
    std::list<Plan> out;
    const char* const text = std::getenv("TRAILWARDEN_FAIL");
    std::istringstream all(text == nullptr ? "" : text);
    for (std::string one; std::getline(all, one, ',');) {
      const std::size_t first = one.find(':'), second = one.find(':', first == std::string::npos ? first : first + 1);
      if (second != std::string::npos) out.emplace_back(one.substr(0, first), one.substr(second + 1), std::atol(one.c_str() + first + 1));
    }
    return out;
  }());
  return parsed;
}

void carry_out(const std::string& action) {
  if (action == "stop") ::raise(SIGSTOP);
  else if (action.starts_with(kSleep)) std::this_thread::sleep_for(std::chrono::seconds{std::atol(action.c_str() + kSleep.size())});
  else ::_exit(kKilled);
}

std::function<void(std::string_view)>& hook() {
  thread_local std::function<void(std::string_view)> set;
  return set;
}

}  // namespace

void set_hook(std::function<void(std::string_view name)> set) { hook() = std::move(set); }

void hit(const char* name) {
  if (const auto& set = hook()) return set(name);
  for (Plan& plan : plans())
    if (plan.name == name && --plan.left == 0) carry_out(plan.action);
}

}  // namespace trailwarden::failpoint
