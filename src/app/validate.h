#pragma once

#include <cstdint>
#include <string>

#include "trail/validate.h"

namespace trailwarden::app {

/// The command line of `trailwarden validate`.
struct ValidateArguments {
  std::string path;             // a folder, or s3://BUCKET[/PREFIX]; or
  std::string config;           // a configuration, whose trails are validated, and held against the manifest
  std::string keys;             // file with the answer of ListPublicKeys, or a folder of our own keys
  std::string passphrase_file;  // of that folder's keys
  std::string start, end;       // times; empty: all there is
  std::string trail;            // name or ARN; empty: all
  std::string account, region, organization, prefix;
  std::string endpoint, bucket_region;
  bool copied = false;
  unsigned threads = 0;  // 0: one a core, and of a bucket eight at least
  bool as_json = false, verbose = false, progress = true;
};

/// Validates digests and logs of trails; those of a configuration against the manifest too. The exit code: 0 intact, 1 something was changed, removed or added, 2 nothing can be said: wrong usage, or the
/// objects or keys could not be read.
int validate(const ValidateArguments& arguments);

/// The text of its progress line: `[=====>    ]  52 %  1,204 of 2,300 digests  18,204 logs  1.20 GB  310 MB/s`.
std::string validation_line(const trail::ValidationProgress& progress, double seconds);

}  // namespace trailwarden::app
