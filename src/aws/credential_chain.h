#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "aws/credential_sources.h"
#include "aws/credentials.h"
#include "aws/http_client.h"
#include "core/result.h"
#include "core/time.h"

namespace trailwarden::aws {

/// The credentials of this process, from the first of these that is set up: environment, web identity, profile, container, instance. This is the order of AWS's SDKs.
///
/// Kept, and renewed five minutes before they expire (at two thirds of their time, if that is later); those that say nothing of expiring are looked for
/// again each minute, so that a file that is replaced is noticed. While they are renewed, and while that fails, others get the ones that still hold.
/// A failure is kept for a second. Thread-safe; one thread at a time asks a source. Time: the wall clock, unless given another.
/// Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers".
class CredentialChain {
 public:
  struct Options {
    std::string region{}, profile{};                               // see Surroundings
    std::function<std::string(const char*)> environment{};         // empty: that of this process
    std::function<Timestamp()> now{};                              // empty: the wall clock
  };
  /// `http` outlives the chain.
  CredentialChain(HttpClient& http, Options options);
  ~CredentialChain();
  CredentialChain(const CredentialChain&) = delete;
  CredentialChain& operator=(const CredentialChain&) = delete;

  /// kNotFound with all places that were looked at; else what the source that is set up answered.
  Result<Credentials> get();

  /// AWS says that these have expired, or never heard of them: they are looked for anew.
  void forget(std::string_view access_key_id);

  /// When the credentials that are kept expire, and of what kind they are; nullopt while there are none, or they do not say.
  std::optional<std::pair<std::string_view, Timestamp>> expiry() const;

 private:
  Result<Credentials> find() const;
  bool holds(Timestamp now) const { return kept_ && (!kept_->expires || *kept_->expires > now); }
  Result<Credentials> keep(Result<Credentials> found, Timestamp now);

  const Surroundings around_;
  const std::function<Timestamp()> now_;

  mutable std::mutex mutex_;  // for all below
  std::condition_variable renewed_;
  bool renewing_ = false;
  std::optional<Credentials> kept_;
  std::optional<Error> failure_;  // of the last time, if it failed
  Timestamp renew_at_{};          // when to ask again
};

/// The first time at which credentials of this process expire, by kind: of all chains that there are, whoever opened them. Any thread.
std::map<std::string_view, Timestamp> credential_expiries();

}  // namespace trailwarden::aws
