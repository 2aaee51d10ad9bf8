#include "ingest/queue_input.h"

#include <algorithm>

#include "core/hash.h"
#include "core/log.h"
#include "core/text.h"
#include "event/json_scan.h"
#include "ingest/object_read_ahead.h"
#include "trail/object_name.h"

namespace trailwarden::ingest {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::size_t kWholeBytes = std::size_t{64} << 20;  // see ByteWindow
constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{60};
constexpr std::size_t kForgottenAtOnce = 64;  // marks
constexpr std::size_t kToldRefusals = 100, kNamedTroubles = 3;

std::vector<QueueDesk::Source> sources_of(const QueueInputOptions& options) {
  std::vector<QueueDesk::Source> sources;
  for (const QueueInputOptions::Queue& one : options.queues) sources.push_back({one.queue, one.hidden});
  return sources;
}

std::string name_of(const NoticedObject& object) { return "s3://" + object.bucket + "/" + object.key; }

/// What a store says that is worth waiting for.
bool may_heal(trail::StoreFault fault) { return fault == trail::StoreFault::kNotNow || fault == trail::StoreFault::kRefused; }

}  // namespace

QueueInput::QueueInput(QueueInputOptions options)
    : options_(std::move(options)),
      desk_(std::make_unique<QueueDesk>(sources_of(options_), QueueDesk::Options{.most_held = options_.most_held, .on_news = [this] { news(); }, .now = options_.now})),
      fetcher_(std::make_unique<ObjectFetcher>(options_.threads ? ObjectFetcher::Options{.on_done = [this] { news(); }} : ObjectFetcher::Options{.threads = 0})),
      table_(options_.most_kept),
      counters_{.messages = {{"done", 0}, {"repeat", 0}, {"other", 0}, {"malformed", 0}, {"gone", 0}, {"refused", 0}},
                .objects = {{"read", 0}, {"repeat", 0}, {"skipped", 0}, {"unreadable", 0}, {"gone", 0}, {"refused", 0}, {"retried", 0}}} {
  if (options_.threads) desk_->start();
}

QueueInput::~QueueInput() {
  if (options_.cancel) options_.cancel();
  fetcher_.reset();
  desk_.reset();
}

void QueueInput::restore(std::int64_t source, std::string_view state) {
  if (const auto object = decode_queue_object(source, state)) table_.put(*object);
  else table_.pass_over(source);  // a folder's, of this log before it read queues
}

void QueueInput::turn() {
  for (std::size_t i = 0; i < options_.queues.size(); ++i) desk_->receive(i);
  desk_->attend();
}

Result<void> QueueInput::poll(milliseconds wait, stream::InputBatch& input) {
  input.clear();
  builder_.begin(input.batch);
  for (const std::int64_t id : table_.forget(kForgottenAtOnce)) input.marks.push_back({0, id, std::nullopt});
  const auto deadline = Clock::now() + wait;
  for (bool woken = false;;) {
    look();
    read(input);
    input.drained = reading_ == nullptr && now_.empty() && later_.empty() && failed_.empty() && desk_->is_empty();
    const bool tells = !input.batch.messages.empty() || (input.drained && !told_drained_);
    if (tells || woken || Clock::now() >= deadline) break;
    std::unique_lock lock(mutex_);
    const auto due = next_due();
    changed_.wait_until(lock, due ? std::min(deadline, *due) : deadline, [this] { return woken_ || has_news_; });
    has_news_ = false;
    woken = std::exchange(woken_, false);
  }
  told_drained_ = input.drained;
  return {};
}

// ---- Messages

void QueueInput::look() {
  const QueueDesk::Taken taken = desk_->take();
  more_at_once_ = taken.more_at_once;
  for (const QueueDesk::Arrival& arrival : taken.arrivals) admit(arrival);
  const auto now = options_.now();
  for (auto waiting = failed_.begin(); waiting != failed_.end();) {
    const auto next = std::next(waiting);
    if (waiting->second.due <= now) later_.insert(failed_.extract(waiting));
    waiting = next;
  }
  if (!later_.empty() && !gathering_since_) gathering_since_ = now;
  if (round_is_due()) begin_round();
}

void QueueInput::admit(const QueueDesk::Arrival& arrival) {
  letters_[arrival.number].open = 1;  // until all of it was looked at
  auto notice = parse_s3_notice(arrival.body);
  if (!notice) {
    Letter& letter = letters_[arrival.number];
    letter.malformed = true;
    ++letter.open;
    const std::string queue = desk_->name(arrival.queue);
    Waiting waiting{.sent = arrival.sent, .body = arrival.body, .fault = std::move(notice.error().message), .identity = identity_of("", queue, arrival.id)};
    if (!is_repeat(waiting.identity, arrival.number)) later_.try_emplace({kBeginningOfTime, "sqs://" + queue + "/" + arrival.id, arrival.number}, std::move(waiting));
  } else {
    std::size_t part = 0;
    for (NoticedObject& object : notice->objects) admit(arrival, std::move(object), ++part);
  }
  settle(arrival.number);
}

void QueueInput::admit(const QueueDesk::Arrival& arrival, NoticedObject object, std::size_t part) {
  const auto name = trail::parse_object_name(object.key);
  if (object.key.ends_with('/') || (name && name->kind == trail::ObjectKind::kDigest)) {
    ++counters_.objects["skipped"];
    return;
  }
  Letter& letter = letters_[arrival.number];
  if (const std::string why = refusal(arrival, object); !why.empty()) {
    letter.refused = true;
    ++counters_.objects["refused"];
    if (told_.size() < kToldRefusals && told_.insert(object.bucket + " " + why).second)
      log::error("queue.object_refused", {{"queue", desk_->name(arrival.queue)}, {"object", printable(name_of(object), 1200)}, {"why", why}});
    return;
  }
  ++letter.open;
  const ObjectIdentity identity = identity_of(object.bucket, object.key, object.etag);
  if (!object.etag.empty() && is_repeat(identity, arrival.number)) return;
  if (object.region.empty()) object.region = options_.queues[arrival.queue].bucket_region;
  Waiting waiting{.sent = arrival.sent, .identity = identity};
  if (auto store = store_of(object)) waiting.store = std::move(*store);
  else waiting.fault = std::move(store.error().message);
  Place place{name ? name->stamp : kBeginningOfTime, name_of(object), arrival.number, part};
  waiting.object = std::move(object);
  later_.try_emplace(std::move(place), std::move(waiting));
}

std::string QueueInput::refusal(const QueueDesk::Arrival& arrival, const NoticedObject& object) const {
  const auto& buckets = options_.queues[arrival.queue].buckets;
  if (!buckets.empty() && std::ranges::find(buckets, object.bucket) == buckets.end()) return "this bucket is not among the queue's `buckets`";
  return options_.refusal ? options_.refusal(object) : std::string();
}

Result<std::shared_ptr<trail::ObjectStore>> QueueInput::store_of(const NoticedObject& object) {
  auto& store = stores_[{object.bucket, object.region}];
  if (store) return store;
  auto opened = options_.open_bucket(object.bucket, object.region);
  if (!opened) return fail(std::move(opened).error());
  store = std::move(*opened);
  return store;
}

/// Whether an object was read already, or is being read: its message then waits for the same commit, or is settled.
bool QueueInput::is_repeat(const ObjectIdentity& identity, Number letter) {
  if (reading_ && reading_->object.identity == identity) {
    reading_->letters.push_back(letter);
    return true;
  }
  const QueueObject* const known = table_.find(identity);
  if (known == nullptr || !known->done) return false;
  ++counters_.objects["repeat"];
  letters_[letter].repeat = true;
  if (const auto waiting = uncommitted_.find(known->id); waiting != uncommitted_.end()) waiting->second.push_back(letter);
  else settle(letter);
  return true;
}

/// One thing of a message is done with; if it was the last one, so is the message.
void QueueInput::settle(Number number) {
  const auto found = letters_.find(number);
  if (found == letters_.end() || --found->second.open > 0) return;
  const Letter letter = found->second;
  letters_.erase(found);
  const bool stays = letter.gone || letter.refused;
  ++counters_.messages[letter.gone ? "gone" : letter.refused ? "refused" : letter.malformed ? "malformed" : letter.read ? "done" : letter.repeat ? "repeat" : "other"];
  if (stays) desk_->leave(number);
  else desk_->finish(number);
}

void QueueInput::committed(const stream::SourceMark& mark) {
  const auto object = mark.state ? decode_queue_object(mark.source, *mark.state) : std::nullopt;
  if (!object || !object->done) return;
  const auto waiting = uncommitted_.extract(mark.source);
  if (waiting.empty()) return;
  for (const Number letter : waiting.mapped()) settle(letter);
}

// ---- Order

/// Nothing more comes at once, or it has come for long enough.
bool QueueInput::round_is_due() const {
  if (later_.empty() || !now_.empty() || reading_ != nullptr) return false;
  return !more_at_once_ || options_.now() - *gathering_since_ >= options_.gather;
}

void QueueInput::begin_round() {
  now_.swap(later_);
  gathering_since_.reset();
  for (auto& [place, waiting] : now_)
    if (waiting.fault.empty()) waiting.download = fetcher_->want(waiting.store, waiting.object.key, waiting.object.bytes);
}

std::optional<QueueInput::Clock::time_point> QueueInput::next_due() const {
  std::optional<Clock::time_point> due;
  if (gathering_since_ && now_.empty()) due = *gathering_since_ + options_.gather;
  for (const auto& [place, waiting] : failed_) due = due ? std::min(*due, waiting.due) : waiting.due;
  return due;
}

// ---- Reading

void QueueInput::read(stream::InputBatch& input) {
  while (!builder_.full() && (reading_ != nullptr || open_next(input)))
    if (reading_ != nullptr) give(input);
}

/// False if nothing is there to be opened.
bool QueueInput::open_next(stream::InputBatch& input) {
  if (now_.empty()) {
    if (!round_is_due()) return false;
    begin_round();
  }
  Waiting& first = now_.begin()->second;
  if (!first.fault.empty()) {
    auto next = now_.extract(now_.begin());
    give_fault(next.key(), next.mapped(), input);
    return true;
  }
  auto got = fetcher_->take(first.download);
  if (!got) return false;
  auto next = now_.extract(now_.begin());
  open(std::move(next.key()), std::move(next.mapped()), std::move(*got), input);
  return true;
}

void QueueInput::open(Place place, Waiting waiting, ObjectFetcher::Got got, stream::InputBatch& input) {
  if (!got && may_heal(got.error().fault)) return try_again(std::move(place), std::move(waiting), std::move(got.error().message));
  set_trouble(place.name, {});
  if (!got && got.error().fault == trail::StoreFault::kNotFound) {
    ++counters_.objects["gone"];
    letters_[place.letter].gone = true;
    return settle(place.letter);
  }
  if (!got) {
    waiting.fault = std::move(got.error().message);
    return give_fault(place, waiting, input);
  }
  const std::string& etag = !got->etag.empty() ? got->etag : waiting.object.etag;
  const ObjectIdentity identity = identity_of(waiting.object.bucket, waiting.object.key, etag.empty() ? sha256_bytes(got->bytes) : etag);
  if (is_repeat(identity, place.letter)) return;
  builder_.add_source_bytes(got->bytes.size());
  const QueueObject* const known = table_.find(identity);  // read in part, before a crash
  reading_ = std::make_unique<Reading>();
  reading_->object = known != nullptr ? *known : QueueObject{.identity = identity, .sent = waiting.sent};
  reading_->letters = {place.letter};
  reading_->sender = {.name = std::make_shared<const std::string>(place.name), .id = 0, .append_time = place.stamp == kBeginningOfTime ? std::nullopt : std::optional<AppendTime>(place.stamp)};
  begin(std::move(got->bytes));
  if (!reading_->has_next) end_without_rest(input);
}

/// Opens the bytes of the object that is read, up to its first slice that was not given.
void QueueInput::begin(std::string bytes) {
  const std::uint64_t size = bytes.size();
  auto raw = HeadSource::over(read_object({.store = nullptr, .key = {}, .bytes = size, .piece_bytes = std::max<std::uint64_t>(size, 1)}, std::move(bytes)));
  if (!raw) return;  // never: it is memory
  reading_->stream = std::make_unique<DocumentStream>(inflated(std::move(*raw), tools_, kWholeBytes), tools_.pool,
                                                      DocumentStream::Options{.max_document_bytes = options_.max_document_bytes, .whole_bytes = kWholeBytes});
  read_next();
}

void QueueInput::read_next() {
  Reading& reading = *reading_;
  do reading.has_next = next_behind(*reading.stream, reading.object.position, reading.next);
  while (reading.has_next && is_blank(reading.next));
}

void QueueInput::give(stream::InputBatch& input) {
  Reading& reading = *reading_;
  builder_.add(reading.sender, reading.next);
  reading.object.position = end_of(reading.next);
  read_next();
  reading.object.done = !reading.has_next;
  keep(reading.object, input);
  if (!reading.object.done) return;
  ++counters_.objects["read"];
  for (const Number letter : reading.letters) letters_[letter].read = true;
  uncommitted_[reading.object.id] = std::move(reading.letters);
  reading_.reset();
}

/// Nothing is in the object, or nothing that was not committed before: no commit is waited for.
void QueueInput::end_without_rest(stream::InputBatch& input) {
  const std::unique_ptr<Reading> reading = std::move(reading_);
  if (reading->object.id != 0) {
    reading->object.done = true;
    keep(reading->object, input);
  }
  ++counters_.objects["read"];
  for (const Number letter : reading->letters) {
    letters_[letter].read = true;
    settle(letter);
  }
}

void QueueInput::keep(QueueObject& object, stream::InputBatch& input) {
  object.id = table_.put(object);
  input.marks.push_back({input.batch.messages.size(), object.id, encode(object)});
}

/// What can never be read is a message with a fault: it is told, and counts as read.
void QueueInput::give_fault(const Place& place, const Waiting& waiting, stream::InputBatch& input) {
  if (is_repeat(waiting.identity, place.letter)) return;
  const auto kept = std::make_shared<const std::string>(waiting.body + std::string(event::kPadding, ' '));
  Sender sender{.name = std::make_shared<const std::string>(place.name)};
  builder_.add(sender, Slice{.value = std::string_view(*kept).substr(0, waiting.body.size()), .hold = kept, .fault = stream::SourceFault::kUnreadable, .fault_detail = waiting.fault});
  QueueObject object{.identity = waiting.identity, .sent = waiting.sent, .done = true};
  keep(object, input);
  if (waiting.body.empty()) ++counters_.objects["unreadable"];
  uncommitted_[object.id] = {place.letter};
}

void QueueInput::try_again(Place place, Waiting waiting, std::string why) {
  ++counters_.objects["retried"];
  waiting.pause = waiting.pause == 0s ? kFirstPause : std::min(waiting.pause * 2, kLongestPause);
  waiting.due = options_.now() + waiting.pause;
  set_trouble(place.name, std::move(why));
  failed_.try_emplace(std::move(place), std::move(waiting));
}

// ---- Trouble and waking

void QueueInput::set_trouble(const std::string& of, std::string what) {
  const std::lock_guard lock(mutex_);
  if (what.empty()) troubles_.erase(of);
  else troubles_[of] = std::move(what);
}

std::string QueueInput::trouble() const {
  std::string all = desk_->trouble();
  const std::lock_guard lock(mutex_);
  std::size_t named = 0;
  for (const auto& [of, what] : troubles_) {
    if (++named > kNamedTroubles) break;
    all += (all.empty() ? "" : "; ") + what;
  }
  if (troubles_.size() > kNamedTroubles) all += "; and " + with_commas(troubles_.size() - kNamedTroubles) + " more objects";
  return all;
}

void QueueInput::news() {
  {
    const std::lock_guard lock(mutex_);
    has_news_ = true;
  }
  changed_.notify_all();
}

void QueueInput::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

}  // namespace trailwarden::ingest
