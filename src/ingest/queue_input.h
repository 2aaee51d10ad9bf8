#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aws/message_queue.h"
#include "core/result.h"
#include "core/time.h"
#include "ingest/byte_source.h"
#include "ingest/document_stream.h"
#include "ingest/feed.h"
#include "ingest/object_fetcher.h"
#include "ingest/queue_desk.h"
#include "ingest/queue_object.h"
#include "ingest/s3_notice.h"
#include "stream/embedded_input.h"
#include "trail/object_store.h"

namespace trailwarden::ingest {

struct QueueInputOptions {
  struct Queue {
    std::shared_ptr<aws::MessageQueue> queue;
    std::chrono::seconds hidden{300};        // for which its messages are hidden from others, again and again
    std::vector<std::string> buckets{};  // whose objects are read; empty: any
    std::string bucket_region{};         // of buckets whose notices do not say theirs
  };
  std::vector<Queue> queues;
  std::function<Result<std::shared_ptr<trail::ObjectStore>>(const std::string& bucket, const std::string& region)> open_bucket;
  /// Why an object must not be read, such as one of our own; empty text: it may.
  std::function<std::string(const NoticedObject& object)> refusal{};
  /// Called at the end, so that downloads under way are given up.
  std::function<void()> cancel{};

  std::size_t max_document_bytes = std::size_t{256} << 20;  // of one document or line, inflated
  std::chrono::milliseconds gather{10'000};                 // what comes in so long is put in order, while more comes
  std::size_t most_held = 5000;                             // messages
  std::size_t most_kept = QueueObjectTable::kMost;          // marks of objects
  bool threads = true;                                      // false, for tests: `turn` does what they would
  std::function<QueueDesk::Clock::time_point()> now = QueueDesk::Clock::now;
};

/// What became of messages and objects so far, by result.
struct QueueCounters {
  std::map<std::string, std::uint64_t> messages;  // done, repeat, other, malformed, gone, refused
  std::map<std::string, std::uint64_t> objects;   // read, repeat, skipped, unreadable, gone, refused, retried
};

/// The objects of S3 buckets of which notices come through queues, each once.
///
/// - A message is removed from its queue when everything in it is committed: the records of its objects, or the message itself as a fault if nobody can understand it. Killed at any
///   moment, the message comes again, and what was committed of it is passed over: objects are known by bucket, key and ETag, for 14 days (`QueueObjectTable`).
/// - An object is downloaded whole before anything of it is given. What the store refuses or cannot do at present is tried again, after 1 s to a minute, while its message is kept
///   hidden; `trouble` says why. One that is not there any more lets its message go: the queue's redrive policy decides. The same for objects that must not be read.
/// - Digests, folders, and events other than an object's creation are nothing to be read: their messages are removed at once.
///
/// Order: of what comes within `gather`, by CloudTrail's stamp in the name and then by name; without a stamp first, as of a `FolderWatcher`. Messages of a
/// stamped object carry the stamp as append time. Memory: as `QueueDesk` and `ObjectFetcher` say, and one object that is read.
/// Threads: as `stream::InputSource` says.
class QueueInput final : public stream::InputSource {
 public:
  explicit QueueInput(QueueInputOptions options);
  ~QueueInput() override;

  void restore(std::int64_t source, std::string_view state) override;
  Result<void> poll(std::chrono::milliseconds wait, stream::InputBatch& input) override;
  void committed(const stream::SourceMark& mark) override;
  std::string trouble() const override;
  void wake() override;

  const QueueCounters& counters() const { return counters_; }
  /// See there. Any thread.
  std::optional<AppendTime> oldest_message() const { return desk_->oldest(); }
  std::size_t messages_held() const { return desk_->held(); }

  /// One turn of what threads would do: every queue is asked, what is due is hidden and removed.
  void turn();

 private:
  using Clock = QueueDesk::Clock;
  using Number = std::uint64_t;  // of a message

  /// A message that is held.
  struct Letter {
    std::size_t open = 0;  // things of it that are not settled
    bool read = false, malformed = false, gone = false, refused = false, repeat = false;
  };
  /// Where something stands among those that wait.
  struct Place {
    Timestamp stamp;
    std::string name;  // `s3://BUCKET/KEY`
    Number letter = 0;
    std::size_t part = 0;  // of the letter
    auto operator<=>(const Place&) const = default;
  };
  /// An object that waits to be read; or a message that cannot be understood.
  struct Waiting {
    NoticedObject object;
    std::shared_ptr<trail::ObjectStore> store;
    Timestamp sent{};             // of its message
    std::string body{};           // of a message that cannot be understood
    std::string fault{};          // why it cannot be read; empty: it may be
    ObjectIdentity identity{};    // as far as the notice says; of a body its own
    std::uint64_t download = 0;   // of the fetcher
    std::chrono::seconds pause{0};
    Clock::time_point due{};
  };
  /// The object that is being read.
  struct Reading {
    QueueObject object;
    std::vector<Number> letters;  // whose it is
    Sender sender;
    std::unique_ptr<DocumentStream> stream;
    Slice next;  // read already, so that the last one is known as such
    bool has_next = false;
  };

  // Messages.
  void admit(const QueueDesk::Arrival& arrival);
  void admit(const QueueDesk::Arrival& arrival, NoticedObject object, std::size_t part);
  std::string refusal(const QueueDesk::Arrival& arrival, const NoticedObject& object) const;
  Result<std::shared_ptr<trail::ObjectStore>> store_of(const NoticedObject& object);
  bool is_repeat(const ObjectIdentity& identity, Number letter);
  void settle(Number letter);

  // Order.
  void look();
  bool round_is_due() const;
  void begin_round();

  // Reading.
  void read(stream::InputBatch& input);
  bool open_next(stream::InputBatch& input);
  void open(Place place, Waiting waiting, ObjectFetcher::Got got, stream::InputBatch& input);
  void begin(std::string bytes);
  void read_next();
  void give(stream::InputBatch& input);
  void end_without_rest(stream::InputBatch& input);
  void keep(QueueObject& object, stream::InputBatch& input);
  void give_fault(const Place& place, const Waiting& waiting, stream::InputBatch& input);
  void try_again(Place place, Waiting waiting, std::string why);

  void set_trouble(const std::string& of, std::string what);
  std::optional<Clock::time_point> next_due() const;
  void news();

  const QueueInputOptions options_;
  std::unique_ptr<QueueDesk> desk_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<trail::ObjectStore>> stores_;  // by bucket and Region
  std::unique_ptr<ObjectFetcher> fetcher_;

  QueueObjectTable table_;
  std::unordered_map<Number, Letter> letters_;
  std::map<Place, Waiting> now_, later_, failed_;  // the round that is read, the next one, and what is tried again
  std::optional<Clock::time_point> gathering_since_;
  bool more_at_once_ = false;  // as of what was taken last: asked later, it could be of arrivals that were not taken
  std::unordered_map<std::int64_t, std::vector<Number>> uncommitted_;  // by object: whose messages wait for its commit
  std::set<std::string> told_;  // refusals that are in the log

  ReadTools tools_;
  BatchBuilder builder_;
  std::unique_ptr<Reading> reading_;
  bool told_drained_ = false;
  QueueCounters counters_;

  mutable std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  bool woken_ = false, has_news_ = false;
  std::map<std::string, std::string> troubles_;  // by what is tried again
};

}  // namespace trailwarden::ingest
