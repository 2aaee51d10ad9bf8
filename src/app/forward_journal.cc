#include "app/forward_journal.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <random>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/read_file.h"
#include "core/text.h"
#include "core/write_all.h"

namespace trailwarden::app {
namespace {

constexpr std::string_view kHeader = "trailwarden forward 1 ", kEndWord = "end";

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

/// Cuts a word off the front.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

std::optional<std::uint64_t> parse_key(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::uint64_t key = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return key;
}

std::optional<std::uint64_t> parse_steps(std::string_view text) { return text == kEndWord ? ForwardJournal::kEnd : parse_decimal<std::uint64_t>(text); }

}  // namespace

Result<ForwardJournal> ForwardJournal::open(const std::string& path) {
  ForwardJournal journal(path);
  journal.file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (journal.file_ < 0) return fail(io_error("open", path, errno));
  if (::flock(journal.file_, LOCK_EX | LOCK_NB) != 0)
    return fail(errno == EWOULDBLOCK ? Error{ErrorCode::kIo, path + ": another process forwards with it"} : io_error("lock", path, errno));
  if (auto read = journal.read(); !read) return fail(std::move(read).error());
  return journal;
}

ForwardJournal::~ForwardJournal() {
  if (file_ >= 0) ::close(file_);
}

ForwardJournal::ForwardJournal(ForwardJournal&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)), id_(std::move(other.id_)), cluster_(std::move(other.cluster_)), topic_(std::move(other.topic_)),
      header_bytes_(other.header_bytes_), lines_(std::move(other.lines_)), prepared_(other.prepared_), known_(other.known_), steps_(std::move(other.steps_)) {}

Result<void> ForwardJournal::read() {
  const auto text = read_file(path_);
  if (!text) return fail(text.error());
  std::size_t number = 0;
  for (std::size_t at = 0; at < text->size(); ++number) {
    const std::size_t end = text->find('\n', at);
    if (end == std::string::npos) break;  // it was not written to its end, so nothing was sent of what it tells
    if (auto taken = take_line(std::string_view(*text).substr(at, end - at), end + 1, number + 1); !taken) return taken;
    at = end + 1;
  }
  if (header_bytes_ == 0 && !text->empty() && !kHeader.starts_with(std::string_view(*text).substr(0, kHeader.size())) && !text->starts_with(kHeader))
    return fail(ErrorCode::kMalformed, path_ + ": this is no file of forward --resume");
  if (header_bytes_ == 0) id_ = random_id();
  prepared_ = static_cast<std::int64_t>(lines_.size());
  return {};
}

Result<void> ForwardJournal::take_line(std::string_view line, std::size_t behind, std::size_t number) {
  const auto refuse = [&] { return fail(ErrorCode::kMalformed, fmt::format("{}:{}: {}", path_, number, number == 1 ? "this is no file of forward --resume" : "nobody of ours wrote this line")); };
  if (number == 1) {
    if (!line.starts_with(kHeader)) return refuse();
    line.remove_prefix(kHeader.size());
    id_ = take_word(line);
    cluster_ = take_word(line);
    topic_ = line;
    if (!parse_key(id_) || cluster_.empty() || topic_.empty()) return refuse();
    header_bytes_ = behind;
    return {};
  }
  const std::string_view kind = take_word(line);
  if (kind == "=") {
    const auto known = parse_decimal<std::int64_t>(line);
    if (!known || *known < known_.value_or(0) || *known > static_cast<std::int64_t>(lines_.size())) return refuse();
    known_ = known;
    return {};
  }
  const auto key = parse_key(take_word(line));
  const auto steps = parse_steps(line);
  if (kind != "+" || !key || !steps) return refuse();
  lines_.push_back({{*key, *steps}, behind});
  return {};
}

Result<void> ForwardJournal::settle(const std::string& cluster, const std::string& topic, std::optional<std::int64_t> mark) {
  const auto refuse = [&](std::string what) { return fail(ErrorCode::kInvalidArgument, path_ + ": " + std::move(what)); };
  if (header_bytes_ == 0) {
    if (::ftruncate(file_, 0) != 0) return fail(io_error("cut", path_, errno));
    return write(fmt::format("{}{} {} {}\n", kHeader, id_, cluster, topic));
  }
  if (cluster != cluster_ || topic != topic_) return refuse(fmt::format("this is for topic {} of cluster {}, not for {} of {}", printable(topic_), printable(cluster_), printable(topic), printable(cluster)));
  const auto all = static_cast<std::int64_t>(lines_.size());
  if (mark && (*mark > all || *mark < known_.value_or(0)))
    return refuse(fmt::format("Kafka has its mark {}, and this file knows {} to {}: it is not the file that was last used", *mark, known_.value_or(0), all));
  if (!mark && known_ && *known_ != all)
    return refuse(fmt::format("Kafka has forgotten how far this came (offsets.retention.minutes), and nobody knows whether the last {} lines with + were sent: look in the topic, then remove them to send "
                              "theirs again, or add the line \"= {}\" not to",
                              all - *known_, all));
  // Without a mark and a line that says that there was one, nothing was ever committed.
  const std::int64_t hold = mark ? *mark : known_.value_or(0);
  const std::size_t bytes = hold == 0 ? header_bytes_ : lines_[static_cast<std::size_t>(hold) - 1].behind;
  if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0) return fail(io_error("cut", path_, errno));
  for (std::int64_t i = 0; i < hold; ++i) steps_[lines_[static_cast<std::size_t>(i)].entry.key] = lines_[static_cast<std::size_t>(i)].entry.steps;
  lines_ = {};
  prepared_ = hold;
  return write(mark || known_ ? fmt::format("= {}\n", hold) : "");
}

std::uint64_t ForwardJournal::steps_of(std::uint64_t key) const {
  const auto found = steps_.find(key);
  return found == steps_.end() ? 0 : found->second;
}

std::uint64_t ForwardJournal::key_of(std::string_view name, std::uint64_t bytes) { return xxh3_64(fmt::format("{}\n{}", bytes, name)); }

Result<std::int64_t> ForwardJournal::prepare(std::span<const Entry> entries) {
  std::string text;
  for (const Entry& entry : entries) {
    fmt::format_to(std::back_inserter(text), "+ {:016x} ", entry.key);
    if (entry.steps == kEnd) text += kEndWord;
    else fmt::format_to(std::back_inserter(text), "{}", entry.steps);
    text += '\n';
  }
  if (auto written = write(text); !written) return fail(std::move(written).error());
  prepared_ += static_cast<std::int64_t>(entries.size());
  return prepared_;
}

Result<void> ForwardJournal::committed() { return write(fmt::format("= {}\n", prepared_)); }

Result<void> ForwardJournal::write(std::string_view text) {
  if (!write_all(file_, text)) return fail(io_error("write", path_, errno));
  return ::fdatasync(file_) == 0 ? Result<void>{} : fail(io_error("sync", path_, errno));
}

}  // namespace trailwarden::app
