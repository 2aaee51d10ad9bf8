#include "archive/digest_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "testing/memory_object_store.h"

namespace trailwarden::archive {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Timestamp kNine = parse_event_time("2026-03-01T09:00:00Z").value();
const trail::Place kPlace{"111122223333", "eu-west-1"};

std::vector<Destination> destinations(bool enabled = true) {
  trail::TrailConfig trail;
  trail.name = "main";
  trail.home_region = "eu-west-1";
  trail.digest.enabled = enabled;
  return {{trail, std::make_shared<testing::MemoryObjectStore>()}};
}

ManifestProgress until(Timestamp time, std::int32_t partition = 0) { return {"cloudtrail", partition, 0, time}; }

ManifestObject an_object(Timestamp delivered, const std::string& name = "a") {
  ManifestObject object{.trail = "main", .bucket = "trails", .place = kPlace, .delivered = delivered, .sha256 = sha256_hex(name)};
  object.key = trail::log_key({.trail = "main", .home_region = "eu-west-1"}, trail::ObjectKind::kLog, kPlace, delivered, trail::unique_part(name));
  return object;
}

/// Writes all that is due: `END:LOGS`, with `b` for a backfill digest.
std::string write_due(DigestBook& book) {
  std::string text;
  for (; book.due(); book.pass()) {
    for (auto due = book.next(10, {}); !due.empty(); due = book.next(10, {})) {
      for (const DueDigest& one : due) {
        text += (text.empty() ? "" : " ") + format_time(one.digest.end).substr(11, 5) + ":" + std::to_string(one.digest.logs.size()) + (trail::is_backfill(one.digest.key) ? "b" : "");
        book.written(one.chain, one.digest, std::string(64, 'a'), "00");
      }
    }
  }
  return text;
}

TEST(DigestBook, AnHourPassesWhenItHasForEveryPartition) {
  const auto to = destinations();
  DigestBook book(to);
  book.expect({{"cloudtrail", 2}});
  book.take(an_object(kNine + minutes{5}));
  book.take(until(kNine + hours{2}, 0));
  EXPECT_EQ(book.due(), std::nullopt) << "nobody has heard of the other";
  EXPECT_EQ(book.slowest()->partition, 1);
  book.take(until(kNine + minutes{59}, 1));
  EXPECT_EQ(write_due(book), "") << "nothing is to be written at 9";
  book.take(until(kNine + minutes{61}, 1));
  EXPECT_EQ(write_due(book), "10:00:1");
  EXPECT_EQ(book.waiting(), 0U);
}

TEST(DigestBook, ATimeThatGoesBackTakesNothingBack) {
  const auto to = destinations();
  DigestBook book(to);
  book.expect({{"cloudtrail", 1}});
  book.take(an_object(kNine));
  book.take(until(kNine + hours{1}));
  book.take(until(kNine));
  EXPECT_EQ(write_due(book), "10:00:1");
}

TEST(DigestBook, APartitionThatWasAddedKeepsTheHourOpen) {
  const auto to = destinations();
  DigestBook book(to);
  book.expect({{"cloudtrail", 1}});
  book.take(an_object(kNine));
  book.take(until(kNine + hours{1}));
  ASSERT_EQ(write_due(book), "10:00:1");
  book.take(until(kNine + hours{2}));
  book.expect({{"cloudtrail", 2}});
  EXPECT_EQ(write_due(book), "");
  book.take(until(kNine + hours{2}, 1));
  EXPECT_EQ(write_due(book), "11:00:0");
  book.expect({{"other", 1}});
  EXPECT_EQ(book.slowest()->topic, "other") << "topics that are not archived any more hold nothing up";
}

TEST(DigestBook, HoursPassOneByOne) {
  const auto to = destinations();
  DigestBook book(to);
  book.expect({{"cloudtrail", 1}});
  book.take(an_object(kNine));
  book.take(until(kNine + hours{1}));
  ASSERT_EQ(write_due(book), "10:00:1");
  book.take(an_object(kNine, "late"));
  book.take(until(kNine + hours{4}));
  EXPECT_EQ(write_due(book), "11:00:0 11:00:1b 12:00:0 13:00:0") << "the late log is listed by the first hour that comes";
}

TEST(DigestBook, ATrailWithoutDigestsHasNone) {
  const auto to = destinations(false);
  DigestBook book(to);
  book.expect({{"cloudtrail", 1}});
  book.take(an_object(kNine));
  book.take(until(kNine + hours{3}));
  EXPECT_EQ(write_due(book), "");
  EXPECT_EQ(book.chains(), 0U);
}

TEST(DigestBook, IsReadAsItWasSaved) {
  const auto to = destinations(), none = destinations(false);
  DigestBook book(to);
  book.expect({{"cloudtrail", 2}});
  book.take(an_object(kNine));
  book.take(until(kNine + hours{1}, 0));
  book.take(until(kNine + hours{1}, 1));
  ASSERT_EQ(write_due(book), "10:00:1");
  book.take(an_object(kNine + hours{1}, "next"));
  book.take(until(kNine + hours{2}, 0));
  ByteWriter out;
  book.save(out);
  for (std::size_t size = 0; size < out.size(); ++size) {
    ByteReader in(std::string_view(out.bytes()).substr(0, size));
    EXPECT_FALSE(DigestBook(to).load(in)) << size;
  }
  DigestBook again(to), without(none);
  ByteReader in(out.bytes()), in_again(out.bytes());
  EXPECT_EQ(again.load(in).value(), std::vector<ChainId>{});
  EXPECT_EQ(again.passed(), kNine + hours{1});
  again.take(until(kNine + hours{2}, 1));
  EXPECT_EQ(write_due(again), "11:00:1");
  EXPECT_EQ(without.load(in_again).value(), (std::vector<ChainId>{{"main", kPlace}})) << "a trail that has none any more";
}

TEST(Manifest, ProgressIsReadAsItWasWritten) {
  const ManifestProgress progress = until(kNine, 7);
  EXPECT_EQ(std::get<ManifestProgress>(parse_manifest_record(to_json(progress)).value()), progress);
  EXPECT_FALSE(parse_manifest_record(R"({"version":1,"record":"progress","topic":"t","partition":0,"offset":3})"));
  EXPECT_FALSE(parse_manifest_record(R"({"version":1,"record":"other"})"));
}

}  // namespace
}  // namespace trailwarden::archive
