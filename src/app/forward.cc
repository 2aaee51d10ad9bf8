#include "app/forward.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "app/kafka_setup.h"
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

/// Keeps to so many a second, in the mean.
class Pace {
 public:
  explicit Pace(double per_second) : per_second_(per_second) {}

  void take() {
    if (per_second_ <= 0) return;
    const auto due = begin_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(static_cast<double>(taken_++) / per_second_));
    if (due > Clock::now() + kSlack) std::this_thread::sleep_until(due);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kSlack{2};
  const double per_second_;
  const Clock::time_point begin_ = Clock::now();
  std::uint64_t taken_ = 0;
};

/// Sends what a message's value holds, record by record.
class Sending final : public ingest::RecordSink {
 public:
  Sending(stream::KafkaWriter& writer, std::string topic, double rate) : writer_(writer), topic_(std::move(topic)), pace_(rate) {}

  event::CloudTrailEvent& next() override { return event_; }

  void accept(std::uint64_t) override {
    cell_.take(event_);
    send(cell_.name(), event_.raw);
    ++records;
  }
  void refuse(event::Refusal, std::string_view raw, std::uint64_t) override {
    ++refused;
    if (!raw.empty()) send({}, raw);
  }
  void skip(ingest::Skip, std::string_view, std::uint64_t) override { ++skipped; }

  std::uint64_t records = 0, refused = 0, skipped = 0;
  std::optional<Error> error;

 private:
  void send(std::string_view key, std::string_view value) {
    if (error) return;
    pace_.take();
    if (auto sent = writer_.write(topic_, key, value); !sent) error = std::move(sent).error();
  }

  stream::KafkaWriter& writer_;
  const std::string topic_;
  Pace pace_;
  pipeline::CellNamer cell_;
  event::CloudTrailEvent event_;
};

Result<void> send_all(ingest::FileSource& source, Sending& sending, std::size_t max_record_bytes, const std::atomic<bool>& stop, Progress& progress) {
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
      reader.read(message, arena, sending);
      if (sending.error) return fail(std::move(*sending.error));
      if (stop) break;
    }
    bytes += batch.source_bytes;
    progress.show(bytes, sending.records);
  }
  return {};
}

}  // namespace

int forward(const ForwardArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  const auto& kafka = setup->config.service.kafka;
  if (!kafka) return complain({ErrorCode::kInvalidArgument, "forward needs a configuration with `kafka:` (-c FILE)"}, kWrongUsage);
  const std::string topic = arguments.topic.empty() ? kafka->input.front().topic : arguments.topic;
  auto source = open_recorded(arguments.paths, *setup, arguments.buckets);
  if (!source) return complain(source.error(), exit_code_of_input(source.error()));
  auto connection = kafka_connection(setup->config);
  if (!connection) return complain(connection.error(), kWrongUsage);
  auto writer = stream::KafkaWriter::create({.connection = std::move(*connection)});
  if (!writer) return complain(writer.error(), kFailed);
  const std::atomic<bool>& stop = stop_on_signal();
  Progress progress((*source)->total_bytes(), arguments.progress);
  Sending sending(**writer, topic, arguments.rate);
  const auto start = std::chrono::steady_clock::now();
  auto sent = send_all(**source, sending, setup->config.input.max_record_bytes, stop, progress);
  const auto flushed = (*writer)->flush(kFlushTimeout);
  progress.clear();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(stderr, "{} records to {}, {} messages acknowledged, {} not; {} were no records and went without a key; {} skipped; {:.1f} s{}\n", with_commas(sending.records),
             printable(topic), with_commas((*writer)->acknowledged()), with_commas((*writer)->failed()), with_commas(sending.refused), with_commas(sending.skipped), seconds,
             stop ? "; interrupted" : "");
  if (!sent) return complain(sent.error(), kFailed);
  if (!flushed) return complain(flushed.error(), kFailed);
  return (*writer)->failed() == 0 ? kFine : kFailed;
}

}  // namespace trailwarden::app
