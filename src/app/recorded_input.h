#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/setup.h"
#include "core/result.h"
#include "core/time.h"
#include "ingest/file_source.h"

namespace trailwarden::app {

/// How `s3://` paths of a command line are reached; empty: as the environment says.
struct BucketArguments {
  std::string endpoint;  // else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else AWS's own of the Region
  std::string region;    // else AWS_REGION, AWS_DEFAULT_REGION, else us-east-1
};

/// What a command line names as PATH: files, folders, `s3://BUCKET[/PREFIX]`, tars, `-`. Buckets are read with the credentials of this process (`CredentialChain`). Of them, but
/// not of folders, objects are left out that by their names hold nothing from [since, until).
Result<std::unique_ptr<ingest::FileSource>> open_recorded(const std::vector<std::string>& paths, const Setup& setup, const BucketArguments& buckets = {},
                                                          std::optional<Timestamp> since = std::nullopt, std::optional<Timestamp> until = std::nullopt);

/// kFailed where a bucket's server refuses or is away, kWrongUsage for a path that is not there.
int exit_code_of_input(const Error& error);

}  // namespace trailwarden::app
