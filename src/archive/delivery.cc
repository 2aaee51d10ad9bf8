#include "archive/delivery.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "core/failpoint.h"
#include "core/text.h"
#include "trail/worker_threads.h"

namespace trailwarden::archive {
namespace {

constexpr const char* kSha256 = "sha256";
constexpr const char* kRecords = "records";

/// Full jitter: a random time below one that doubles with each try.
std::chrono::milliseconds wait_before(unsigned tries, const DeliveryOptions& options) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto most = std::min<std::int64_t>(options.longest_wait.count(), options.first_wait.count() << std::min(tries, 20U));
  return std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>(0, most)(random)};
}

ManifestObject manifest_of(const GatheredEpoch& epoch, const GatheredObject& object, const Destination& destination, const trail::LogObject& log) {
  ManifestObject out;
  out.epoch = epoch.range;
  out.trail = destination.trail.name;
  out.bucket = destination.store->bucket();
  out.key = object.key;
  out.place = object.place;
  out.kind = object.kind;
  out.delivered = epoch.delivered;
  out.sha256 = log.sha256;
  out.records = log.records;
  out.text_bytes = log.text_bytes;
  out.bytes = log.bytes.size();
  out.oldest = log.oldest;
  out.newest = log.newest;
  return out;
}

}  // namespace

tl::expected<std::vector<ManifestObject>, DeliveryTrouble> Delivery::deliver(std::vector<GatheredEpoch>& epochs, bool again) const {
  std::vector<Task> tasks;
  for (GatheredEpoch& epoch : epochs)
    for (GatheredObject& object : epoch.objects) tasks.push_back({&epoch, &object});
  std::vector<ManifestObject> said(tasks.size());
  std::mutex mutex;
  std::optional<DeliveryTrouble> trouble;  // guarded
  std::atomic<bool> stop = false;
  const auto end = options_.now() + options_.patience;
  const auto work = [&](unsigned, std::size_t i) {
    if (stop) return;
    auto stored = store(tasks[i], again, end, stop);
    if (stored) {
      said[i] = *std::move(stored);
      return;
    }
    stop = true;
    const std::lock_guard lock(mutex);
    if (!trouble || stored.error().conflict) trouble = std::move(stored).error();
  };
  trail::for_each_item(options_.threads, tasks.size(), work);
  if (trouble) return tl::unexpected(*std::move(trouble));
  return said;
}

tl::expected<ManifestObject, DeliveryTrouble> Delivery::store(const Task& task, bool again, std::chrono::milliseconds end, const std::atomic<bool>& stop) const {
  const Destination& destination = destinations_[task.object->destination];
  trail::MemberDeflater deflater(destination.trail.compression_level);
  const trail::LogObject log = task.object->body.finish(deflater);
  ManifestObject said = manifest_of(*task.epoch, *task.object, destination, log);
  const std::string epoch = to_string(task.epoch->range);
  trail::NewObject object{.key = said.key, .bytes = log.bytes, .metadata = {{kEpochName, epoch}, {kSha256, log.sha256}, {kRecords, std::to_string(log.records)}}, .may_exist = again};
  for (unsigned tries = 0;; ++tries) {
    failpoint::hit("archive_before_put");
    trail::StoreError error;
    if (auto written = destination.store->put(object)) {
      if (*written) return said;
      auto there = destination.store->head(said.key);
      if (there) {
        if (auto conflict = compare(*there, epoch, task, said)) return tl::unexpected(*std::move(conflict));
        return said;
      }
      error = std::move(there).error();
    } else {
      error = std::move(written).error();
    }
    object.may_exist = true;
    const auto wait = wait_before(tries, options_);
    if (error.fault == trail::StoreFault::kImpossible || error.fault == trail::StoreFault::kRefused || stop || options_.now() + wait >= end)
      return tl::unexpected(DeliveryTrouble{error.fault, destination.store->name(), error.code, error.message, std::nullopt});
    ++retries_;
    options_.sleep(wait);
  }
}

/// `said` is what the manifest is to say of the object that is there.
std::optional<DeliveryTrouble> Delivery::compare(const trail::ObjectMetadata& there, const std::string& epoch, const Task& task, ManifestObject& said) const {
  const auto value = [&there](const char* name) {
    const auto found = there.find(name);
    return found == there.end() ? std::string() : found->second;
  };
  const trail::ObjectStore& store = *destinations_[task.object->destination].store;
  if (value(kEpochName) != epoch || value(kRecords) != std::to_string(said.records)) {
    const std::string whose = value(kEpochName).empty() ? "of somebody else" : fmt::format("of epoch {} with {} records", printable(value(kEpochName)), printable(value(kRecords)));
    return DeliveryTrouble{trail::StoreFault::kImpossible, store.name(), "Conflict",
                           fmt::format("{}: {} is there already, {}, where epoch {} with {} records belongs. Nothing is overwritten: find out who wrote it", store.name(),
                                       printable(said.key), whose, epoch, said.records),
                           task.epoch->range};
  }
  said.sha256 = value(kSha256);
  return std::nullopt;
}

}  // namespace trailwarden::archive
