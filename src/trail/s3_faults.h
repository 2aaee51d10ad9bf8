#pragma once

#include <string>
#include <string_view>

#include "aws/http_client.h"
#include "trail/object_store.h"

namespace trailwarden::trail {

/// What a refusal of S3 is explained with.
struct S3Attempt {
  std::string doing;        // "put s3://bucket/key at https://host"
  std::string_view bucket, region;
  std::string_view caller;  // whose credentials signed it
  std::string_view signed_at;  // our clock, as 2026-01-02T03:04:05Z
};

/// What an answer other than the wanted one means, by S3's code and else by the status, with S3's own words and what to do.
/// 401 and 403 are never anything but kRefused, or kNotNow where the credentials have run out.
StoreError s3_fault(const aws::HttpResponse& answer, const S3Attempt& attempt);

/// No answer at all.
StoreError s3_fault(const aws::HttpFailure& failure, const S3Attempt& attempt);

/// Whether AWS refuses the credentials themselves, so that others have to be looked for.
bool is_about_credentials(std::string_view code);

}  // namespace trailwarden::trail
