#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "generate/rhythm.h"

namespace trailwarden::generate {

/// Who calls an API; each account picks some of the kind.
enum class Callers : std::uint8_t { kInstances, kApps, kAutomation, kMonitors, kPeople, kService };
inline constexpr std::size_t kCallerKinds = static_cast<std::size_t>(Callers::kService) + 1;

/// How an API fails.
enum class Failure : std::uint8_t {
  kAccessDenied, kAccessDeniedException, kUnauthorizedOperation, kThrottling, kRequestLimit, kNoSuchEntity, kNotFound,
  kValidation, kConflict, kNoSuchPolicy, kNotFoundInstance, kLimit, kSignIn,
};
struct FailureText {
  std::string_view code;     // empty: the record carries a message only
  std::string_view message;  // a template
};
const FailureText& text_of(Failure failure);

/// One API of the catalogue. The templates are for `Template`; empty means `null`.
struct Api {
  std::string_view service;  // "ec2"
  std::string_view name;
  bool read_only;
  Rhythm rhythm;
  Callers callers;
  double batch;        // mean calls of a batch, >= 1
  double error_share;  // of the calls, [0, 1]
  Failure failure;
  std::string_view request;
  std::string_view response = "";
  std::string_view caller = "";  // for Callers::kService: "autoscaling"

  std::string source() const { return std::string(service) + ".amazonaws.com"; }

  /// Recorded in us-east-1 whatever Region the caller is in.
  bool is_global() const;
  /// Changes who may do what: kept rare, so that the background sets off no security detector.
  bool is_sensitive() const;
};

/// The APIs: first the ordinary ones, the busiest first, then those that only incidents call.
std::span<const Api> catalogue();
/// How many of them are ordinary.
std::size_t ordinary_apis();

/// Those that only incidents call, in their order in the catalogue.
enum class IncidentApi : std::uint8_t {
  kDeleteTrail, kStopLogging, kRootSignIn, kRootKey, kOpenGroup, kCreateAccessKey, kAttachUserPolicy, kPutUserPolicy, kCreateUser,
  kUpdateAccessKey, kUpdateLoginProfile,
};
std::uint16_t index_of(IncidentApi api);

}  // namespace trailwarden::generate
