#include "notify/book.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/envelope.h"
#include "core/hash.h"
#include "core/text.h"

namespace trailwarden::notify {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint8_t kVersion = 1;  // of what is kept
constexpr std::chrono::hours kLongestIncident{24 * 30};
constexpr std::size_t kMostIncidents = 100'000;
constexpr std::size_t kMostGroups = 10'000;  // more than these: alerts go alone
constexpr seconds kMostPatience{3600};       // that a receiver may ask for

/// Names of records: what they hold, and which.
constexpr std::string_view kMessage = "m/", kGroup = "g/", kWindow = "r/", kIncident = "i/";

std::string message_name(std::uint64_t number) { return fmt::format("{}{:020}", kMessage, number); }
std::int64_t number_of(AppendTime time) { return time.time_since_epoch().count(); }
AppendTime time_of(std::int64_t number) { return AppendTime{milliseconds{number}}; }

/// Doubles with each try; up to a quarter more, so that many do not come at once. The same for the same try.
milliseconds pause_of(const RetryConfig& retry, const Message& message) {
  const std::uint64_t doublings = std::min<std::uint64_t>(message.attempts - 1, 20);
  const milliseconds pause = std::min<milliseconds>(milliseconds(retry.first) * (std::int64_t{1} << doublings), retry.longest);
  const std::uint64_t dice = xxh3_64(fmt::format("{}/{}", message.id, message.attempts));
  return pause + pause * static_cast<std::int64_t>(dice % 256) / 1024;
}

/// Whether so much time has passed since then. Also if then is yet to come: the clock was set back, and nobody waits for it.
bool is_over(AppendTime began, seconds length, AppendTime now) { return now >= began + length || now < began; }

std::string cut(std::string_view json, std::size_t most) { return alerts::cut_alert(std::string(json), most); }

}  // namespace

Book::Book(const NotifyConfig& config) : config_(config) {
  for (const SinkConfig& sink : config_.sinks) status_[sink.name];
}

const SinkConfig* Book::sink_of(const std::string& name) const {
  const auto found = std::ranges::find(config_.sinks, name, &SinkConfig::name);
  return found == config_.sinks.end() ? nullptr : &*found;
}

// ---- routes and groups

std::set<std::string> Book::sinks_for(const AlertView& alert) const {
  std::set<std::string> names;
  if (config_.routes.empty())
    for (const SinkConfig& sink : config_.sinks) names.insert(sink.name);
  for (const Route& route : config_.routes)
    if (fits(route, alert)) names.insert(route.sinks.begin(), route.sinks.end());
  return names;
}

/// Who was told of the beginning is told of the end; what the beginning was told as.
std::optional<event::Severity> Book::end_incident(const AlertView& alert, std::set<std::string>& sinks) {
  const auto incident = alert.is_end ? incidents_.find(alert.incident) : incidents_.end();
  if (incident == incidents_.end()) return std::nullopt;
  const event::Severity severity = incident->second.severity;
  for (const std::string& sink : incident->second.sinks)
    if (sink_of(sink) != nullptr) sinks.insert(sink);
  touch(incident->second.partition, std::string(kIncident) + incident->first);
  incidents_.erase(incident);
  return severity;
}

void Book::take(std::int32_t partition, std::string_view text, AppendTime now) {
  const auto alert = alerts::view_of(text);
  if (!alert) {
    ++unreadable_;
    dead_.push_back({"unreadable", alert.error().message, {.id = uuid_of(text), .alerts = {std::string(text.substr(0, kMostBytesOfSeveral))}, .created = now}});
    return;
  }
  std::set<std::string> names = sinks_for(*alert);
  const auto began_as = end_incident(*alert, names);
  if (names.empty()) ++unrouted_;
  if (alert->is_start && !alert->incident.empty()) remember(partition, *alert, names, now);
  for (const std::string& name : names) put(partition, *sink_of(name), *alert, text, began_as, now);
}

void Book::remember(std::int32_t partition, const AlertView& alert, const std::set<std::string>& sinks, AppendTime now) {
  std::set<std::string> with_ends;
  for (const std::string& name : sinks)
    if (has_ends(sink_of(name)->type)) with_ends.insert(name);
  if (with_ends.empty() || incidents_.size() >= kMostIncidents) return;
  incidents_[alert.incident] = {partition, now, alert.severity, std::move(with_ends)};
  touch(partition, std::string(kIncident) + alert.incident);
}

void Book::put(std::int32_t partition, const SinkConfig& sink, const AlertView& alert, std::string_view json, std::optional<event::Severity> began_as, AppendTime now) {
  ++status_[sink.name].alerts;
  if (!sink.group.by.empty() && groups_.size() < kMostGroups) return join_group(partition, sink, alert, json, now);
  Message message{.id = uuid_of_parts({sink.name, alert.id}), .sink = sink.name, .alerts = {cut(json, kMostBytes)}, .began_as = began_as, .created = now, .next_try = now};
  if (has_ends(sink.type) && alert.is_end) return queue(partition, sink, std::move(message), now);
  admit(partition, sink, std::move(message), now);
}

void Book::join_group(std::int32_t partition, const SinkConfig& sink, const AlertView& alert, std::string_view json, AppendTime now) {
  std::string key = sink.name;
  for (const std::string& field : sink.group.by) {
    const std::string value = group_field(alert, field);
    key += fmt::format("\n{}:{}", value.size(), value);
  }
  const std::string name = std::string(kGroup) + uuid_of(key);
  const auto [found, is_new] = groups_.try_emplace(name);
  Group& group = found->second;
  if (is_new) {
    group.partition = partition;
    group.sink = sink.name;
    group.first_id = alert.id;
    group.opened = now;
  }
  if (group.alerts.size() < kMostAlerts) group.alerts.push_back(cut(json, kMostBytesOfSeveral));
  else group.more.add(alert.detector, alert.severity);
  touch(group.partition, name);
}

/// A group becomes a message.
void Book::close(const std::string& name, AppendTime now) {
  const auto found = groups_.find(name);
  Group group = std::move(found->second);
  groups_.erase(found);
  touch(group.partition, name);
  Message message{.id = uuid_of_parts({group.sink, "group", group.first_id}), .sink = group.sink, .alerts = std::move(group.alerts), .more = std::move(group.more), .created = now, .next_try = now};
  if (const SinkConfig* sink = sink_of(group.sink)) admit(group.partition, *sink, std::move(message), now);
  else give_up(group.partition, std::move(message), "no_sink", "the sink is not in the configuration any more");
}

// ---- rate limits

std::optional<AppendTime> Book::window_began(const std::string& sink) const {
  std::optional<AppendTime> began;
  for (auto it = windows_.lower_bound({sink, INT32_MIN}); it != windows_.end() && it->first.first == sink; ++it) began = std::min(began.value_or(it->second.began), it->second.began);
  return began;
}

void Book::admit(std::int32_t partition, const SinkConfig& sink, Message message, AppendTime now) {
  if (sink.rate.messages == 0) return queue(partition, sink, std::move(message), now);
  if (const auto began = window_began(sink.name); began && is_over(*began, sink.rate.per, now)) end_window(sink.name, now);
  std::uint64_t sent = 0;
  for (auto it = windows_.lower_bound({sink.name, INT32_MIN}); it != windows_.end() && it->first.first == sink.name; ++it) sent += it->second.sent;
  const AppendTime began = window_began(sink.name).value_or(now);
  Window& window = windows_.try_emplace({sink.name, partition}, Window{.began = began}).first->second;
  touch(partition, std::string(kWindow) + sink.name);
  if (sent >= sink.rate.messages) {
    const std::uint64_t before = window.held.total();
    hold(window, message);
    status_[sink.name].held += window.held.total() - before;
    return;
  }
  ++window.sent;
  queue(partition, sink, std::move(message), now);
}

void Book::hold(Window& window, const Message& message) {
  if (window.first_held.empty()) window.first_held = message.id;
  window.held.add(message.more);
  for (const std::string& json : message.alerts)
    if (const auto alert = alerts::view_of(json)) window.held.add(alert->detector, alert->severity);
}

/// What was kept back becomes one message, which is the first of the next window.
void Book::end_window(const std::string& name, AppendTime now) {
  const SinkConfig* const sink = sink_of(name);
  Counts held;
  std::string first_held;
  std::int32_t home = 0;
  while (true) {
    const auto it = windows_.lower_bound({name, INT32_MIN});
    if (it == windows_.end() || it->first.first != name) break;
    if (first_held.empty() && !it->second.first_held.empty()) {
      first_held = it->second.first_held;
      home = it->first.second;
    }
    held.add(it->second.held);
    touch(it->first.second, std::string(kWindow) + name);
    windows_.erase(it);
  }
  if (held.empty()) return;
  const auto per = sink == nullptr ? seconds{0} : sink->rate.per;
  Message message{.id = uuid_of_parts({name, "digest", first_held}), .sink = name, .kind = Message::Kind::kDigest, .more = std::move(held),
                  .seconds = static_cast<std::uint32_t>(per.count()), .created = now, .next_try = now};
  if (sink == nullptr) return give_up(home, std::move(message), "no_sink", "the sink is not in the configuration any more");
  windows_[{name, home}] = Window{.began = now, .sent = 1};
  touch(home, std::string(kWindow) + name);
  queue(home, *sink, std::move(message), now);
}

// ---- the outbox

void Book::queue(std::int32_t partition, const SinkConfig& sink, Message message, AppendTime) {
  Outbox& outbox = outboxes_[sink.name];
  if (outbox.size() >= sink.queue) return give_up(partition, std::move(message), "queue_full", fmt::format("{} messages wait already", outbox.size()));
  message.number = next_number_++;
  touch(partition, message_name(message.number));
  const std::pair place{message.number, partition};
  outbox.emplace(place, Waiting{partition, std::move(message)});
}

void Book::give_up(std::int32_t partition, Message message, std::string reason, std::string detail) {
  if (message.number > 0) touch(partition, message_name(message.number));
  ++status_[message.sink].dead[reason];
  dead_.push_back({std::move(reason), std::move(detail), std::move(message)});
}

std::vector<Message> Book::due(AppendTime now) {
  std::vector<Message> out;
  for (const auto& [sink, outbox] : outboxes_) {
    if (outbox.empty() || in_flight_.contains(sink)) continue;
    const Waiting& head = outbox.begin()->second;
    const SinkConfig* const config = sink_of(sink);
    if (config == nullptr || !head.is_committed) continue;
    // One that waits longer than anything may was put off by a clock that was set back since.
    const auto longest = kMostPatience + config->retry.longest * 2;
    if (head.message.next_try > now && head.message.next_try <= now + longest) continue;
    in_flight_.insert(sink);
    out.push_back(head.message);
  }
  return out;
}

Book::Outbox::iterator Book::find(Outbox& outbox, const std::string& id) {
  return std::ranges::find_if(outbox, [&id](const auto& entry) { return entry.second.message.id == id; });
}

void Book::settle(const std::string& name, const std::string& id, const Sent& sent, AppendTime now) {
  in_flight_.erase(name);
  SinkStatus& status = status_[name];
  ++(sent.outcome == Sent::Outcome::kDelivered ? status.delivered : status.failed);
  status.why = sent.why;
  const auto box = outboxes_.find(name);
  const SinkConfig* const sink = sink_of(name);
  if (box == outboxes_.end() || sink == nullptr) return;
  const auto found = find(box->second, id);
  if (found == box->second.end()) return;
  Waiting& waiting = found->second;
  Message& message = waiting.message;
  touch(waiting.partition, message_name(message.number));
  if (sent.outcome == Sent::Outcome::kLater) {
    ++message.attempts;
    message.why = sent.why.substr(0, 500);
    message.next_try = now + std::max<milliseconds>(pause_of(sink->retry, message), std::min(sent.not_before.value_or(seconds{0}), kMostPatience));
    const bool too_often = sink->retry.max_attempts > 0 && message.attempts >= sink->retry.max_attempts, too_old = now - message.created >= sink->retry.max_age;
    if (!too_often && !too_old) return;
    give_up(waiting.partition, std::move(message), too_often ? "attempts" : "too_old", sent.why);
  } else if (sent.outcome == Sent::Outcome::kRefused) {
    give_up(waiting.partition, std::move(message), "refused", sent.why);
  }
  box->second.erase(found);
}

void Book::advance(AppendTime now, bool close_all) {
  std::vector<std::string> over, sinks;
  for (const auto& [name, group] : groups_) {
    const SinkConfig* const sink = sink_of(group.sink);
    if (close_all || sink == nullptr || is_over(group.opened, sink->group.window, now)) over.push_back(name);
  }
  // In the order in which they were opened, not of their hashes.
  std::ranges::stable_sort(over, [this](const std::string& a, const std::string& b) { return groups_.at(a).opened < groups_.at(b).opened; });
  for (const std::string& name : over) close(name, now);
  for (const auto& [place, window] : windows_)
    if (sinks.empty() || sinks.back() != place.first) sinks.push_back(place.first);
  for (const std::string& name : sinks) {
    const SinkConfig* const sink = sink_of(name);
    if (sink == nullptr || is_over(*window_began(name), sink->rate.per, now)) end_window(name, now);
  }
  drop_old(now);
}

/// Messages of sinks that are gone, and incidents without an end.
void Book::drop_old(AppendTime now) {
  for (auto& [name, outbox] : outboxes_) {
    if (sink_of(name) != nullptr) continue;
    for (auto& [place, waiting] : outbox) give_up(waiting.partition, std::move(waiting.message), "no_sink", "the sink is not in the configuration any more");
    outbox.clear();
  }
  std::erase_if(incidents_, [&](const auto& incident) {
    const bool is_old = now - incident.second.began >= kLongestIncident;
    if (is_old) touch(incident.second.partition, std::string(kIncident) + incident.first);
    return is_old;
  });
}

bool Book::is_at_rest() const {
  return groups_.empty() && in_flight_.empty() && std::ranges::all_of(outboxes_, [](const auto& entry) { return entry.second.empty() || entry.second.begin()->second.message.attempts > 0; });
}

std::map<std::string, SinkStatus> Book::status() const {
  std::map<std::string, SinkStatus> out = status_;
  for (const auto& [name, outbox] : outboxes_) {
    out[name].queue = outbox.size();
    if (!outbox.empty()) out[name].oldest = outbox.begin()->second.message.created;
  }
  std::erase_if(out, [](const auto& entry) { return entry.first.empty(); });
  return out;
}

// ---- what is kept

BookChanges Book::changes() {
  BookChanges out;
  for (const Place& place : dirty_) out.records.push_back({place.first, place.second, value_of(place)});
  out.dead = std::move(dead_);
  dirty_.clear();
  dead_.clear();
  return out;
}

void Book::committed() {
  for (auto& [name, outbox] : outboxes_)
    for (auto& [place, waiting] : outbox) waiting.is_committed = true;
}

std::optional<std::string> Book::value_of(const Place& place) const {
  const auto& [partition, name] = place;
  const std::string rest = name.substr(kMessage.size());
  ByteWriter out;
  out.number(kVersion);
  if (name.starts_with(kMessage)) {
    const auto number = parse_decimal<std::uint64_t>(rest).value_or(0);
    for (const auto& [sink, outbox] : outboxes_)
      if (const auto found = outbox.find({number, partition}); found != outbox.end()) {
        found->second.message.save(out);
        return std::move(out).bytes();
      }
  } else if (name.starts_with(kGroup)) {
    const auto found = groups_.find(name);
    if (found == groups_.end() || found->second.partition != partition) return std::nullopt;
    const Group& group = found->second;
    Message{.id = group.first_id, .sink = group.sink, .alerts = group.alerts, .more = group.more, .created = group.opened}.save(out);
    return std::move(out).bytes();
  } else if (name.starts_with(kWindow)) {
    if (const auto found = windows_.find({rest, partition}); found != windows_.end()) {
      out.signed_number(number_of(found->second.began));
      out.number(found->second.sent);
      out.text(found->second.first_held);
      found->second.held.save(out);
      return std::move(out).bytes();
    }
  } else if (const auto found = incidents_.find(rest); found != incidents_.end() && found->second.partition == partition) {
    out.signed_number(number_of(found->second.began));
    out.number(static_cast<std::uint8_t>(found->second.severity));
    out.number(static_cast<std::uint32_t>(found->second.sinks.size()));
    for (const std::string& sink : found->second.sinks) out.text(sink);
    return std::move(out).bytes();
  }
  return std::nullopt;
}

Result<void> Book::load(std::int32_t partition, std::string_view name, std::string_view value) {
  ByteReader in(value);
  if (const auto version = in.number<std::uint8_t>(); version != kVersion)
    return fail(ErrorCode::kUnsupported, fmt::format("{} has the form {}, and this version knows {}: a newer trailwarden wrote it", printable(name), version, kVersion));
  const std::string rest(name.substr(std::min(name.size(), kMessage.size())));
  if (name.starts_with(kMessage)) load_message(partition, in);
  else if (name.starts_with(kGroup)) load_group(partition, std::string(name), in);
  else if (name.starts_with(kWindow)) load_window(partition, rest, in);
  else if (name.starts_with(kIncident)) {
    Incident& incident = incidents_[rest];
    incident = {partition, time_of(in.signed_number()), static_cast<event::Severity>(std::min<std::size_t>(in.number<std::uint8_t>(), event::kSeverities - 1)), {}};
    const auto count = in.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && in.has(count - i, sizeof(std::uint32_t)); ++i) incident.sinks.insert(in.text());
  } else return fail(ErrorCode::kMalformed, printable(name) + ": nothing of that name is kept");
  if (auto whole = in.finish(); !whole) return fail(std::move(whole).error().during(printable(name)));
  return {};
}

void Book::load_message(std::int32_t partition, ByteReader& in) {
  Message message = Message::load(in);
  if (!in.ok()) return;
  next_number_ = std::max(next_number_, message.number + 1);
  Outbox& outbox = outboxes_[message.sink];
  const std::pair place{message.number, partition};
  outbox.insert_or_assign(place, Waiting{.partition = partition, .message = std::move(message), .is_committed = true});
}

void Book::load_group(std::int32_t partition, const std::string& name, ByteReader& in) {
  Message kept = Message::load(in);
  Group& group = groups_[name];
  if (group.sink.empty()) {
    group = {partition, std::move(kept.sink), std::move(kept.id), kept.created, std::move(kept.alerts), std::move(kept.more)};
    return;
  }
  // Another partition of ours has opened the same group meanwhile: that one takes these alerts.
  for (std::string& json : kept.alerts) {
    const auto alert = alerts::view_of(json);
    if (group.alerts.size() < kMostAlerts) group.alerts.push_back(std::move(json));
    else if (alert) group.more.add(alert->detector, alert->severity);
  }
  group.more.add(kept.more);
  touch(group.partition, name);
  touch(partition, name);
}

void Book::load_window(std::int32_t partition, const std::string& sink, ByteReader& in) {
  Window& window = windows_[{sink, partition}];
  window.began = time_of(in.signed_number());
  window.sent = in.number<std::uint64_t>();
  window.first_held = in.text();
  window.held = Counts::load(in);
}

void Book::forget() {
  groups_.clear();
  windows_.clear();
  incidents_.clear();
  outboxes_.clear();
  dirty_.clear();
  dead_.clear();
}

}  // namespace trailwarden::notify
