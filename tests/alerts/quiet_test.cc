#include "alerts/quiet.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace trailwarden::alerts {
namespace {

using event::Severity;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr Timestamp kStart{std::chrono::seconds{1'700'000'000}};

event::Finding a_finding(std::string entity, std::chrono::seconds after_start, Severity severity = Severity::kMedium, std::string event_id = "id") {
  event::Finding finding;
  finding.detector = "root_use";
  finding.what = "sign_in";
  finding.entity = std::move(entity);
  finding.severity = severity;
  finding.decision_time = kStart + after_start;
  finding.deciding_event_id = std::move(event_id);
  finding.evidence.emplace_back();
  return finding;
}

/// A Quiet, and what came out of it in words: "0 passed", "60 folded", "3600 summary of 2, 0 to 60".
class Recorded {
 public:
  explicit Recorded(std::chrono::seconds quiet_for = 1h) : quiet_for_(quiet_for) {}
  Recorded(const Recorded&) = delete;

  void observe(event::Finding finding) { quiet.observe(std::move(finding), quiet_for_, output_); }
  void advance(std::chrono::seconds after_start) { quiet.advance(kStart + after_start, output_); }
  void finish() { quiet.finish(output_); }

  std::vector<std::string> said;
  std::vector<Summary> summaries;
  std::uint64_t passed = 0, folded = 0;
  Quiet quiet;

 private:
  static std::string at(Timestamp time) { return std::to_string((time - kStart).count()); }

  std::chrono::seconds quiet_for_;
  const Quiet::Output output_{[this](const event::Finding& finding) {
                                ++passed;
                                said.push_back(at(finding.decision_time) + " passed");
                              },
                              [this](const Summary& summary) {
                                summaries.push_back(summary);
                                said.push_back(at(summary.decision_time) + " summary of " + std::to_string(summary.repeats) + ", " + at(summary.first) + " to " +
                                               at(summary.last));
                              },
                              [this](const event::Finding& finding) {
                                ++folded;
                                said.push_back(at(finding.decision_time) + " folded");
                              }};
};

TEST(Quiet, FoldsRepeatsIntoTheFirstAndSumsThemUp) {
  Recorded r;
  for (const auto at : {0s, 60s, 3599s}) r.observe(a_finding("root", at));
  r.advance(3599s);
  EXPECT_THAT(r.said, ElementsAre("0 passed", "60 folded", "3599 folded"));
  r.advance(3600s);
  EXPECT_EQ(r.said.back(), "3600 summary of 2, 0 to 3599");
  EXPECT_EQ(r.quiet.open_windows(), 0U);
}

TEST(Quiet, SaysNothingMoreOfWhatDidNotRepeat) {
  Recorded r;
  r.observe(a_finding("root", 0s));
  r.finish();
  EXPECT_THAT(r.said, ElementsAre("0 passed"));
}

TEST(Quiet, BeginsAgainBehindTheEnd) {
  Recorded r;
  for (const auto at : {0s, 10s, 3600s, 3610s}) r.observe(a_finding("root", at));
  r.finish();
  EXPECT_THAT(r.said, ElementsAre("0 passed", "10 folded", "3600 summary of 1, 0 to 10", "3600 passed", "3610 folded", "7200 summary of 1, 3600 to 3610"));
}

TEST(Quiet, LetsWhatIsMoreSevereThanEverythingSoFarPass) {
  Recorded r;
  r.observe(a_finding("root", 0s, Severity::kMedium));
  r.observe(a_finding("root", 1s, Severity::kMedium));
  r.observe(a_finding("root", 2s, Severity::kCritical));
  r.observe(a_finding("root", 3s, Severity::kHigh));
  r.observe(a_finding("root", 4s, Severity::kCritical));
  r.finish();
  EXPECT_THAT(r.said, ElementsAre("0 passed", "1 folded", "2 passed", "3 folded", "4 folded", "3600 summary of 3, 0 to 4"));
  EXPECT_EQ(r.summaries[0].finding.severity, Severity::kCritical);
  EXPECT_EQ(r.summaries[0].finding.decision_time, kStart);
}

TEST(Quiet, FoldsWhatComesFromShortlyBefore) {
  Recorded r;
  r.observe(a_finding("root", 4000s));
  r.observe(a_finding("root", 401s));
  r.observe(a_finding("root", 400s));  // an hour before: no repeat
  r.finish();
  EXPECT_THAT(r.said, ElementsAre("4000 passed", "401 folded", "400 passed", "7600 summary of 1, 401 to 4000"));
}

TEST(Quiet, TellsKeysApart) {
  Recorded r;
  event::Finding other_what = a_finding("root", 1s), other_detector = a_finding("root", 2s);
  other_what.what = "write_call";
  other_detector.detector = "iam_burst";
  r.observe(a_finding("root", 0s));
  r.observe(other_what);
  r.observe(other_detector);
  r.observe(a_finding("alice", 3s));
  EXPECT_EQ(r.passed, 4U);
}

TEST(Quiet, LeavesOtherWindowsToTheWatermark) {
  Recorded r;
  r.observe(a_finding("root", 0s));
  r.observe(a_finding("alice", 0s));
  r.observe(a_finding("root", 4000s));
  r.observe(a_finding("alice", 3000s));  // out of order, and still inside alice's hour
  EXPECT_THAT(r.said, ElementsAre("0 passed", "0 passed", "4000 passed", "3000 folded"));
}

TEST(Quiet, FoldsNothingWithoutQuietTime) {
  Recorded r(0s);
  for (int i = 0; i < 3; ++i) r.observe(a_finding("root", 0s));
  r.finish();
  EXPECT_EQ(r.passed, 3U);
  EXPECT_EQ(r.quiet, Quiet());
}

TEST(Quiet, KeepsTheFirstEventIdsAndTheLateness) {
  Recorded r;
  r.observe(a_finding("root", 0s));
  for (int i = 0; i < 30; ++i) {
    event::Finding repeat = a_finding("root", 1s, Severity::kLow, i == 0 ? "" : "repeat-" + std::to_string(i));
    repeat.late = i == 7;
    r.observe(repeat);
  }
  r.finish();
  ASSERT_EQ(r.summaries.size(), 1U);
  EXPECT_EQ(r.summaries[0].repeats, 30U);
  EXPECT_TRUE(r.summaries[0].late);
  ASSERT_EQ(r.summaries[0].event_ids.size(), Quiet::kMaxEventIds);
  EXPECT_EQ(r.summaries[0].event_ids.front(), "repeat-1");
  EXPECT_EQ(r.summaries[0].event_ids.back(), "repeat-20");
}

TEST(Quiet, ClosesTheOneThatEndsFirstWhenThereAreTooMany) {
  Recorded r;
  r.observe(a_finding("first", 0s));
  r.observe(a_finding("first", 1s));
  for (std::size_t i = 1; i < Quiet::kMaxWindows; ++i) r.observe(a_finding("entity-" + std::to_string(i), 2s));
  EXPECT_THAT(r.summaries, IsEmpty());
  EXPECT_EQ(r.quiet.closed_early(), 0U);
  r.observe(a_finding("one more", 3s));
  ASSERT_EQ(r.summaries.size(), 1U);
  EXPECT_EQ(r.summaries[0].finding.entity, "first");
  EXPECT_EQ(r.quiet.open_windows(), Quiet::kMaxWindows);
  EXPECT_EQ(r.quiet.closed_early(), 1U);
}

TEST(Quiet, ClosesInTheOrderOfEndAndKey) {
  Recorded r;
  for (const char* entity : {"b", "c", "a"}) {
    r.observe(a_finding(entity, entity[0] == 'c' ? 0s : 5s));
    r.observe(a_finding(entity, 6s));
  }
  r.finish();
  std::vector<std::string> order;
  for (const Summary& summary : r.summaries) order.push_back(summary.finding.entity);
  EXPECT_THAT(order, ElementsAre("c", "a", "b"));
}

TEST(Quiet, KnowsWhatItHolds) {
  Recorded r;
  const std::size_t empty = r.quiet.memory_bytes();
  r.observe(a_finding(std::string(1000, 'x'), 0s));
  EXPECT_GE(r.quiet.memory_bytes(), empty + 3000);
  r.finish();
  EXPECT_EQ(r.quiet.memory_bytes(), empty);
}

std::string saved(const Quiet& quiet) {
  ByteWriter out;
  quiet.save(out);
  return std::move(out).bytes();
}

TEST(Quiet, RefusesADamagedState) {
  Recorded r;
  r.observe(a_finding("root", 0s));
  const std::string bytes = saved(r.quiet);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(Quiet().load(in).has_value()) << size;
  }
  // The window, twice.
  std::string twice = bytes + bytes.substr(12);
  twice[8] = 2;
  ByteReader in(twice);
  EXPECT_FALSE(Quiet().load(in).has_value());
}

/// A few findings of three entities over some hours, and how far the watermark goes after each.
struct Step {
  int at, entity, severity, watermark_lag;
};

rc::Gen<std::vector<Step>> steps() {
  return rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(rc::gen::set(&Step::at, rc::gen::inRange(0, 20'000)), rc::gen::set(&Step::entity, rc::gen::inRange(0, 3)),
                                                                    rc::gen::set(&Step::severity, rc::gen::inRange(0, 5)),
                                                                    rc::gen::set(&Step::watermark_lag, rc::gen::inRange(0, 8'000))));
}

event::Finding finding_of(const Step& step, std::size_t number) {
  return a_finding(std::string(1, static_cast<char>('a' + step.entity)), std::chrono::seconds{step.at}, static_cast<Severity>(step.severity),
                   "event-" + std::to_string(number));
}

std::uint64_t repeats_in(const std::vector<Summary>& summaries) {
  std::uint64_t total = 0;
  for (const Summary& summary : summaries) total += summary.repeats;
  return total;
}

RC_GTEST_PROP(Quiet, LosesNothingInAnyOrder, ()) {
  const auto input = *steps();
  Recorded r;
  for (std::size_t i = 0; i < input.size(); ++i) {
    r.observe(finding_of(input[i], i));
    r.advance(std::chrono::seconds{input[i].at - input[i].watermark_lag});
  }
  r.finish();
  RC_ASSERT(r.passed + r.folded == input.size());
  RC_ASSERT(repeats_in(r.summaries) == r.folded);
}

RC_GTEST_PROP(Quiet, SaysTheSameWheneverTheWatermarkComes, ()) {
  auto input = *steps();
  std::stable_sort(input.begin(), input.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
  Recorded often, never;
  for (std::size_t i = 0; i < input.size(); ++i) {
    never.observe(finding_of(input[i], i));
    often.observe(finding_of(input[i], i));
    often.advance(std::chrono::seconds{input[i].at - input[i].watermark_lag});
  }
  never.finish();
  often.finish();
  std::sort(never.said.begin(), never.said.end());
  std::sort(often.said.begin(), often.said.end());
  RC_ASSERT(never.said == often.said);
}

RC_GTEST_PROP(Quiet, GoesOnFromWhereItWasSaved, ()) {
  const auto input = *steps();
  const auto stop = *rc::gen::inRange<std::size_t>(0, input.size() + 1);
  Recorded whole, second;
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (i == stop) {
      const std::string bytes = saved(whole.quiet);
      ByteReader in(bytes);
      RC_ASSERT(second.quiet.load(in).has_value());
      RC_ASSERT(in.finish().has_value());
      RC_ASSERT(second.quiet == whole.quiet);
      RC_ASSERT(saved(second.quiet) == bytes);
      whole.said.clear();
    }
    for (Recorded* r : {&whole, &second}) {
      if (r == &second && i < stop) continue;
      r->observe(finding_of(input[i], i));
      r->advance(std::chrono::seconds{input[i].at - input[i].watermark_lag});
    }
  }
  if (stop >= input.size()) return;
  whole.finish();
  second.finish();
  RC_ASSERT(second.said == whole.said);
}

}  // namespace
}  // namespace trailwarden::alerts
