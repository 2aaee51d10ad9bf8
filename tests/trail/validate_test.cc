#include "trail/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "testing/memory_object_store.h"
#include "testing/written_trail.h"
#include "trail/digest.h"

namespace trailwarden::trail {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Timestamp kFrom = parse_event_time("2026-02-15T00:00:00Z").value();

const DigestKey& a_key() {
  static const DigestKey key = DigestKey::generate(kFrom, kFrom + hours{24 * 60}).value();
  return key;
}
const DigestKey& another_key() {
  static const DigestKey key = DigestKey::generate(kFrom, kFrom + hours{24 * 60}).value();
  return key;
}

/// A written day that may be tampered with.
class ValidateTrail : public ::testing::Test {
 protected:
  ValidateTrail() { day.write(store, a_key()); }

  ValidationReport validate(ValidateOptions options = {.trail = {.trail = "main", .home_region = "eu-central-1"}}) {
    KnownKeys keys(published);
    auto report = validate_trail(store, keys, options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? std::move(*report) : ValidationReport{};
  }
  /// Key and verdict of each problem.
  static std::vector<std::string> problems(const ValidationReport& report) {
    std::vector<std::string> lines;
    for (const Checked& problem : report.problems) lines.push_back(problem.key + " " + std::string(to_string(problem.verdict)));
    return lines;
  }
  static std::string invalid(const std::string& key, const std::string& what) { return key + " INVALID: " + what; }

  /// Stores another digest under the key of one, as it is after `change`; signed unless the change is to what is signed.
  template <class Change>
  void replace_digest(const std::string& key, const DigestKey& signer, Change change) {
    MemberInflater inflater;
    MemberDeflater deflater(6);
    std::string room;
    Digest digest = open_digest(inflater, store.objects.at(key).bytes, room)->digest;
    change(digest);
    const SealedDigest sealed = seal(digest, signer, deflater);
    store.objects[key] = {sealed.bytes, sealed.metadata};
  }

  testing::MemoryObjectStore store;
  testing::WrittenTrail day;
  std::vector<PublicKey> published{a_key().public_key()};
};

TEST_F(ValidateTrail, FindsACleanOneIntact) {
  const auto report = validate();
  EXPECT_TRUE(report.intact());
  EXPECT_THAT(problems(report), IsEmpty());
  ASSERT_THAT(report.chains, SizeIs(1));
  const ChainReport& chain = report.chains.front();
  EXPECT_EQ(chain.digests, (Count{24, 0}));
  EXPECT_EQ(chain.backfill_digests, (Count{2, 0}));
  EXPECT_EQ(chain.logs, (Count{42, 0}));
  EXPECT_EQ(chain.found_from, day.start);
  EXPECT_EQ(chain.found_until, day.end());
  EXPECT_THAT(chain.gaps, IsEmpty());
  EXPECT_EQ(report.unproven, 0U);
  EXPECT_THAT(to_text(report), HasSubstr("Results found for 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z:\n24/24 digest files valid\n2/2 backfill digest files valid\n42/42 log files valid\n"));
}

TEST_F(ValidateTrail, TellsTheSameWithAnyNumberOfThreads) {
  store.objects[day.logs[3]].bytes[12] ^= 1;
  store.objects.erase(day.digests[7]);
  const auto lines = [&](unsigned threads) {
    std::string text;
    ValidateOptions options{.threads = threads, .on_checked = [&](const Checked& object) { text += to_line(object) + "\n"; }};
    const auto report = validate(options);
    return text + to_json(report);
  };
  const std::string one = lines(1);
  for (const unsigned threads : {2U, 3U, 8U}) EXPECT_EQ(lines(threads), one) << threads;
}

TEST_F(ValidateTrail, ReadsEachObjectOnceAndThoseThatAreKnownNotAtAll) {
  std::map<std::string, int> reads;
  store.refuse = [&](testing::MemoryObjectStore::Call call, std::string_view key) -> std::optional<StoreError> {
    reads[std::string(key)] += call == testing::MemoryObjectStore::Call::kGet ? 1 : 0;
    return std::nullopt;
  };
  for (const unsigned threads : {1U, 4U}) {
    reads.clear();
    EXPECT_TRUE(validate({.threads = threads}).intact());
    for (const auto* keys : {&day.logs, &day.digests, &day.backfill})
      for (const std::string& key : *keys) EXPECT_EQ(reads[key], 1) << key;
  }
  reads.clear();
  store.objects[day.logs[3]].bytes[12] ^= 1;
  const auto report = validate({.is_known = [&](const DigestedLog& log) { return log.key == day.logs[3] || log.key == day.logs[8]; }});
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.chains.front().logs, (Count{42, 0}));
  EXPECT_EQ(reads[day.logs[3]] + reads[day.logs[8]], 0);
  EXPECT_EQ(reads[day.logs[4]], 1);
}

TEST_F(ValidateTrail, FindsTrailsAccountsAndRegions) {
  testing::WrittenTrail other{.names = day.names, .place = {"444455556666", "us-east-1"}, .hours = 3};
  testing::WrittenTrail second{.names = {.trail = "second_one", .home_region = "us-east-1"}, .place = {"444455556666", "us-east-1"}, .start = day.start + hours{100}, .hours = 2};
  other.write(store, a_key());
  second.write(store, a_key());
  const auto all = validate({});
  EXPECT_TRUE(all.intact()) << to_json(all);
  ASSERT_THAT(all.chains, SizeIs(3));
  EXPECT_EQ(all.chains[2].trail.trail, "second_one");
  EXPECT_THAT(validate({.account = "444455556666"}).chains, SizeIs(2));
  EXPECT_THAT(validate({.trail = {.trail = "second_one"}}).chains, SizeIs(1));
  EXPECT_THAT(validate({.region = "eu-west-1"}).chains, SizeIs(1));
  EXPECT_THAT(validate({.account = "777777777777"}).chains, IsEmpty());
}

TEST_F(ValidateTrail, FindsAPrefixAndAnOrganization) {
  testing::WrittenTrail other{.names = {.prefix = "a/b", .organization = "o-123", .trail = "org", .home_region = "eu-west-1"}, .hours = 9};
  other.write(store, a_key());
  const auto report = validate({.trail = other.names});
  EXPECT_TRUE(report.intact());
  ASSERT_THAT(report.chains, SizeIs(1));
  EXPECT_EQ(report.chains.front().digests, (Count{9, 0}));
}

TEST_F(ValidateTrail, LooksAtARange) {
  const auto report = validate({.from = day.start + hours{6}, .until = day.start + hours{12}});
  EXPECT_TRUE(report.intact()) << to_json(report);
  // The digests that end in it, and the one after, which may list what was delivered at its end.
  EXPECT_EQ(report.chains.front().digests, (Count{8, 0}));
  EXPECT_THAT(report.chains.front().gaps, IsEmpty());
  const auto wide = validate({.from = day.start - hours{2}, .until = day.end() + hours{3}});
  EXPECT_TRUE(wide.intact());
  EXPECT_THAT(wide.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kNoneAfter, day.end(), day.end() + hours{3}}, Gap{Gap::Reason::kNoneBefore, day.start - hours{2}, day.start}));
}

TEST_F(ValidateTrail, LooksForALateLogInALaterDigest) {
  // Delivered at 03:50, listed by the backfill digest of 08:00.
  EXPECT_TRUE(validate({.from = day.start + hours{3}, .until = day.start + hours{4}}).intact());
  store.objects.erase(day.backfill.front());
  EXPECT_THAT(problems(validate({.from = day.start + hours{3}, .until = day.start + hours{4}})), SizeIs(1));
}

// Each tampering of the specification.

TEST_F(ValidateTrail, SeesAChangedLog) {
  store.objects[day.logs[3]].bytes = testing::a_log_object(day.start, 1).bytes;
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.logs[3], "hash value doesn't match")));
}

TEST_F(ValidateTrail, SeesADamagedLog) {
  store.objects[day.logs[3]].bytes[0] ^= 1;
  store.objects[day.logs[9]].bytes.resize(30);
  store.objects[day.logs[10]].bytes.clear();
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.logs[10], "hash value doesn't match"), invalid(day.logs[9], "hash value doesn't match"), invalid(day.logs[3], "invalid format")));
}

TEST_F(ValidateTrail, SeesBytesBehindALog) {
  store.objects[day.logs[3]].bytes += "hidden";
  store.objects[day.logs[4]].bytes += testing::a_log_object(day.start, 1).bytes;
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.logs[4], "unexpected data after end of compressed stream"), invalid(day.logs[3], "unexpected data after end of compressed stream")));
}

TEST_F(ValidateTrail, SeesAMissingLog) {
  store.objects.erase(day.logs[3]);
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.logs[3], "not found")));
  EXPECT_EQ(report.chains.front().logs, (Count{41, 1}));
  EXPECT_FALSE(report.intact());
}

TEST_F(ValidateTrail, SeesAMissingDigest) {
  store.objects.erase(day.digests[5]);
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.digests[5], "not found")));
  EXPECT_THAT(report.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kMissing, day.start + hours{5}, day.start + hours{6}}));
  EXPECT_EQ(report.chains.front().digests, (Count{23, 1}));
}

TEST_F(ValidateTrail, SeesTwoDigestsMissingInARow) {
  store.objects.erase(day.digests[9]);
  store.objects.erase(day.digests[8]);
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.digests[9], "not found")));  // the other one is named by none
  EXPECT_THAT(report.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kMissing, day.start + hours{8}, day.start + hours{10}}));
  EXPECT_EQ(report.unproven, 4U);  // their logs
  EXPECT_THAT(to_text(report), ContainsRegex("\n  2026-03-01T08:00:00Z  2026-03-01T10:00:00Z  2 hours +111122223333  eu-west-1 +digests are missing +main\n"));
}

TEST_F(ValidateTrail, SeesTheFirstDigestMissing) {
  store.objects.erase(day.digests[0]);
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.digests[0], "not found")));
  EXPECT_THAT(report.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kMissing, day.start, day.start + hours{1}}));
}

TEST_F(ValidateTrail, SeesAMovedDigest) {
  store.objects[day.digests[5]] = store.objects[day.digests[6]];
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.digests[5], "has been moved from its original location")));
}

TEST_F(ValidateTrail, SeesADigestOfAnotherBucket) {
  const auto report = validate({.bucket = "elsewhere"});
  EXPECT_EQ(report.chains.front().digests, (Count{0, 24}));
  EXPECT_THAT(problems(report), SizeIs(26));
  EXPECT_TRUE(validate({.bucket = "trails"}).intact());
}

TEST_F(ValidateTrail, SeesAWrongKey) {
  published = {another_key().public_key()};
  const auto unknown = validate();
  EXPECT_EQ(unknown.chains.front().digests, (Count{0, 24}));
  EXPECT_EQ(unknown.problems.front().verdict, Verdict::kNoPublicKey);
  EXPECT_THAT(unknown.problems.front().detail, HasSubstr(a_key().public_key().fingerprint));
  published.front().fingerprint = a_key().public_key().fingerprint;
  EXPECT_EQ(validate().problems.front().verdict, Verdict::kSignatureWrong);
  published.front().der.insert(0, "0");
  EXPECT_EQ(validate().problems.front().verdict, Verdict::kKeyUnusable);
}

TEST_F(ValidateTrail, SeesAChangedDigest) {
  const SealedDigest changed = [&] {
    MemberDeflater deflater(6);
    return seal({.account = "1", .start = day.start, .end = day.start + hours{1}, .bucket = "trails", .key = day.digests[5]}, another_key(), deflater);
  }();
  store.objects[day.digests[5]].bytes = changed.bytes;
  store.objects[day.digests[7]].bytes.resize(40);
  store.objects[day.digests[9]].bytes.clear();
  published.push_back(another_key().public_key());
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.digests[9], "invalid format"), invalid(day.digests[7], "invalid format"), invalid(day.digests[5], "signature verification failed")));
  EXPECT_THAT(report.chains.front().gaps, SizeIs(3));
  EXPECT_EQ(report.chains.front().gaps.front().reason, Gap::Reason::kNotVerified);
}

TEST_F(ValidateTrail, SeesChangedMetadata) {
  store.objects[day.digests[5]].metadata["signature"][10] ^= 1;
  store.objects[day.digests[6]].metadata.erase("signature");
  store.objects[day.digests[7]].metadata.erase("signature-algorithm");
  store.objects[day.digests[8]].metadata["signature-algorithm"] = "none";
  store.objects[day.backfill[0]].metadata.erase("backfill-generation-timestamp");
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.digests[8], "signed by another algorithm"), invalid(day.digests[7], "signature verification failed"),
                                                invalid(day.digests[6], "signature verification failed"), invalid(day.digests[5], "signature verification failed"),
                                                invalid(day.backfill[0], "invalid format"), invalid(day.logs[14], "no digest lists it")));
}

TEST_F(ValidateTrail, SeesADigestThatIsNotTheOneNamed) {
  // By who has the key: signed again, without its logs.
  replace_digest(day.digests[5], a_key(), [](Digest& digest) { digest.account = "999999999999"; });
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.digests[5], "not the digest whose hash the next digest names")));
}

TEST_F(ValidateTrail, SeesSwappedPreviousValues) {
  replace_digest(day.digests.back(), a_key(), [](Digest& digest) { digest.previous->signature = std::string(512, '0'); });
  replace_digest(day.backfill.back(), a_key(), [](Digest& digest) { digest.previous->sha256 = std::string(64, '0'); });
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.digests[22], "not the digest whose signature the next digest names"),
                                                invalid(day.backfill[0], "not the digest whose hash the next digest names")));
}

TEST_F(ValidateTrail, SeesAMissingBackfillDigest) {
  store.objects.erase(day.backfill[0]);
  const auto report = validate();
  EXPECT_THAT(problems(report), ElementsAre(invalid(day.backfill[0], "not found"), invalid(day.logs[14], "no digest lists it")));
  EXPECT_EQ(report.chains.front().backfill_digests, (Count{1, 1}));
}

TEST_F(ValidateTrail, SeesALogThatNoDigestLists) {
  const std::string added = log_key(day.names, ObjectKind::kLog, day.place, day.start + hours{4}, unique_part("added"));
  const std::string strange = day_folder(day.names, ObjectKind::kLog, day.place, day.start) + "notes.txt";
  store.objects[added] = store.objects.at(day.logs[0]);
  store.objects[strange] = {};
  store.objects[day_folder(day.names, ObjectKind::kLog, day.place, day.start)] = {};  // a folder, as consoles make them
  store.objects[log_key(day.names, ObjectKind::kLog, day.place, day.end() + minutes{5}, unique_part("new"))] = store.objects.at(day.logs[0]);
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(added, "no digest lists it"), invalid(strange, "no digest lists it")));
}

TEST_F(ValidateTrail, SeesAnUnlistedInsightIfDigestsListInsights) {
  const auto insight = [&](const char* name) { return log_key(day.names, ObjectKind::kInsight, day.place, day.start + hours{23} + minutes{30}, unique_part(name)); };
  const LogObject object = testing::a_log_object(day.start, 1);
  store.objects[insight("listed")].bytes = store.objects[insight("not listed")].bytes = object.bytes;
  EXPECT_TRUE(validate().intact());
  replace_digest(day.digests.back(), a_key(), [&](Digest& digest) { digest.logs.push_back({"trails", insight("listed"), object.sha256, {}, {}}); });
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(insight("not listed"), "no digest lists it")));
}

TEST_F(ValidateTrail, TellsHowFarItIs) {
  std::vector<ValidationProgress> told;
  validate({.on_progress = [&](const ValidationProgress& progress) { told.push_back(progress); }});
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().digests, 26U);
  EXPECT_EQ(told.back().digests_in_all, 26U);
  EXPECT_EQ(told.back().logs, 42U);
  EXPECT_GT(told.back().bytes, 42U * 100);
}

TEST_F(ValidateTrail, SeesALogThatIsListedTwice) {
  DigestedLog twice;
  replace_digest(day.digests.back(), a_key(), [&](Digest& digest) { twice = {"trails", day.logs[0], "", {}, {}}; digest.logs.clear(); });
  MemberInflater inflater;
  std::string room;
  twice = open_digest(inflater, store.objects.at(day.digests[0]).bytes, room)->digest.logs[0];
  replace_digest(day.digests.back(), a_key(), [&](Digest& digest) { digest.logs = {twice}; });
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(twice.key, "listed by more than one digest")));
}

TEST_F(ValidateTrail, SeesWindowsThatDoNotTile) {
  replace_digest(day.digests.back(), a_key(), [](Digest& digest) { digest.start -= minutes{30}; });
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(day.digests[22], "ends after the next digest starts")));
  replace_digest(day.digests.back(), a_key(), [](Digest& digest) { digest.start += minutes{45}; });
  const auto report = validate();
  EXPECT_THAT(report.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kMissing, day.start + hours{23}, day.start + hours{23} + minutes{15}}));
  EXPECT_FALSE(report.intact());
}

TEST_F(ValidateTrail, SeesADigestBesideTheChain) {
  const std::string stray = digest_object_key(day.names, day.place, day.start + hours{5} + minutes{30}, false);
  store.objects[stray] = store.objects.at(day.digests[5]);
  EXPECT_THAT(problems(validate()), ElementsAre(invalid(stray, "no other digest names it")));
}

TEST_F(ValidateTrail, TakesANewStartForAGapThatSomebodyMayHaveWanted) {
  testing::WrittenTrail later{.names = day.names, .place = day.place, .start = day.end() + hours{5}, .hours = 3};
  later.write(store, a_key());
  const auto report = validate();
  EXPECT_TRUE(report.intact());
  EXPECT_THAT(report.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kStartedAnew, day.end(), day.end() + hours{5}}));
}

TEST_F(ValidateTrail, TakesAPauseOfLoggingForOne) {
  testing::WrittenTrail other{.names = {.trail = "paused", .home_region = "eu-west-1"}, .place = {"444455556666", "eu-west-1"}, .paused = true};
  other.write(store, a_key());
  const auto report = validate({.trail = other.names});
  EXPECT_TRUE(report.intact());
  ASSERT_THAT(report.chains, SizeIs(1));
  EXPECT_THAT(report.chains.front().gaps, ElementsAre(Gap{Gap::Reason::kStartedAnew, day.start + hours{10} + minutes{20}, day.start + hours{13}}));
}

TEST_F(ValidateTrail, CountsLogsThatWereDeliveredWithoutValidation) {
  store.objects[log_key(day.names, ObjectKind::kLog, {"222222222222", "eu-west-1"}, day.start, unique_part("a"))] = store.objects.at(day.logs[0]);
  const auto report = validate({});
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.unproven, 1U);
}

TEST_F(ValidateTrail, VerifiesACopyWithoutMetadataByWhatTheNextDigestNames) {
  const std::string newest = day.digests.back();
  for (auto& [key, object] : store.objects)
    object.metadata.clear();
  EXPECT_EQ(validate().chains.front().digests, (Count{0, 24}));
  const auto report = validate({.copied = true});
  // Nothing vouches for the newest digests, nor for the late log that one of them lists.
  EXPECT_THAT(problems(report), ElementsAre(invalid(newest, "signature verification failed"), invalid(day.backfill.back(), "invalid format"), HasSubstr("T1250Z_")));
  store.objects[day.digests[5]].bytes = store.objects[day.digests[4]].bytes;
  EXPECT_THAT(problems(validate({.copied = true})), ::testing::Contains(invalid(day.digests[5], "has been moved from its original location")));
}

// The store.

StoreError error_of(StoreFault fault) { return {fault, "Code", "what the store says"}; }

TEST_F(ValidateTrail, AsksAgainWhileTheStoreSaysNotNow) {
  int refusals = 3;
  store.refuse = [&](auto, std::string_view) { return refusals-- > 0 ? std::optional(error_of(StoreFault::kNotNow)) : std::nullopt; };
  EXPECT_TRUE(validate().intact());
}

TEST_F(ValidateTrail, EndsIfTheStoreRefuses) {
  for (const auto call : {testing::MemoryObjectStore::Call::kGet, testing::MemoryObjectStore::Call::kList}) {
    store.refuse = [&](auto asked, std::string_view) { return asked == call ? std::optional(error_of(StoreFault::kRefused)) : std::nullopt; };
    KnownKeys keys(published);
    const auto report = validate_trail(store, keys, {});
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message, HasSubstr("what the store says"));
  }
}

TEST_F(ValidateTrail, RefusesWhatMakesNoSense) {
  KnownKeys keys(published);
  EXPECT_FALSE(validate_trail(store, keys, {.account = "../.."}));
  EXPECT_FALSE(validate_trail(store, keys, {.from = day.end(), .until = day.start}));
}

TEST_F(ValidateTrail, IsWrittenAsJson) {
  store.objects.erase(day.digests[5]);
  const std::string json = to_json(validate());
  EXPECT_THAT(json, HasSubstr(R"("intact":false,"chains":[{"trail":"main","homeRegion":"eu-central-1","account":"111122223333","region":"eu-west-1","foundFrom":"2026-03-01T00:00:00Z",)"
                              R"("foundUntil":"2026-03-02T00:00:00Z","digests":{"valid":23,"invalid":1})"));
  EXPECT_THAT(json, HasSubstr(R"("gaps":[{"from":"2026-03-01T05:00:00Z","until":"2026-03-01T06:00:00Z","reason":"missing"}])"));
  EXPECT_THAT(json, HasSubstr(R"({"kind":"digest","bucket":"trails","key":")" + day.digests[5] + R"(","verdict":"not found","detail":""})"));
}

}  // namespace
}  // namespace trailwarden::trail
