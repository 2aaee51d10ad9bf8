#include "app/forward.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "app/forward_resume.h"
#include "app/forward_target.h"
#include "app/kafka_setup.h"
#include "app/pace.h"
#include "app/progress.h"
#include "app/recorded_input.h"
#include "app/setup.h"
#include "app/stop_signal.h"
#include "core/text.h"
#include "ingest/file_source.h"
#include "ingest/record_reader.h"
#include "pipeline/judge_tools.h"
#include "stream/kafka_writer.h"

namespace trailwarden::app {
namespace {

constexpr std::chrono::seconds kFlushTimeout{60};

/// Sends what a message's value holds, record by record.
class Sending final : public ingest::RecordSink {
 public:
  Sending(ForwardTarget& target, double rate) : target_(target), pace_(rate) {}

  event::CloudTrailEvent& next() override { return event_; }

  void accept(std::uint64_t) override {
    if (error || !target_.step()) return;
    cell_.take(event_);
    send(cell_.name(), event_.raw);
    ++records;
  }
  void refuse(event::Refusal, std::string_view raw, std::uint64_t) override {
    if (error || !target_.step()) return;
    ++refused;
    if (!raw.empty()) send({}, raw);
  }
  void skip(ingest::Skip, std::string_view, std::uint64_t) override {
    if (!error && target_.step()) ++skipped;
  }

  std::uint64_t records = 0, refused = 0, skipped = 0;
  std::optional<Error> error;

 private:
  void send(std::string_view key, std::string_view value) {
    pace_.take();
    if (auto sent = target_.write(key, value); !sent) error = std::move(sent).error();
  }

  ForwardTarget& target_;
  Pace pace_;
  pipeline::CellNamer cell_;
  event::CloudTrailEvent event_;
};

/// Without a memory: what is acknowledged is there.
class PlainTarget final : public ForwardTarget {
 public:
  PlainTarget(std::unique_ptr<stream::KafkaWriter> writer, std::string topic) : writer_(std::move(writer)), topic_(std::move(topic)) {}

  Result<void> write(std::string_view key, std::string_view value) override { return writer_->write(topic_, key, value); }
  Result<void> finish() override { return writer_->flush(kFlushTimeout); }
  std::uint64_t acknowledged() const override { return writer_->acknowledged(); }
  std::uint64_t failed() const override { return writer_->failed(); }

 private:
  std::unique_ptr<stream::KafkaWriter> writer_;
  const std::string topic_;
};

Result<void> send_all(ingest::FileSource& source, ForwardTarget& target, Sending& sending, std::size_t max_record_bytes, const std::atomic<bool>& stop, Progress& progress) {
  ingest::RecordReader reader({max_record_bytes});
  event::Arena arena;
  stream::MessageBatch batch;
  std::uint64_t bytes = 0;
  while (!stop) {
    auto more = source.poll(batch);
    if (!more) return fail(std::move(more).error());
    if (!*more) break;
    for (const stream::Message& message : batch.messages) {
      arena.clear();
      target.begin(message);
      reader.read(message, arena, sending);
      if (sending.error) return fail(std::move(*sending.error));
      if (stop) return {};
    }
    if (auto taken = target.taken(); !taken) return taken;
    bytes += batch.source_bytes;
    progress.show(bytes, sending.records);
  }
  return {};
}

/// The input, and what becomes of its records.
struct Forwarding {
  std::unique_ptr<ForwardTarget> target;
  std::unique_ptr<ingest::FileSource> source;
  int exit_code = kWrongUsage;  // of an error
};

Result<void> open_plain(const ForwardArguments& arguments, const Setup& setup, const std::string& topic, stream::KafkaConnection connection, Forwarding& forwarding) {
  auto source = open_recorded(arguments.paths, setup, arguments.buckets);
  if (!source) forwarding.exit_code = exit_code_of_input(source.error());
  if (!source) return fail(std::move(source).error());
  forwarding.source = std::move(*source);
  forwarding.exit_code = kFailed;
  auto writer = stream::KafkaWriter::create({.connection = std::move(connection)});
  if (!writer) return fail(std::move(writer).error());
  forwarding.target = std::make_unique<PlainTarget>(std::move(*writer), topic);
  return {};
}

Result<void> open_resumed(const ForwardArguments& arguments, const Setup& setup, const std::string& topic, stream::KafkaConnection connection, Forwarding& forwarding) {
  if (std::find(arguments.paths.begin(), arguments.paths.end(), "-") != arguments.paths.end())
    return fail(ErrorCode::kInvalidArgument, "--resume: standard input cannot be read a second time");
  auto target = ResumedTarget::open(arguments.resume, std::move(connection), topic, setup.config.service.kafka->group, arguments.rate);
  if (!target) forwarding.exit_code = exit_code_of_input(target.error());
  if (!target) return fail(std::move(target).error());
  auto source = open_recorded(arguments.paths, setup, arguments.buckets, std::nullopt, std::nullopt,
                              [&target](std::string_view name, std::uint64_t bytes) { return (*target)->is_done(name, bytes); });
  if (!source) forwarding.exit_code = exit_code_of_input(source.error());
  if (!source) return fail(std::move(source).error());
  (*target)->read_from(**source);
  forwarding.source = std::move(*source);
  forwarding.target = std::move(*target);
  return {};
}

}  // namespace

int forward(const ForwardArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  const auto& kafka = setup->config.service.kafka;
  if (!kafka) return complain({ErrorCode::kInvalidArgument, "forward needs a configuration with `kafka:` (-c FILE)"}, kWrongUsage);
  const std::string topic = arguments.topic.empty() ? kafka->input.front().topic : arguments.topic;
  auto connection = kafka_connection(setup->config);
  if (!connection) return complain(connection.error(), kWrongUsage);
  Forwarding forwarding;
  auto opened = (arguments.resume.empty() ? open_plain : open_resumed)(arguments, *setup, topic, std::move(*connection), forwarding);
  if (!opened) return complain(opened.error(), forwarding.exit_code);
  ForwardTarget& target = *forwarding.target;

  const std::atomic<bool>& stop = stop_on_signal();
  Progress progress(forwarding.source->total_bytes(), arguments.progress);
  Sending sending(target, arguments.rate);
  const auto start = std::chrono::steady_clock::now();
  auto sent = send_all(*forwarding.source, target, sending, setup->config.input.max_record_bytes, stop, progress);
  const auto finished = sent || arguments.resume.empty() ? target.finish() : Result<void>();
  progress.clear();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(stderr, "{} records to {}, {} messages acknowledged, {} not; {} were no records and went without a key; {} skipped; {:.1f} s{}{}\n", with_commas(sending.records),
             printable(topic), with_commas(target.acknowledged()), with_commas(target.failed()), with_commas(sending.refused), with_commas(sending.skipped), seconds,
             target.remark(), stop ? "; interrupted" : "");
  if (!sent) return complain(sent.error(), kFailed);
  if (!finished) return complain(finished.error(), kFailed);
  return target.failed() == 0 ? kFine : kFailed;
}

}  // namespace trailwarden::app
