#include "aws/credential_chain.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/clocks.h"

namespace trailwarden::aws {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kBeforeTheEnd{5};
constexpr minutes kLook{1};       // at what does not expire
constexpr seconds kAfterFailure{1};

std::string process_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// All that there are. Of the process, as the metric is: chains are opened in many places, and one that is forgotten would go unwatched.
struct Chains {
  std::mutex mutex;
  std::set<const CredentialChain*> all;
};
Chains& chains() {
  static Chains instance;
  return instance;
}

Timestamp renewal_of(const Credentials& credentials, Timestamp now) {
  if (!credentials.expires) return now + kLook;
  const seconds lifetime = *credentials.expires - now;
  return *credentials.expires - std::min<seconds>(kBeforeTheEnd, lifetime / 3);
}

}  // namespace

CredentialChain::CredentialChain(HttpClient& http, Options options)
    : around_{&http, options.environment ? std::move(options.environment) : process_environment, std::move(options.region), std::move(options.profile)},
      now_(options.now ? std::move(options.now) : wall_clock) {
  const std::lock_guard lock(chains().mutex);
  chains().all.insert(this);
}

CredentialChain::~CredentialChain() {
  const std::lock_guard lock(chains().mutex);
  chains().all.erase(this);
}

std::optional<std::pair<std::string_view, Timestamp>> CredentialChain::expiry() const {
  const std::lock_guard lock(mutex_);
  if (!kept_ || !kept_->expires) return std::nullopt;
  return std::pair(kept_->kind, *kept_->expires);
}

std::map<std::string_view, Timestamp> credential_expiries() {
  std::map<std::string_view, Timestamp> first;
  const std::lock_guard lock(chains().mutex);
  for (const CredentialChain* const chain : chains().all)
    if (const auto expiry = chain->expiry()) {
      const auto [known, is_new] = first.insert(*expiry);
      if (!is_new) known->second = std::min(known->second, expiry->second);
    }
  return first;
}

Result<Credentials> CredentialChain::get() {
  std::unique_lock lock(mutex_);
  while (true) {
    const Timestamp now = now_();
    if (now < renew_at_ && (failure_ || kept_)) {
      if (holds(now)) return *kept_;
      if (failure_) return fail(*failure_);
    }
    if (!renewing_) break;
    if (holds(now)) return *kept_;
    renewed_.wait(lock);
  }
  renewing_ = true;
  lock.unlock();
  auto found = find();
  lock.lock();
  renewing_ = false;
  renewed_.notify_all();
  return keep(std::move(found), now_());
}

/// What to answer after asking the sources. Called with the mutex held.
Result<Credentials> CredentialChain::keep(Result<Credentials> found, Timestamp now) {
  if (found && found->expires && *found->expires <= now)
    found = fail(ErrorCode::kIo, fmt::format("{}: gave credentials that expired at {}", found->source, format_time(*found->expires)));
  if (found) {
    kept_ = *found;
    failure_.reset();
    renew_at_ = renewal_of(*kept_, now);
    return found;
  }
  failure_ = found.error();
  renew_at_ = now + kAfterFailure;
  if (holds(now)) return *kept_;
  kept_.reset();
  return found;
}

void CredentialChain::forget(std::string_view access_key_id) {
  const std::lock_guard lock(mutex_);
  if (!kept_ || kept_->access_key_id != access_key_id) return;
  kept_.reset();
  renew_at_ = {};
}

Result<Credentials> CredentialChain::find() const {
  using Source = FoundCredentials (*)(const Surroundings&);
  static constexpr std::pair<std::string_view, Source> kSources[] = {
      {"environment", from_environment}, {"web_identity", from_web_identity}, {"profile", from_profile}, {"container", from_container}, {"instance", from_instance}};
  for (const auto& [kind, source] : kSources) {
    auto found = source(around_);
    if (!found) return fail(std::move(found).error().during("AWS credentials"));
    if (!*found) continue;
    (*found)->kind = kind;
    return std::move(**found);
  }
  return fail(ErrorCode::kNotFound,
              "no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN), nor a profile with "
              "keys in ~/.aws/credentials, nor a container's (AWS_CONTAINER_CREDENTIALS_FULL_URI), nor a role of this instance");
}

}  // namespace trailwarden::aws
