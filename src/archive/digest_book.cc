#include "archive/digest_book.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "core/check.h"

namespace trailwarden::archive {
namespace {

using std::chrono::hours;

constexpr std::uint8_t kVersion = 1;

}  // namespace

std::string to_string(const ChainId& chain) { return fmt::format("{}/{}/{}", chain.trail, chain.place.account, chain.place.region); }

const Destination* DigestBook::destination_of(std::string_view trail) const {
  const auto found = std::ranges::find_if(destinations_, [trail](const Destination& one) { return one.trail.name == trail && one.trail.digest.enabled; });
  return found == destinations_.end() ? nullptr : &*found;
}

/// Begun if it is new; nullptr if its trail has none.
trail::DigestChain* DigestBook::chain_of(const ChainId& id) {
  if (const auto found = chains_.find(id); found != chains_.end()) return &found->second;
  const Destination* const destination = destination_of(id.trail);
  if (destination == nullptr) return nullptr;
  return &chains_.try_emplace(id, destination->trail.names(), destination->store->bucket(), id.place).first->second;
}

void DigestBook::expect(const std::map<std::string, std::int32_t>& topics) {
  std::erase_if(inputs_, [&](const auto& input) { return !topics.contains(input.first.first); });
  for (const auto& [topic, partitions] : topics)
    for (std::int32_t partition = 0; partition < partitions; ++partition) inputs_.try_emplace({topic, partition});
}

void DigestBook::take(const ManifestRecord& record) {
  if (const auto* const epoch = std::get_if<ManifestEpoch>(&record)) return hear(epoch->epoch.topic, epoch->epoch.partition, epoch->delivered);
  if (const auto* const progress = std::get_if<ManifestProgress>(&record)) return hear(progress->topic, progress->partition, progress->delivered);
  const auto& object = std::get<ManifestObject>(record);
  if (trail::DigestChain* const chain = chain_of({object.trail, object.place}))
    chain->delivered({{object.bucket, object.key, object.sha256, object.oldest, object.newest}, object.delivered});
}

void DigestBook::hear(const std::string& topic, std::int32_t partition, Timestamp delivered) {
  const auto found = inputs_.find({topic, partition});
  if (found != inputs_.end()) found->second = std::max(found->second.value_or(delivered), delivered);
}

std::optional<DigestBook::Slowest> DigestBook::slowest() const {
  // Nothing is less than any time.
  const auto found = std::ranges::min_element(inputs_, {}, [](const auto& input) { return input.second; });
  if (found == inputs_.end()) return std::nullopt;
  return Slowest{found->first.first, found->first.second, found->second};
}

std::optional<Timestamp> DigestBook::due() const {
  const auto slowest = this->slowest();
  if (!slowest || !slowest->delivered) return std::nullopt;
  const Timestamp hour = std::chrono::floor<hours>(*slowest->delivered);
  if (!passed_) return hour;
  return hour > *passed_ ? std::optional(*passed_ + hours{1}) : std::nullopt;
}

std::vector<DueDigest> DigestBook::next(std::size_t most, const std::map<ChainId, std::string>& but) const {
  std::vector<DueDigest> out;
  const auto hour = due();
  if (!hour) return out;
  for (const auto& [id, chain] : chains_) {
    if (out.size() == most) break;
    if (but.contains(id)) continue;
    if (auto digest = chain.next(*hour)) out.push_back({id, destination_of(id.trail), std::move(*digest)});
  }
  return out;
}

void DigestBook::written(const ChainId& chain, const trail::Digest& digest, std::string_view sha256, std::string_view signature) {
  const auto found = chains_.find(chain);
  TRAILWARDEN_CHECK(found != chains_.end(), "a digest is written of a chain that runs");
  found->second.written(digest, sha256, signature);
}

void DigestBook::pass() {
  const auto hour = due();
  TRAILWARDEN_CHECK(hour.has_value(), "an hour is over that was due");
  passed_ = hour;
}

std::vector<ChainHead> DigestBook::heads() const {
  std::vector<ChainHead> out;
  for (const auto& [id, chain] : chains_)
    for (const trail::DigestLink* const newest : {chain.newest(), chain.newest_backfill()})
      if (newest != nullptr) out.push_back({id, newest->key});
  return out;
}

std::size_t DigestBook::waiting() const {
  std::size_t sum = 0;
  for (const auto& [id, chain] : chains_) sum += chain.waiting();
  return sum;
}

void DigestBook::save(ByteWriter& out) const {
  out.number(kVersion);
  out.time(passed_.value_or(kBeginningOfTime));
  out.number(std::uint64_t{inputs_.size()});
  for (const auto& [input, delivered] : inputs_) {
    out.text(input.first);
    out.signed_number(input.second);
    out.time(delivered.value_or(kBeginningOfTime));
  }
  out.number(std::uint64_t{chains_.size()});
  for (const auto& [id, chain] : chains_) {
    for (const std::string* text : {&id.trail, &id.place.account, &id.place.region}) out.text(*text);
    out.part([&] { chain.save(out); });
  }
}

Result<std::vector<ChainId>> DigestBook::load(ByteReader& in) {
  if (const auto version = in.number<std::uint8_t>(); in.ok() && version != kVersion) return fail(ErrorCode::kUnsupported, "the digest writer's state was saved by another version");
  const auto time = [&in] {
    const Timestamp at = in.time();
    return at == kBeginningOfTime ? std::nullopt : std::optional(at);
  };
  passed_ = time();
  for (auto count = in.number<std::uint64_t>(); count > 0 && in.ok(); --count) {
    Input input{in.text(), 0};
    input.second = static_cast<std::int32_t>(in.signed_number());
    inputs_[std::move(input)] = time();
  }
  std::vector<ChainId> left_out;
  for (auto count = in.number<std::uint64_t>(); count > 0 && in.ok(); --count) {
    ChainId id{in.text(), {}};
    id.place.account = in.text();
    id.place.region = in.text();
    ByteReader part = in.part();
    if (!in.ok()) break;
    if (trail::DigestChain* const chain = chain_of(id)) {
      if (auto loaded = chain->load(part); !loaded) return fail(std::move(loaded).error().during(to_string(id)));
    } else {
      left_out.push_back(std::move(id));
    }
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "the digest writer's saved state is damaged");
  return left_out;
}

}  // namespace trailwarden::archive
