#include "generate/sink.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "generate/file.h"
#include "generate/random.h"
#include "generate/record_writer.h"
#include "trail/member_deflater.h"

namespace trailwarden::generate {
namespace {

class LineSink final : public Sink {
 public:
  LineSink(const std::string& folder, std::span<const Account> accounts) : path_(folder + "/events.jsonl"), writer_(accounts) {}

  Result<void> write(const Delivery::Batch& batch) override {
    for (const Delivered& delivered : batch.calls) {
      writer_.append(delivered.call, text_);
      text_.push_back('\n');
      if (text_.size() < kPiece) continue;
      if (auto flushed = flush(); !flushed) return flushed;
    }
    return {};
  }

  Result<void> finish() override {
    if (auto flushed = flush(); !flushed) return flushed;
    return file_->close();
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 20;

  Result<void> flush() {
    if (!file_) {
      auto file = File::create(path_);
      if (!file) return fail(std::move(file).error());
      file_ = std::move(*file);
      ++files_;
    }
    bytes_ += text_.size();
    auto written = file_->write(text_);
    text_.clear();
    return written;
  }

  std::string path_;
  RecordWriter writer_;
  std::string text_;
  std::optional<File> file_;
};

std::uint32_t cell_of(const Call& call) { return std::uint32_t{call.account} << 16 | call.region; }

class ObjectSink final : public Sink {
 public:
  ObjectSink(const std::string& folder, std::span<const Account> accounts, std::uint64_t seed)
      : folder_(folder), accounts_(accounts), seed_(seed), writer_(accounts) {}

  Result<void> write(const Delivery::Batch& batch) override {
    std::vector<const Call*> calls;
    for (const Delivered& delivered : batch.calls) calls.push_back(&delivered.call);
    std::stable_sort(calls.begin(), calls.end(), [](const Call* a, const Call* b) { return cell_of(*a) < cell_of(*b); });
    std::size_t part = 0;
    for (auto from = calls.begin(); from != calls.end(); ++part) {
      const std::uint32_t cell = cell_of(**from);
      const auto first = from;
      text_ = R"({"Records":[)";
      for (; from != calls.end() && cell_of(**from) == cell && text_.size() < kMostBytes; ++from) {
        if (from != first) text_.push_back(',');
        writer_.append(**from, text_);
      }
      text_.append("]}");
      if (auto written = write_object(batch.stamp, **first, part); !written) return written;
    }
    return {};
  }

  Result<void> finish() override { return {}; }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{40} << 20;  // CloudTrail's own limit is 50 MB
  static constexpr int kLevel = 1;

  Result<void> write_object(Timestamp stamp, const Call& first, std::size_t part) {
    const Account& account = accounts_[first.account];
    const std::string_view region = account.regions[first.region].name;
    const std::string time = format_time(stamp);  // 2026-01-05T00:05:00Z
    const std::string day = fmt::format("{}/{}/{}", time.substr(0, 4), time.substr(5, 2), time.substr(8, 2));
    const std::string folder = fmt::format("{}/AWSLogs/{}/CloudTrail/{}/{}", folder_, account.id, region, day);
    if (auto made = make_folder(folder); !made) return made;
    deflater_.deflate(text_, packed_);
    ++files_;
    bytes_ += packed_.size();
    return write_file(fmt::format("{}/{}_CloudTrail_{}_{}{}{}T{}{}Z_{}.json.gz", folder, account.id, region, time.substr(0, 4), time.substr(5, 2),
                                  time.substr(8, 2), time.substr(11, 2), time.substr(14, 2), unique_part(stamp, first, part)),
                      packed_);
  }

  /// 16 letters and digits that no other object of the run has.
  std::string unique_part(Timestamp stamp, const Call& first, std::size_t part) const {
    Random random = Random::named(seed_, fmt::format("object {} {} {}", format_time(stamp), cell_of(first), part));
    std::string out;
    for (int i = 0; i < 16; ++i) out.push_back("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[random.below(62)]);
    return out;
  }

  std::string folder_;
  std::span<const Account> accounts_;
  std::uint64_t seed_;
  RecordWriter writer_;
  trail::MemberDeflater deflater_{kLevel};
  std::string text_, packed_;
};

}  // namespace

std::unique_ptr<Sink> make_line_sink(const std::string& folder, std::span<const Account> accounts) {
  return std::make_unique<LineSink>(folder, accounts);
}

std::unique_ptr<Sink> make_object_sink(const std::string& folder, std::span<const Account> accounts, std::uint64_t seed) {
  return std::make_unique<ObjectSink>(folder, accounts, seed);
}

}  // namespace trailwarden::generate
