#include "trail/s3_faults.h"

#include <array>

#include <fmt/format.h>

#include "core/text.h"
#include "trail/s3_xml.h"

namespace trailwarden::trail {
namespace {

using enum StoreFault;

struct Meaning {
  std::string_view code;  // S3's; with `*` at its end all that begin so
  StoreFault fault;
  std::string_view advice;
};

constexpr std::string_view kSetRegion = "set `region` to the bucket's";

/// Source: Amazon S3 API reference, "Error responses"; what Ceph RGW and versitygw send where it differs.
constexpr std::array kMeanings{
    Meaning{"NoSuchKey", kNotFound, ""},
    Meaning{"NoSuchBucket", kRefused, "make this bucket, or correct its name or the Region"},
    Meaning{"InvalidBucketName", kRefused, "correct the bucket's name"},
    Meaning{"AccessDenied", kRefused,
            "allow s3:PutObject, s3:GetObject and s3:ListBucket (and kms:GenerateDataKey, kms:Decrypt with a key) to the caller, in its policy and the bucket's; buckets where the requester pays are not served"},
    Meaning{"AllAccessDisabled", kRefused, "AWS has closed this bucket; its support knows why"},
    Meaning{"AccountProblem", kRefused, "something is wrong with the bucket's account; AWS's support knows what"},
    Meaning{"InvalidAccessKeyId", kRefused, "this access key is not known there; look at the credentials"},
    Meaning{"NoSuchUser", kRefused, "this access key is not known there; look at the credentials"},
    Meaning{"SignatureDoesNotMatch", kRefused, "the secret does not belong to this access key; look at the credentials"},
    Meaning{"InvalidToken", kRefused, "the session token does not belong to this access key; look at the credentials"},
    Meaning{"InvalidClientTokenId", kRefused, "this access key is not known there; look at the credentials"},
    Meaning{"ExpiredToken*", kNotNow, "the credentials have expired and are looked for anew"},
    Meaning{"TokenRefreshRequired", kNotNow, "the credentials have expired and are looked for anew"},
    Meaning{"RequestTimeTooSkewed", kRefused, "set this machine's clock (chrony, systemd-timesyncd)"},
    Meaning{"PermanentRedirect", kRefused, kSetRegion},
    Meaning{"AuthorizationHeaderMalformed", kRefused, kSetRegion},
    Meaning{"IllegalLocationConstraintException", kRefused, kSetRegion},
    Meaning{"IncorrectEndpoint", kRefused, kSetRegion},
    Meaning{"TemporaryRedirect", kNotNow, "the bucket is new, and its name is not known everywhere yet"},
    Meaning{"SlowDown*", kNotNow, ""},
    Meaning{"ServiceUnavailable", kNotNow, ""},
    Meaning{"InternalError", kNotNow, ""},
    Meaning{"RequestTimeout", kNotNow, ""},
    Meaning{"Throttling*", kNotNow, ""},
    Meaning{"RequestLimitExceeded", kNotNow, ""},
    Meaning{"BandwidthLimitExceeded", kNotNow, ""},
    Meaning{"OperationAborted", kNotNow, "another writes at the same time"},
    Meaning{"ConditionalRequestConflict", kNotNow, "another writes at the same time"},
    Meaning{"ConcurrentModification", kNotNow, "another writes at the same time"},
    Meaning{"BadDigest", kNotNow, "the bytes were changed on the way"},
    Meaning{"InvalidDigest", kNotNow, "the bytes were changed on the way"},
    Meaning{"IncompleteBody", kNotNow, "the bytes did not all arrive"},
    Meaning{"XAmzContentSHA256Mismatch", kNotNow, "the bytes were changed on the way"},
    Meaning{"XAmzContentChecksumMismatch", kNotNow, "the bytes were changed on the way"},
    Meaning{"KMS.Throttling*", kNotNow, ""},
    Meaning{"KMS.*", kRefused, "look at the state, the Region and the policy of the KMS key"},
    Meaning{"InvalidObjectState", kRefused, "the object is archived; restore it first"},
    Meaning{"AccessControlListNotSupported", kRefused, "this bucket knows no ACLs: switch off bucket_owner_full_control"},
    Meaning{"InvalidStorageClass", kRefused, "correct the storage class"},
    Meaning{"QuotaExceeded", kRefused, "raise the quota of the bucket or its user"},
    Meaning{"NotImplemented", kRefused, "this server does not do what the settings ask for"},
    Meaning{"EntityTooLarge", kImpossible, ""},
    Meaning{"KeyTooLongError", kImpossible, ""},
    Meaning{"MetadataTooLarge", kImpossible, ""},
};

const Meaning* meaning_of(std::string_view code) {
  for (const Meaning& meaning : kMeanings) {
    const bool open = meaning.code.ends_with('*');
    if (open ? code.starts_with(meaning.code.substr(0, meaning.code.size() - 1)) : code == meaning.code) return &meaning;
  }
  return nullptr;
}

StoreFault fault_of_status(int status) {
  if (status == 404) return kNotFound;
  if (status == 408 || status == 409 || status == 425 || status == 429 || status >= 500) return status == 501 ? kRefused : kNotNow;
  if (status == 413) return kImpossible;
  return kRefused;
}

std::string_view advice_on_status(int status) {
  switch (status) {
    case 301:
    case 307: return kSetRegion;
    case 401:
    case 403: return meaning_of("AccessDenied")->advice;
    case 411:
    case 505: return "is this an S3 server?";
    default: return "";
  }
}

/// The name of a status where the body has none.
std::string code_of_status(int status) {
  switch (status) {
    case 301: return "PermanentRedirect";
    case 307: return "TemporaryRedirect";
    case 401:
    case 403: return "AccessDenied";
    case 404: return "NotFound";
    case 409: return "ConditionalRequestConflict";
    case 503: return "ServiceUnavailable";
    default: return fmt::format("Http{}", status);
  }
}

std::string header(const aws::HttpResponse& answer, std::string_view name) {
  const auto found = answer.headers.find(name);
  return found == answer.headers.end() ? std::string() : printable(found->second);
}

bool is_about_region(std::string_view advice) { return advice == kSetRegion; }

}  // namespace

StoreError s3_fault(const aws::HttpResponse& answer, const S3Attempt& attempt) {
  const auto said = parse_s3_error(answer.body);
  const std::string code = said ? printable(said->code, 60) : code_of_status(answer.status);
  const Meaning* const meaning = said ? meaning_of(code) : nullptr;
  StoreError error{meaning != nullptr ? meaning->fault : fault_of_status(answer.status), code, {}};
  // A code that we do not know, or that does not belong there, makes no refusal a success or an absence.
  if ((answer.status == 401 || answer.status == 403) && error.fault != kNotNow) error.fault = kRefused;
  error.message = fmt::format("{}: {} {}", attempt.doing, answer.status, code);
  if (said && !said->message.empty()) error.message += fmt::format(" ({})", printable(said->message));

  const std::string_view advice = meaning != nullptr ? meaning->advice : advice_on_status(answer.status);
  const std::string region = header(answer, "x-amz-bucket-region");
  const std::string right = !region.empty() ? region : said ? printable(said->region, 60) : "";
  if (is_about_region(advice) || (!right.empty() && right != attempt.region))
    error.message += right.empty() ? fmt::format("; {} is not in {}: {}", attempt.bucket, attempt.region, kSetRegion)
                                   : fmt::format("; the bucket is in {}, not in {}: set `region: {}`", right, attempt.region, right);
  else if (!advice.empty()) error.message += fmt::format("; {}", advice);
  if (code == "RequestTimeTooSkewed") error.message += fmt::format(": it says {}, the server {}", attempt.signed_at, header(answer, "date"));
  if (error.fault == kRefused || is_about_credentials(code)) error.message += fmt::format(" [credentials: {}]", attempt.caller);
  if (const std::string id = header(answer, "x-amz-request-id"); !id.empty()) error.message += fmt::format(" [request {}]", id);
  return error;
}

StoreError s3_fault(const aws::HttpFailure& failure, const S3Attempt& attempt) {
  StoreFault fault = kNotNow;
  if (failure.code == "NotTrusted") fault = kRefused;
  if (failure.code == "TooLarge") fault = kImpossible;
  return {fault, failure.code, fmt::format("{}: {}", attempt.doing, failure.message)};
}

bool is_about_credentials(std::string_view code) {
  return code.starts_with("ExpiredToken") || code == "TokenRefreshRequired" || code == "InvalidToken" || code == "InvalidAccessKeyId" || code == "InvalidClientTokenId";
}

}  // namespace trailwarden::trail
