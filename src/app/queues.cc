#include "app/queues.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "app/bucket.h"
#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "aws/sqs_queue.h"

namespace trailwarden::app {
namespace {

/// What queues are asked with; lives as long as one of them.
struct Connections {
  aws::HttpClient http;
  std::map<std::string, std::unique_ptr<aws::CredentialChain>> credentials;  // by Region
  std::vector<std::unique_ptr<aws::SqsQueue>> queues;
  std::atomic<bool> cancelled = false;  // of downloads
};

Result<std::shared_ptr<aws::MessageQueue>> open_queue(const config::SqsConfig& queue, const std::shared_ptr<Connections>& connections) {
  auto& credentials = connections->credentials[queue.region];
  if (!credentials) credentials = std::make_unique<aws::CredentialChain>(connections->http, aws::CredentialChain::Options{.region = queue.region});
  auto opened = aws::SqsQueue::create({.url = queue.queue_url, .region = queue.region, .endpoint = queue.endpoint}, connections->http, *credentials);
  if (!opened) return fail(std::move(opened).error());
  connections->queues.push_back(std::move(*opened));
  return std::shared_ptr<aws::MessageQueue>(connections, connections->queues.back().get());
}

/// Below which the objects of a trail are.
std::string root_of(const trail::TrailConfig& trail) { return trail.prefix.empty() ? "AWSLogs/" : trail.prefix + "/AWSLogs/"; }

/// Why an object is not to be read: a trail of ours wrote it, or will.
std::string written_by_us(const std::vector<trail::TrailConfig>& trails, const ingest::NoticedObject& object) {
  for (const trail::TrailConfig& trail : trails)
    if (trail.s3 && trail.s3->bucket == object.bucket && object.key.starts_with(root_of(trail)))
      return fmt::format("the trail {} of this configuration writes there: the service would read what it writes", trail.name);
  return {};
}

}  // namespace

Result<std::unique_ptr<ingest::QueueInput>> open_queues(const Setup& setup) {
  const auto connections = std::make_shared<Connections>();
  ingest::QueueInputOptions options;
  options.max_document_bytes = setup.config.input.max_document_bytes;
  for (const config::SqsConfig& queue : setup.config.service.embedded.sqs) {
    auto opened = open_queue(queue, connections);
    if (!opened) return fail(std::move(opened).error().during("embedded.sqs"));
    options.queues.push_back({.queue = std::move(*opened), .hidden = queue.visibility, .buckets = queue.buckets, .bucket_region = queue.bucket_region});
  }
  options.open_bucket = [connections](const std::string& bucket, const std::string& region) { return open_bucket(bucket, {.endpoint = {}, .region = region, .cancelled = &connections->cancelled}); };
  options.refusal = [trails = setup.trails.trails](const ingest::NoticedObject& object) { return written_by_us(trails, object); };
  options.cancel = [connections] { connections->cancelled = true; };
  return std::make_unique<ingest::QueueInput>(std::move(options));
}

void check_queues(const config::Section& top, const config::EmbeddedConfig& embedded, const std::vector<trail::TrailConfig>& trails) {
  const auto sections = top.section("embedded").sections("sqs");
  for (std::size_t i = 0; i < std::min(sections.size(), embedded.sqs.size()); ++i)
    for (const trail::TrailConfig& trail : trails)
      if (trail.s3 && std::ranges::find(embedded.sqs[i].buckets, trail.s3->bucket) != embedded.sqs[i].buckets.end())
        sections[i].report("buckets", fmt::format("buckets: the trail {} writes to {}: the service would read what it writes; give the trail a bucket of its own", trail.name, trail.s3->bucket));
}

}  // namespace trailwarden::app
