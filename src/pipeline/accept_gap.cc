#include "pipeline/accept_gap.h"

#include <optional>

#include <fmt/format.h>

#include "pipeline/checkpoint.h"
#include "pipeline/ledger.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::chrono::milliseconds kWait{100};

/// Waits to be given one partition; does nothing with any.
class Visitor final : public stream::Member {
 public:
  explicit Visitor(stream::PartitionId wanted) : wanted_(wanted) {}

  void assigned(std::vector<stream::Assigned> partitions) override {
    for (stream::Assigned& partition : partitions)
      if (partition.partition == wanted_) given = std::move(partition);
  }
  void revoked(std::span<const stream::PartitionId>) override { given.reset(); }
  void lost(std::span<const stream::PartitionId>) override { given.reset(); }

  std::optional<stream::Assigned> given;

 private:
  const stream::PartitionId wanted_;
};

}  // namespace

Result<void> accept_gap(stream::PartitionedLog& log, stream::PartitionId partition, std::int64_t to, std::chrono::milliseconds patience) {
  const std::string& topic = log.inputs()[partition.topic];
  Visitor visitor(partition);
  stream::Polled polled;
  for (auto waited = std::chrono::milliseconds{0}; !visitor.given && waited < patience; waited += kWait)
    if (auto done = log.poll(kWait, polled, visitor); !done) return done;
  if (!visitor.given) return fail(ErrorCode::kNotFound, fmt::format("{}/{} was not given to us: stop the service first", topic, partition.number));
  if (!visitor.given->next_offset || visitor.given->metadata.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}/{}: the service has committed nothing there; say where it begins with run --from", topic, partition.number));
  const std::int64_t from = *visitor.given->next_offset;
  if (to <= from) return fail(ErrorCode::kInvalidArgument, fmt::format("{}/{} is committed up to offset {}: there is nothing to accept before {}", topic, partition.number, from, to));
  auto checkpoint = parse_checkpoint(visitor.given->metadata);
  if (!checkpoint) return fail(std::move(checkpoint).error());
  checkpoint->accepted_until = to;
  const LedgerRecord record{.group = log.group(), .topic = topic, .partition = partition.number, .from = from, .to = to, .config = checkpoint->config, .accepted_gap = true};
  log.append({.topic = std::string(stream::kLedgerTopic), .key = fmt::format("{}/{}", owner_of(log.group(), topic), partition.number), .value = to_json(record), .headers = {}, .partition = partition.number});
  const stream::Progress progress{partition, to, to_metadata(*checkpoint)};
  const auto committed = log.commit({&progress, 1});
  if (!committed) return fail(committed.error());
  if (*committed != stream::CommitResult::kCommitted) return fail(ErrorCode::kIo, "the commit did not come through; nothing was changed, try again");
  return log.leave(visitor);
}

}  // namespace trailwarden::pipeline
