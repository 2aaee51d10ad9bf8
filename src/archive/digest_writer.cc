#include "archive/digest_writer.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "core/failpoint.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/text.h"
#include "trail/object_check.h"
#include "trail/trail_keys.h"
#include "trail/worker_threads.h"

namespace trailwarden::archive {
namespace {

constexpr std::size_t kAtATime = 64;                           // digests, between two turns
constexpr std::uint64_t kUncommitted = 1'000;                  // digests, that a restart makes again at most
constexpr std::size_t kChunkBytes = std::size_t{512} << 10;    // as snapshots of the detector
constexpr int kLevel = 6;                                      // of deflating; always the same, so that digests are

/// What is kept with a committed offset: how the state in the digests topic is told from an older or damaged one.
std::string metadata_of(std::string_view state) { return fmt::format("1 bytes={} xxh3={:016x}", state.size(), xxh3_64(state)); }

std::optional<std::uint64_t> bytes_of(const std::string& metadata) {
  std::istringstream words(metadata);
  std::string version, bytes;
  if (!(words >> version >> bytes) || version != "1" || !bytes.starts_with("bytes=")) return std::nullopt;
  return parse_decimal<std::uint64_t>(std::string_view(bytes).substr(6));
}

/// Below the group's name in the digests topic: the state's chunks, and a mark for each alert that was told.
std::string chunk_name(std::size_t chunk) { return std::to_string(chunk); }
constexpr std::string_view kTold = "told/";

}  // namespace

struct DigestWriter::Task {
  DueDigest due;
  trail::SealedDigest sealed;
  trail::StoreResult<std::optional<trail::StoredObject>> there;  // what stands in its place; nothing: it was stored
};

struct DigestWriter::Keys {
  trail::KeyRing ring;
  std::size_t published = 0;
};

DigestWriter::DigestWriter(stream::PartitionedLog& log, DigestOptions options)
    : log_(log), options_(std::move(options)), deflater_(kLevel), book_(options_.destinations), wait_(options_.first_wait) {}

DigestWriter::~DigestWriter() = default;

Result<void> DigestWriter::step(std::chrono::milliseconds wait) {
  if (must_rewind_) {
    if (auto done = roll_back(); !done) return done;
  }
  const bool has_work = assigned_ && stopped_.empty() && !is_reading_ && !waits();
  if (auto done = log_.poll(has_work ? std::chrono::milliseconds{0} : wait, polled_, *this); !done) return done;
  failpoint::hit("digest_after_poll");
  begin();
  for (const stream::Message& message : polled_.batch.messages)
    if (!take(message)) break;
  if (is_reading_ && !polled_.caught_up.empty()) ++caught_up_;
  for (const stream::PartitionFault& fault : polled_.faults)
    if (assigned_ && fault.partition == assigned_->partition) stop(fault.reason + ": " + fault.detail);
  if (auto done = write_hours(); !done) return done;
  if (auto done = commit_tellings(); !done) return done;
  publish();
  return {};
}

Result<void> DigestWriter::finish() {
  auto left = log_.leave(*this);
  publish();
  return left;
}

// ---- membership

void DigestWriter::assigned(std::vector<stream::Assigned> partitions) {
  if (!partitions.empty()) assigned_ = std::move(partitions.front());  // if there are more, `check_topic` says so
}

void DigestWriter::revoked(std::span<const stream::PartitionId> /*partitions*/) {
  told_is_known_ = false;
  let_go();
}

void DigestWriter::let_go() {
  assigned_.reset();
  has_begun_ = is_reading_ = must_rewind_ = false;
  stopped_.clear();
}

Result<void> DigestWriter::roll_back() {
  let_go();
  auto again = log_.rewind();
  if (!again) return fail(std::move(again).error());
  assigned(std::move(*again));
  return {};
}

void DigestWriter::begin() {
  if (!assigned_ || has_begun_ || !stopped_.empty() || waits()) return;
  if (auto begun = try_begin(); !begun) {
    // What waiting may mend comes as kIo and kNotFound.
    begun.error().code == ErrorCode::kIo || begun.error().code == ErrorCode::kNotFound ? block(begun.error()) : stop(begun.error().message);
    return;
  }
  has_begun_ = true;
  unblock();
  if (!book_.due()) start();
}

Result<void> DigestWriter::try_begin() {
  if (auto fits = check_topic(); !fits) return fits;
  if (!assigned_->next_offset || !assigned_->trouble.empty())
    return fail(ErrorCode::kInvalidArgument, assigned_->next_offset ? assigned_->trouble : "nothing says where in the manifest to begin");
  keys_are_fresh_ = false;
  if (auto opened = open_keys(); !opened) return opened;
  if (!is_as_committed_ || *assigned_->next_offset != committed_ || assigned_->metadata != metadata_) {
    if (auto loaded = load(assigned_->metadata); !loaded) return loaded;
    left_alone_.clear();
    may_have_stored_ = true;
  } else if (!told_is_known_) {
    if (auto kept = read_kept(); !kept) return fail(std::move(kept).error());
  }
  next_ = committed_ = *assigned_->next_offset;
  metadata_ = assigned_->metadata;
  is_as_committed_ = true;
  return expect_inputs();
}

Result<void> DigestWriter::check_topic() {
  const auto partitions = log_.partitions(stream::kManifestTopic);
  if (!partitions) return fail(partitions.error());
  if (*partitions == 1) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("the manifest topic has {} partitions, and digests are written in its order, so it must have one: make it anew (trailwarden topics create), or under another kafka.topics.prefix", *partitions));
}

Result<void> DigestWriter::open_keys() {
  keys_.clear();
  for (const Destination& destination : options_.destinations) {
    const trail::DigestConfig& digest = destination.trail.digest;
    if (!digest.enabled || keys_.contains(digest.key_directory)) continue;
    auto ring = trail::open_keys(digest);
    if (!ring) return fail(ErrorCode::kIo, std::move(ring).error().message);  // mended outside, and then it goes on
    keys_.try_emplace(digest.key_directory, std::move(*ring));
  }
  return {};
}

Result<void> DigestWriter::expect_inputs() {
  std::map<std::string, std::int32_t> topics;
  for (const std::string& topic : options_.inputs) {
    const auto partitions = log_.partitions(topic);
    if (!partitions) return fail(partitions.error());
    topics[topic] = *partitions;
  }
  book_.expect(topics);
  return {};
}

Result<void> DigestWriter::load(const std::string& metadata) {
  DigestBook book(options_.destinations);
  const auto kept = read_kept();
  if (!kept) return fail(kept.error());
  if (!metadata.empty()) {
    const auto state = state_of(*kept, metadata);
    if (!state) return fail(state.error());
    ByteReader in(*state);
    const auto left_out = book.load(in);
    if (!left_out) return fail(left_out.error());
    for (const ChainId& chain : *left_out) log::warn("digest.chain_ends", {{"chain", to_string(chain)}, {"why", "its trail, or the digests of it, are not configured any more"}});
  }
  book_ = std::move(book);
  return {};
}

/// What our group keeps in the digests topic, by its name there; with it, what was told.
Result<std::map<std::string, std::string>> DigestWriter::read_kept() {
  const auto held = log_.range(stream::kDigestsTopic, 0);
  if (!held) return fail(held.error());
  std::map<std::string, std::string> kept;
  told_.clear();
  told_is_known_ = held->end == 0;
  if (told_is_known_) return kept;
  auto reader = log_.read(stream::kDigestsTopic, 0, held->begin, std::nullopt);
  if (!reader) return fail(std::move(reader).error());
  const std::string ours = log_.group() + "/";
  stream::MessageBatch batch;
  for (bool more = true; more;) {
    auto read = (*reader)->read(std::chrono::seconds{1}, batch);
    if (!read) return fail(ErrorCode::kIo, std::move(read).error().message);
    more = *read;
    for (const stream::Message& message : batch.messages)
      if (message.key.starts_with(ours)) kept[std::string(message.key).substr(ours.size())] = message.value;
  }
  for (const auto& [name, value] : kept)
    if (name.starts_with(kTold)) told_.insert(name.substr(kTold.size()));
  told_is_known_ = true;
  return kept;
}

/// The state that was committed with the offset. kIo: it is not there, or not visible yet.
Result<std::string> DigestWriter::state_of(const std::map<std::string, std::string>& kept, const std::string& metadata) {
  const auto bytes = bytes_of(metadata);
  if (!bytes) return fail(ErrorCode::kUnsupported, "the committed offset does not say which state belongs to it (another program, or a newer version, works in this group): " + printable(metadata));
  std::string state;
  for (std::size_t i = 0; state.size() < *bytes && kept.contains(chunk_name(i)); ++i) state += kept.at(chunk_name(i));
  if (metadata_of(state) == metadata) return state;
  return fail(ErrorCode::kIo, fmt::format("the state that belongs to the committed offset is not in the topic {}. If it is lost, set the digest writer's group back to the beginning of the manifest: digests that are stored stay as they are, and it goes on from them",
                                          stream::kDigestsTopic));
}

void DigestWriter::start() {
  log_.start(assigned_->partition);
  is_reading_ = true;
}

void DigestWriter::stop(std::string why) {
  if (!stopped_.empty()) return;
  if (is_reading_) log_.stop(assigned_->partition);
  is_reading_ = false;
  log::error("digest.stopped", {{"why", why}, {"offset", next_}});
  stopped_ = std::move(why);
}

// ---- the manifest

/// False: no more of it now.
bool DigestWriter::take(const stream::Message& message) {
  if (!is_reading_) return false;
  if (message.offset < next_) return true;  // the client library may rewind
  const auto record = parse_manifest_record(message.value);
  if (!record) {
    stop(fmt::format("offset {} of the manifest: {}", message.offset, record.error().message));
    return false;
  }
  book_.take(*record);
  next_ = message.offset + 1;
  is_as_committed_ = false;
  if (!book_.due()) return true;
  log_.stop(assigned_->partition);
  is_reading_ = false;
  must_look_for_inputs_ = true;
  return false;
}

// ---- writing

/// The digests of the hours that are due, some of them a turn.
Result<void> DigestWriter::write_hours() {
  if (!has_begun_ || is_reading_ || !stopped_.empty() || waits()) return {};
  if (must_look_for_inputs_) {  // a partition that was added keeps the hour open until it is heard of
    if (auto known = expect_inputs(); !known) return block(known.error()), Result<void>{};
    must_look_for_inputs_ = false;
  }
  while (book_.due()) {
    auto wrote = write_some();
    if (!wrote) return fail(std::move(wrote).error());
    if (*wrote) return since_commit_ < kUncommitted ? Result<void>{} : commit();
    is_as_committed_ = false;
    book_.pass();
  }
  // Reading goes on from the committed offset: what came behind the hour was dropped.
  unblock();
  must_rewind_ = true;
  may_have_stored_ = false;
  return commit();
}

/// False: there is nothing to write in this hour.
Result<bool> DigestWriter::write_some() {
  std::vector<Task> tasks;
  for (DueDigest& due : book_.next(kAtATime, left_alone_)) tasks.push_back({std::move(due), {}, {}});
  if (tasks.empty()) return false;
  for (Task& task : tasks)
    if (auto sealed = seal(task); !sealed) return block(sealed.error()), true;
  trail::for_each_item(options_.threads, tasks.size(), [&](unsigned, std::size_t i) { store(tasks[i]); });
  std::optional<DeliveryTrouble> trouble;
  for (Task& task : tasks) {
    if (auto settled = settle(task); !settled && !trouble) trouble = std::move(settled).error();
  }
  if (trouble) block(*std::move(trouble));
  return true;
}

/// A public key is published before anything is signed by it.
Result<void> DigestWriter::seal(Task& task) {
  const std::string& folder = task.due.destination->trail.digest.key_directory;
  Keys& keys = keys_.at(folder);
  const auto key = keys.ring.key_for(task.due.digest.end);
  if (!key) return fail(key.error());
  if (const auto all = keys.ring.public_keys(); all.size() != keys.published) {
    if (auto published = trail::publish_keys(folder, all); !published) return published;
    keys.published = all.size();
  }
  task.sealed = trail::seal(std::move(task.due.digest), **key, deflater_);
  return {};
}

void DigestWriter::store(Task& task) const {
  trail::ObjectStore& store = *task.due.destination->store;
  const trail::SealedDigest& sealed = task.sealed;
  failpoint::hit("digest_before_put");
  const auto put = store.put({.key = sealed.digest.key, .bytes = sealed.bytes, .metadata = sealed.metadata, .may_exist = may_have_stored_});
  failpoint::hit("digest_after_put");
  if (!put) {
    task.there = tl::unexpected(put.error());
  } else if (!*put) {
    auto there = store.get(sealed.digest.key);
    if (there) task.there = *std::move(there);
    else task.there = tl::unexpected(std::move(there).error());
  }
}

/// What became of a digest. The error: what stands in the way, for now.
tl::expected<void, DeliveryTrouble> DigestWriter::settle(const Task& task) {
  const trail::SealedDigest& sealed = task.sealed;
  const trail::ObjectStore& store = *task.due.destination->store;
  if (!task.there) {
    const trail::StoreError& error = task.there.error();
    may_have_stored_ = true;
    if (error.fault != trail::StoreFault::kImpossible) return tl::unexpected(DeliveryTrouble{error.fault, store.name(), error.code, error.message, std::nullopt});
    leave_alone(task.due.chain, error.message);
    return {};
  }
  if (*task.there) {
    const trail::StoredObject& object = **task.there;
    const auto signature = object.metadata.find(trail::kSignatureName);
    if (object.bytes != sealed.bytes || signature == object.metadata.end() || signature->second != sealed.signature) return take_other(task, object);
  }
  written(task.due.chain, sealed.digest, sealed.sha256, sealed.signature);
  return {};
}

/// Another digest than ours stands in its place, of a writer that knew less, or made other bytes: if it is signed by a key of ours the chain goes on from it.
tl::expected<void, DeliveryTrouble> DigestWriter::take_other(const Task& task, const trail::StoredObject& object) {
  const std::string& key = task.sealed.digest.key;
  const trail::ObjectStore& store = *task.due.destination->store;
  trail::CheckRoom room;
  trail::FetchedDigest fetched{.metadata = object.metadata};
  if (auto opened = trail::open_digest(room.inflater, object.bytes, room.text)) fetched.opened = std::move(*opened);
  else fetched.verdict = trail::Verdict::kInvalidFormat;

  trail::KnownKeys known(keys_.at(task.due.destination->trail.digest.key_directory).ring.public_keys());
  trail::PublicKeys keys(known);
  auto checked = keys.load(kBeginningOfTime, kEndOfTime).and_then([&] { return trail::verify_digest(fetched, store.bucket(), key, nullptr, keys); });
  const trail::Verdict verdict = checked ? checked->verdict : trail::Verdict::kNoPublicKey;
  if (verdict == trail::Verdict::kNoPublicKey && !keys_are_fresh_) {  // who was here before may have made a key since we read them
    keys_are_fresh_ = true;
    if (auto opened = open_keys(); !opened) return tl::unexpected(trouble_of(opened.error()));
    return take_other(task, object);
  }
  if (verdict != trail::Verdict::kValid) {
    leave_alone(task.due.chain, fmt::format("{}: {} is there already, and no key of ours signed it ({}). Nothing is overwritten: find out who wrote it; digest writers of one trail share one key_directory",
                                            store.name(), printable(key), trail::to_string(verdict)));
    return {};
  }
  const trail::Digest& other = fetched.opened->digest;
  if (other.previous != task.sealed.digest.previous) {
    ++chain_breaks_;
    log::warn("digest.chain_goes_on_from_another", {{"chain", to_string(task.due.chain)}, {"key", key}});
  }
  written(task.due.chain, other, fetched.opened->sha256, object.metadata.at(trail::kSignatureName));
  return {};
}

void DigestWriter::written(const ChainId& chain, const trail::Digest& digest, std::string_view sha256, std::string_view signature) {
  book_.written(chain, digest, sha256, signature);
  is_as_committed_ = false;
  ++since_commit_;
  ++(trail::is_backfill(digest.key) ? backfilled_ : written_);
  unblock();
}

void DigestWriter::leave_alone(const ChainId& chain, const std::string& why) {
  left_alone_[chain] = why;
  ++chain_breaks_;
  log::error("digest.chain_stopped", {{"chain", to_string(chain)}, {"why", why}});
}

/// One transaction: the book, and where in the manifest it stands.
Result<void> DigestWriter::commit() {
  ByteWriter out;
  book_.save(out);
  const std::string& state = out.bytes();
  for (std::size_t at = 0, chunk = 0; at < state.size(); at += kChunkBytes, ++chunk) append(chunk_name(chunk), state.substr(at, kChunkBytes));
  const stream::Progress progress{assigned_->partition, next_, metadata_of(state)};
  failpoint::hit("digest_before_commit");
  const auto committed = is_committed(log_.commit(std::span(&progress, 1)));
  failpoint::hit("digest_after_commit");
  if (!committed) return fail(committed.error());
  if (!*committed) return {};
  committed_ = next_;
  metadata_ = progress.metadata;
  is_as_committed_ = true;
  since_commit_ = 0;
  return {};
}

/// Below our group's name in the digests topic.
void DigestWriter::append(const std::string& name, std::string value) {
  log_.append({.topic = std::string(stream::kDigestsTopic), .key = fmt::format("{}/{}", log_.group(), name), .value = std::move(value), .headers = {}, .partition = 0});
}

/// Whether it was committed; if not, we begin again from what is. The error: somebody else works in our place.
Result<bool> DigestWriter::is_committed(Result<stream::CommitResult> result) {
  if (!result) return fail(std::move(result).error());
  if (*result == stream::CommitResult::kFenced)
    return fail(ErrorCode::kUnsupported, "another process uses our transactional id: it goes on, this one stops. Give each its own `kafka.instance`");
  must_rewind_ = must_rewind_ || *result == stream::CommitResult::kRolledBack;
  return *result == stream::CommitResult::kCommitted;
}

// ---- tellings

void DigestWriter::tell(std::vector<Telling> tellings) { std::ranges::move(tellings, std::back_inserter(tellings_)); }

/// The offset goes with them as it is committed: so only the manifest's owner can tell, and the book stays out of it. Where they cannot be committed (no right to write alerts) digests go on.
Result<void> DigestWriter::commit_tellings() {
  if (tellings_.empty() || !has_begun_ || must_rewind_ || options_.now() < tell_again_) return {};
  std::erase_if(tellings_, [this](const Telling& one) { return told_.contains(one.id); });
  if (tellings_.empty()) return {};
  const std::string commit = fmt::format("{}/{}/{}/{}", log_.group(), log_.inputs().front(), assigned_->partition.number, committed_);
  std::set<std::string> ids;
  for (const Telling& one : tellings_) {
    if (!ids.insert(one.id).second) continue;
    stream::Outgoing message = one.message;
    message.headers.emplace_back("commit", commit);
    log_.append(std::move(message));
    append(std::string(kTold) + one.id, "1");
  }
  const stream::Progress progress{assigned_->partition, committed_, metadata_};
  failpoint::hit("digest_before_telling");
  const auto committed = is_committed(log_.commit(std::span(&progress, 1)));
  failpoint::hit("digest_after_telling");
  if (!committed) return fail(committed.error());
  tell_again_ = options_.now() + (*committed ? std::chrono::milliseconds{0} : options_.longest_wait);
  told_is_known_ = *committed;  // the offset, which stays, does not show whether it happened all the same
  if (!*committed) return {};
  told_.merge(ids);
  tellings_.clear();
  return {};
}

// ---- trouble

DeliveryTrouble DigestWriter::trouble_of(const Error& error) { return {trail::StoreFault::kNotNow, "", "", error.message, std::nullopt}; }

void DigestWriter::block(const Error& error) { block(trouble_of(error)); }

void DigestWriter::block(DeliveryTrouble trouble) {
  log::warn("digest.blocked", {{"store", trouble.store}, {"code", trouble.code}, {"why", trouble.message}, {"again_in_ms", std::int64_t{wait_.count()}}});
  blocked_ = std::move(trouble);
  blocked_until_ = options_.now() + wait_;
  wait_ = std::min(wait_ * 2, options_.longest_wait);
}

void DigestWriter::unblock() {
  blocked_.reset();
  blocked_until_.reset();
  wait_ = options_.first_wait;
}

// ---- for others to see

void DigestWriter::publish() {
  const std::lock_guard lock(mutex_);
  status_.is_member = assigned_.has_value();
  status_.is_writing = has_begun_ && !is_reading_;
  status_.stopped = stopped_;
  status_.next = next_;
  status_.committed = committed_;
  status_.passed = book_.passed();
  status_.waits_for = book_.slowest();
  status_.chains = book_.chains();
  status_.waiting_logs = book_.waiting();
  status_.written = written_;
  status_.backfilled = backfilled_;
  status_.chain_breaks = chain_breaks_;
  status_.blocked = blocked_;
  status_.stopped_chains = left_alone_;
  // Between hours, so that all heads are of the same one.
  if (!assigned_ || !book_.passed()) written_digests_.reset();
  else if (is_reading_ && (!written_digests_ || written_digests_->passed != *book_.passed())) written_digests_ = {*book_.passed(), 0, std::make_shared<const std::vector<ChainHead>>(book_.heads())};
  if (written_digests_) written_digests_->caught_up = caught_up_;
}

std::optional<WrittenDigests> DigestWriter::written_digests() const {
  const std::lock_guard lock(mutex_);
  return written_digests_;
}

DigestStatus DigestWriter::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace trailwarden::archive
