#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "core/hash.h"
#include "core/result.h"
#include "core/time.h"
#include "trail/object_store.h"
#include "trail/s3_xml.h"

namespace trailwarden::trail {

struct S3Settings {
  enum class Encryption : std::uint8_t { kAsTheBucketHasIt, kS3, kKms };
  enum class Lock : std::uint8_t { kAsTheBucketHasIt, kGovernance, kCompliance };

  std::string bucket;
  std::string region = "us-east-1";
  std::string endpoint;     // `https://host[:port]`; empty: AWS's own of the Region
  bool path_style = false;  // `https://host/bucket/key` instead of `https://bucket.host/key`; always so for a bucket with dots, which no certificate is for
  Encryption encryption = Encryption::kAsTheBucketHasIt;
  std::string kms_key_id;  // with kKms: id, ARN or alias; empty: AWS's own key
  Lock lock = Lock::kAsTheBucketHasIt;
  std::chrono::days lock_for{0};  // > 0 with a lock of ours
  bool bucket_owner_full_control = true;  // as CloudTrail does; off where bucket or server know no ACLs
  std::string storage_class;              // empty: STANDARD
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};  // of one request, with its bytes
  std::chrono::seconds stall{15};             // without any, or next to none
  const std::atomic<bool>* cancelled = nullptr;  // once true, what is under way is given up; outlives the store
};

/// A trail's objects in a bucket of Amazon S3 or of a server that speaks as S3 does.
///
/// An object is one PUT with `If-None-Match: *`, its metadata as `x-amz-meta-*`, its SHA-256 signed and as `x-amz-checksum-sha256`, so that a byte that changes on
/// the way is refused and Object Lock has its checksum. 412 means that there is one. An object that may exist is looked for first, since Ceph RGW
/// passes over the condition in buckets with versions (and takes 200 for it). `.json.gz` goes as `application/json`, `Content-Encoding: gzip`.
/// Never asked for: that the requester pays. Every refusal is explained by `s3_fault`; credentials that AWS refuses are looked for anew the next time.
///
/// Thread-safe; as many requests at a time as there are callers, on connections that are kept. Memory: an object that is read, at most 256 MB.
/// Time: the wall clock, which S3 checks.
/// Source: Amazon S3 API reference; spec/streaming.md 1.8.
class S3Store final : public ObjectStore {
 public:
  /// kInvalidArgument with what is wrong with the settings. Asks nobody. `http` and `credentials` outlive the store. `now` empty: the wall clock.
  static Result<std::unique_ptr<S3Store>> create(S3Settings settings, aws::HttpClient& http, aws::CredentialChain& credentials, std::function<Timestamp()> now = {});

  StoreResult<bool> put(const NewObject& object) override;
  StoreResult<StoredObject> get(std::string_view key) override;
  StoreResult<std::string> get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) override;
  StoreResult<ObjectMetadata> head(std::string_view key) override;
  StoreResult<std::vector<ListedObject>> list(std::string_view prefix, std::string_view after) override;
  /// A request for each thousand objects and folders there.
  StoreResult<ListedFolder> list_folder(std::string_view prefix) override;

  std::string name() const override { return "s3://" + settings_.bucket; }
  std::string bucket() const override { return settings_.bucket; }

 private:
  struct Call {
    std::string method = "GET";
    std::string_view key;  // empty: the bucket itself
    std::string query;
    aws::Headers headers;
    std::string_view body;
    std::string payload_hash = sha256_hex("");
    std::size_t most_bytes = std::size_t{1} << 20;
  };

  S3Store(S3Settings settings, std::string scheme, std::string host, aws::HttpClient& http, aws::CredentialChain& credentials, std::function<Timestamp()> now);

  StoreResult<aws::HttpResponse> send(const Call& call, std::string_view doing, std::initializer_list<int> wanted);
  StoreResult<ListPage> list_page(const std::string& query);
  StoreError bad_list(std::string_view what) const;
  aws::Headers put_headers(const NewObject& object, std::string_view sha256) const;

  const S3Settings settings_;
  const std::string scheme_, host_;  // "https://"; with the bucket in front unless path-style
  const std::string root_;           // path of the bucket: "/" or "/bucket/"
  aws::HttpClient& http_;
  aws::CredentialChain& credentials_;
  const std::function<Timestamp()> now_;
};

}  // namespace trailwarden::trail
