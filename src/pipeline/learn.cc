#include "pipeline/learn.h"

#include <map>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::chrono::milliseconds kWait{1'000};

/// One partition, from its beginning to its end as of now.
Result<void> learn_partition(stream::Topics& topics, const std::string& topic, std::int32_t number, Partition& partition, std::optional<AppendTime> from, JudgeTools& tools, Counting& counting,
                             const LearnObserver& observer) {
  const auto held = topics.range(topic, number);
  if (!held) return fail(held.error());
  if (held->begin == held->end) return {};
  auto reader = topics.read(topic, number, held->begin, held->end);
  if (!reader) return fail(std::move(reader).error());
  stream::MessageBatch batch;
  PartitionOutput unsaid;
  for (bool more = true; more;) {
    auto read = (*reader)->read(kWait, batch);
    if (!read) return fail(std::move(read).error());
    more = *read;
    for (const stream::Message& message : batch.messages)
      if (!from || !message.append_time || *message.append_time >= *from) partition.judge(message, tools, counting, unsaid);
    unsaid.clear();
    if (!observer.go_on(counting.totals)) return fail(ErrorCode::kIo, "interrupted");
  }
  return {};
}

}  // namespace

Result<LearnedFromLog> learn(stream::Topics& topics, const std::string& topic, const PartitionSettings& settings, std::optional<AppendTime> from, const LearnObserver& observer) {
  const auto partitions = topics.partitions(topic);
  if (!partitions) return fail(Error(partitions.error()).during(topic));
  JudgeTools tools(settings.cells);
  Counting counting(settings.cells);
  LearnedFromLog out{.cells = {}, .totals = {}, .partitions = *partitions};
  std::map<std::string, std::int32_t> where;
  for (std::int32_t number = 0; number < *partitions; ++number) {
    Partition partition(settings, number, *partitions);
    const auto doing = [&] { return fmt::format("{}/{}", topic, number); };
    if (auto done = learn_partition(topics, topic, number, partition, from, tools, counting, observer); !done) return fail(std::move(done).error().during(doing()));
    auto cells = cells_of_partition(partition.save());
    if (!cells) return fail(std::move(cells).error().during(doing()));
    for (SavedCell& cell : *cells) {
      const auto [before, is_new] = where.emplace(cell.name(), number);
      if (!is_new)
        return fail(ErrorCode::kInvalidArgument, fmt::format("{}: cell {} is in partition {} too: its records are not keyed ACCOUNT/REGION, and what one learned is half of it", doing(),
                                                             printable(cell.name()), before->second));
      out.cells.push_back(std::move(cell));
    }
    partition.cells().each_cell(observer.cell);
    partition.cells().add_to(counting.totals);
  }
  out.totals = counting.totals;
  auto sorted = in_order(std::move(out.cells));
  if (!sorted) return fail(std::move(sorted).error());
  out.cells = std::move(*sorted);
  return out;
}

}  // namespace trailwarden::pipeline
