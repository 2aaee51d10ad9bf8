#include "rules/record_paths.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "rules/glob_matcher.h"
#include "rules/yaml_fields.h"

namespace trailwarden::rules {
namespace {

/// Fields of records, where rules find them; those of each service's own form are open below.
constexpr auto kFixed = std::to_array<std::string_view>({
    "eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestID", "eventID", "readOnly", "apiVersion", "eventType",
    "recipientAccountId", "sharedEventID", "vpcEndpointId", "vpcEndpointAccountId", "managementEvent", "eventCategory", "sessionCredentialFromConsole", "annotation",
    "userIdentity.type", "userIdentity.principalId", "userIdentity.arn", "userIdentity.accountId", "userIdentity.accessKeyId", "userIdentity.userName", "userIdentity.invokedBy",
    "userIdentity.identityProvider", "userIdentity.credentialId", "userIdentity.onBehalfOf.userId", "userIdentity.onBehalfOf.identityStoreArn", "userIdentity.inScopeOf.sourceArn",
    "userIdentity.inScopeOf.sourceAccount", "userIdentity.inScopeOf.issuerType", "userIdentity.inScopeOf.credentialsIssuedTo", "userIdentity.invokedByDelegate.accountId",
    "userIdentity.sessionContext.attributes.creationDate", "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "userIdentity.sessionContext.sessionIssuer.type", "userIdentity.sessionContext.sessionIssuer.principalId", "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sessionIssuer.accountId", "userIdentity.sessionContext.sessionIssuer.userName", "userIdentity.sessionContext.webIdFederationData.federatedProvider",
    "userIdentity.sessionContext.sourceIdentity", "userIdentity.sessionContext.ec2RoleDelivery", "userIdentity.sessionContext.ec2IssuedInVpc", "userIdentity.sessionContext.assumedRoot",
    "resources.ARN", "resources.ARNPrefix", "resources.accountId", "resources.type",
    "addendum.reason", "addendum.updatedFields", "addendum.originalRequestID", "addendum.originalEventID",
    "tlsDetails.tlsVersion", "tlsDetails.cipherSuite", "tlsDetails.clientProvidedHostHeader", "tlsDetails.keyExchange",
    "insightDetails.state", "insightDetails.eventSource", "insightDetails.eventName", "insightDetails.errorCode", "insightDetails.insightType", "insightDetails.insightSource",
    "insightDetails.sourceEventCategory", "insightDetails.insightContext.statistics.baseline.average", "insightDetails.insightContext.statistics.insight.average",
    "insightDetails.insightContext.statistics.baselineDuration", "insightDetails.insightContext.statistics.insightDuration", "insightDetails.insightContext.attributions.attribute",
    "insightDetails.insightContext.attributions.baseline.value", "insightDetails.insightContext.attributions.baseline.average", "insightDetails.insightContext.attributions.insight.value",
    "insightDetails.insightContext.attributions.insight.average",
});
constexpr auto kOpen = std::to_array<std::string_view>({
    "requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "edgeDeviceDetails", "eventContext", "userIdentity.sessionContext.webIdFederationData.attributes",
});

/// What EventBridge puts around a record.
constexpr auto kEnvelope = std::to_array<std::string_view>({"detail", "detail-type", "source"});

/// Whether it is `above`, or lies below it.
bool is_at_or_below(std::string_view path, std::string_view above) { return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '.'); }

/// All that is known, and what it lies in.
std::vector<std::string_view> fields_and_objects() {
  std::vector<std::string_view> out(kOpen.begin(), kOpen.end());
  for (const std::string_view known : kFixed)
    for (std::size_t end = known.find('.');; end = known.find('.', end + 1)) {
      out.push_back(known.substr(0, end));
      if (end == std::string_view::npos) break;
    }
  return out;
}

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

bool is_record_path(std::string_view path) {
  const auto leads_to = [path](std::string_view known) { return is_at_or_below(known, path); };
  return std::any_of(kFixed.begin(), kFixed.end(), leads_to) || std::any_of(kOpen.begin(), kOpen.end(), [&](std::string_view open) { return leads_to(open) || is_at_or_below(path, open); });
}

std::string record_path_hint(std::string_view path) {
  if (std::any_of(kEnvelope.begin(), kEnvelope.end(), [path](std::string_view member) { return is_at_or_below(path, member); }))
    return "; rules are held against the record, which is what EventBridge has in `detail`: leave the envelope away";
  // The right name at the wrong place, or in the wrong case.
  for (const std::string_view known : kFixed)
    if (equal_letters(last_name(known), last_name(path))) return fmt::format(", did you mean \"{}\"?", known);
  return did_you_mean(path, fields_and_objects());
}

}  // namespace trailwarden::rules
