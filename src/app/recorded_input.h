#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/bucket.h"
#include "app/setup.h"
#include "core/result.h"
#include "core/time.h"
#include "ingest/file_source.h"

namespace trailwarden::app {

/// What a command line names as PATH: files, folders, `s3://BUCKET[/PREFIX]`, tars, `-`. Buckets are read with the credentials of this process (`CredentialChain`). Of them, but
/// not of folders, objects are left out that by their names hold nothing from [since, until). `leave_out`: see `ingest::FileSourceOptions`.
Result<std::unique_ptr<ingest::FileSource>> open_recorded(const std::vector<std::string>& paths, const Setup& setup, const BucketAccess& buckets = {},
                                                          std::optional<Timestamp> since = std::nullopt, std::optional<Timestamp> until = std::nullopt,
                                                          std::function<bool(std::string_view name, std::uint64_t bytes)> leave_out = {});

/// kFailed where a bucket's server refuses or is away, kWrongUsage for a path that is not there.
int exit_code_of_input(const Error& error);

}  // namespace trailwarden::app
