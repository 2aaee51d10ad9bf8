#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/result.h"
#include "generate/account.h"
#include "generate/delivery.h"

namespace trailwarden::generate {

/// Where deliveries are written.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<void> write(const Delivery::Batch& batch) = 0;
  /// After the last batch.
  virtual Result<void> finish() = 0;

  std::uint64_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }  // on disk

 protected:
  std::uint64_t files_ = 0, bytes_ = 0;
};

/// `folder`/events.jsonl: a record a line, in the order of their arrival. `accounts` must outlive the sink.
std::unique_ptr<Sink> make_line_sink(const std::string& folder, std::span<const Account> accounts);

/// Objects as CloudTrail lays them out in a bucket, under `folder`: one for each account and Region and delivery, more where
/// records are many. `accounts` must outlive the sink.
std::unique_ptr<Sink> make_object_sink(const std::string& folder, std::span<const Account> accounts, std::uint64_t seed);

}  // namespace trailwarden::generate
