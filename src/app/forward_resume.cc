#include "app/forward_resume.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/failpoint.h"
#include "core/text.h"

namespace trailwarden::app {
namespace {

constexpr std::chrono::seconds kTransaction{1};
constexpr std::uint64_t kMostMessages = 200'000, kMostBytes = std::uint64_t{256} << 20;  // less than the client holds

}  // namespace

Result<std::unique_ptr<ResumedTarget>> ResumedTarget::open(const std::string& path, stream::KafkaConnection connection, const std::string& topic, const std::string& group, double rate) {
  auto journal = ForwardJournal::open(path);
  if (!journal) return fail(std::move(journal).error().during("--resume"));
  std::unique_ptr<ResumedTarget> target(new ResumedTarget(std::move(*journal), rate));
  auto writer = stream::KafkaMarkedWriter::create(std::move(connection), topic, fmt::format("{}-forward-{}", group, target->journal_.id()));
  if (!writer) return fail(std::move(writer).error());
  target->writer_ = std::move(*writer);
  const auto begun = target->writer_->begin();
  if (!begun) return fail(begun.error());
  if (auto settled = target->journal_.settle(begun->cluster, topic, begun->mark); !settled) return fail(std::move(settled).error().during("--resume"));
  // From now on Kafka has a mark: that there is none means that it was forgotten.
  if (!begun->mark)
    if (auto committed = target->commit(); !committed) return fail(std::move(committed).error());
  return target;
}

bool ResumedTarget::is_done(std::string_view name, std::uint64_t bytes) {
  const bool done = journal_.steps_of(ForwardJournal::key_of(name, bytes)) == ForwardJournal::kEnd;
  done_before_ += done ? 1 : 0;
  return done;
}

ResumedTarget::Origin& ResumedTarget::origin_of(std::uint32_t number) {
  const auto [found, added] = origins_.try_emplace(number);
  Origin& origin = found->second;
  if (!added) return origin;
  origin.key = ForwardJournal::key_of(source_->name_of(number), source_->bytes_of(number));
  origin.before = journal_.steps_of(origin.key);
  return origin;
}

void ResumedTarget::begin(const stream::Message& message) {
  current_ = &origin_of(message.origin_id);
  in_unreadable_ = message.fault == stream::SourceFault::kUnreadable;
}

bool ResumedTarget::step() {
  if (in_unreadable_) {
    current_->unreadable = true;  // no step: the next run may find more here
    return true;
  }
  if (++current_->steps <= current_->before) return false;
  current_->changed = true;
  return true;
}

Result<void> ResumedTarget::write(std::string_view key, std::string_view value) {
  if (written_ == 0) begun_ = Clock::now();
  writer_->write(key, value);
  ++written_;
  bytes_ += key.size() + value.size();
  return is_due() ? commit() : Result<void>();
}

bool ResumedTarget::is_due() const { return written_ >= kMostMessages || bytes_ >= kMostBytes || Clock::now() - begun_ + gap_ >= kTransaction; }

Result<void> ResumedTarget::taken() {
  for (const std::uint32_t number : source_->take_ended()) {
    Origin& origin = origin_of(number);  // which may have had no messages at all
    if (origin.unreadable) ++unreadable_;
    origin.ended = !origin.unreadable;
  }
  return {};
}

Result<void> ResumedTarget::commit() {
  std::vector<ForwardJournal::Entry> entries;
  for (const auto& [number, origin] : origins_)
    if (origin.changed || origin.ended) entries.push_back({origin.key, origin.ended ? ForwardJournal::kEnd : std::max(origin.steps, origin.before)});
  const auto mark = journal_.prepare(entries);
  if (!mark) return fail(mark.error());
  failpoint::hit("forward_prepared");
  if (auto committed = writer_->commit(*mark); !committed) return fail(std::move(committed).error().during("run it again with the same --resume"));
  failpoint::hit("forward_committed");
  acknowledged_ += written_;
  written_ = bytes_ = 0;
  std::erase_if(origins_, [this](const auto& origin) { return origin.second.ended && &origin.second != current_; });
  for (auto& [number, origin] : origins_) origin.changed = false;
  return journal_.committed();
}

Result<void> ResumedTarget::finish() {
  current_ = nullptr;
  if (auto committed = commit(); !committed) return committed;
  if (unreadable_ == 0) return {};
  return fail(ErrorCode::kIo, fmt::format("{} could not be read to their ends; run it again with the same --resume to send what is left of them", with_commas(unreadable_)));
}

std::string ResumedTarget::remark() const { return done_before_ == 0 ? "" : fmt::format("; {} files and objects were sent before", with_commas(done_before_)); }

}  // namespace trailwarden::app
