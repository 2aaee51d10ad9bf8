#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/result.h"
#include "trail/object_check.h"
#include "trail/object_name.h"
#include "trail/trail_listing.h"
#include "trail/validate.h"

namespace trailwarden::trail {

/// What the checks of one validation share: where they read, and whom they tell.
struct Validation {
  ObjectStore& store;
  const ValidateOptions& options;
  PublicKeys keys;
  std::vector<CheckRoom> rooms;  // one a thread
  ValidationReport report;
  ValidationProgress progress;

  void tell(Checked object, Count& count);
  /// What an object that says nothing of its bucket is told to lie in.
  std::string bucket() const;
};

/// The logs that digests of one place list.
class ListedLogs {
 public:
  /// False if it was added before.
  bool add(std::string_view key);
  bool contains(std::string_view key) const;
  /// The kinds of objects among them.
  const std::set<ObjectKind>& kinds() const { return kinds_; }

 private:
  std::unordered_set<std::uint64_t> hashes_;  // of keys: 64 bits, so that millions of them fit, and that two of a million are one comes once in forty million trails
  std::set<ObjectKind> kinds_;
};

/// Walks a chain of digests from its newest one back, as the AWS CLI does: from a valid digest to the one that it names, from any other to the next older one
/// that is there. Judges each, and the logs of those that are signed.
class ChainWalk {
 public:
  /// `listed`: what the chains of this place list, added to.
  ChainWalk(Validation& run, ChainReport& report, ListedLogs& listed) : run_(run), report_(report), listed_(listed) {}

  Result<void> walk(std::vector<ListedDigest> digests, bool backfill);

 private:
  struct Newer {
    Timestamp start{};
    std::optional<DigestLink> previous;
  };
  struct Judged {
    Checked checked;
    std::vector<DigestedLog> logs;
  };

  /// Reads and judges a digest; gives the one that it names, if it is valid and names one.
  Result<std::optional<ListedDigest>> look_at(const ListedDigest& at);
  Result<FetchedDigest> fetch(const std::string& key);
  std::optional<ListedDigest> next_listed(Timestamp before);
  /// What the chain says of a digest that is signed, beyond its signature.
  Verdict judge_place(const OpenedDigest& opened, const ObjectMetadata& metadata) const;
  void note_window(const Digest& digest);
  void note_end_of_walk();
  /// The digest that `digest` names, if it is to be looked for here.
  std::optional<ListedDigest> named_by(const Digest& digest) const;
  void tell_strays(const std::vector<ListedDigest>& digests);
  Result<void> check_logs();

  Validation& run_;
  ChainReport& report_;
  ListedLogs& listed_;

  bool backfill_ = false;
  std::vector<ListedDigest> older_;  // listed, and not come to yet
  std::map<std::string, StoreResult<FetchedDigest>> fetched_;
  std::set<std::string> visited_;
  std::vector<Judged> judged_;        // whose logs are not checked yet
  std::size_t waiting_logs_ = 0;      // theirs
  std::optional<Newer> newer_;        // the last valid digest
  std::optional<DigestLink> named_;   // the one that the last digest, valid or not, names as the one before it
  std::optional<Gap::Reason> since_;  // what was in the way since then
  Timestamp lowest_{};                // end of the last digest looked at
  Timestamp last_start_{};            // of the last valid one
  Timestamp top_{};                   // to where digests were expected
};

}  // namespace trailwarden::trail
