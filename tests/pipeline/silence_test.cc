// Fault runs: a small fleet records for nine days, then something goes wrong with it, its trails or their delivery. Whatever it is, it is called by its name and by no other.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "pipeline/partition.h"
#include "testing/alert_schema.h"
#include "testing/traffic.h"

namespace trailwarden::pipeline {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::Call;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kMonday{std::chrono::seconds{1'704'067'200}};  // 2024-01-01T00:00Z
constexpr auto kLearning = std::chrono::days{9};
const Timestamp kFault = kMonday + kLearning + 10h;  // a Wednesday

PartitionSettings settings() {
  PartitionSettings out;
  out.cells = {.lateness = 15min, .settle = false};
  out.cells.insights.open_minutes = out.cells.open_minutes() + 1;
  out.cells.insights.config.false_insights_per_week = 0.05;  // cells with one or two APIs each would spend more on noise
  out.future_skew = 2min;
  return out;
}

/// Calls of one API: at random, or every `period` minutes.
struct Source {
  std::string account, region, api;
  double rate = 0;  // a minute
  int period = 0;
  bool office = false;  // weekdays from 8 to 18 only
};

const std::vector<Source> kFleet{
    {"111111111111", "eu-west-1", "UpdateInstanceInformation", 1.5},   {"111111111111", "eu-west-1", "CreateTags", 0.3},
    {"111111111111", "eu-west-1", "StartBackupJob", 0, 60},            {"111111111111", "us-east-1", "PutParameter", 0.4},
    {"222222222222", "eu-west-1", "UpdateInstanceInformation", 0.8},   {"222222222222", "us-east-1", "CreateTags", 0.5},
    {"333333333333", "eu-west-1", "RegisterTaskDefinition", 0.6},      {"333333333333", "us-east-1", "RunInstances", 0.2, 0, true},
};

/// A record on its way: when it happened and when the log gets it; nothing: never.
using Delivery = std::function<std::optional<Timestamp>(const Call& call, Timestamp usual)>;

struct Arrival {
  Timestamp at;
  std::size_t order;
  std::string record;
};

/// Another fleet's traffic for whoever asks: TRAILWARDEN_FAULT_SEED=7.
std::uint32_t seed_asked_for() {
  const char* const seed = std::getenv("TRAILWARDEN_FAULT_SEED");
  return seed == nullptr ? 1 : static_cast<std::uint32_t>(std::atoi(seed));
}

class FaultRun {
 public:
  explicit FaultRun(std::uint32_t seed = seed_asked_for()) : random_(seed) {}

  Delivery delivery = [](const Call&, Timestamp usual) { return std::optional(usual); };
  std::function<bool(Timestamp)> is_consumed = [](Timestamp) { return true; };
  bool has_ticks = true;
  bool reloads = false;  // the state is saved and loaded every so often
  std::vector<Call> more;

  void until(Timestamp end) {
    std::vector<Arrival> arrivals = deliver(end);
    auto next = arrivals.begin();
    std::int64_t offset = 0;
    for (Timestamp minute = kMonday; minute < end; minute += 1min) {
      if (!is_consumed(minute)) continue;
      for (; next != arrivals.end() && next->at < minute + 1min; ++next) judge(*next, offset++);
      if (has_ticks) partition_->tick(minute + 1min - settings_.cells.lateness - settings_.tick_grace, tools_, counting_, output_);
      if (reloads && (minute.time_since_epoch() / 1min) % 601 == 0) reload();
    }
    // What was said before the fault is about the fleet, not about it.
    for (const Alert& alert : output_.alerts) {
      if (alert.decision_time < kMonday + std::chrono::days{7}) continue;
      EXPECT_THAT(testing::schema_errors(alert.message.value), IsEmpty()) << alert.message.value;
      alerts_.push_back(json::parse(alert.message.value));
    }
  }

  struct Said {
    std::string what, scope, place;
    Timestamp at;
    json detail;
  };
  /// What `silence` said, in order.
  std::vector<Said> silences() const {
    std::vector<Said> out;
    for (const json& alert : alerts_) {
      if (alert["source"] != "trailwarden" || alert["detail"]["detector"] != "silence") continue;
      const json& detail = alert["detail"];
      out.push_back({detail["what"], detail["silence"]["scope"], detail["entity"], *parse_event_time(alert["time"].get<std::string>()), detail});
    }
    return out;
  }
  std::vector<std::string> words() const {
    std::vector<std::string> out;
    for (const Said& said : silences()) out.push_back(said.what);
    return out;
  }
  /// Starts of Insights that an API has become quiet, since the fault.
  std::vector<std::pair<std::string, Timestamp>> quiet_apis() const {
    std::vector<std::pair<std::string, Timestamp>> out;
    for (const json& alert : alerts_) {
      if (alert["source"] != "aws.cloudtrail") continue;
      const json& about = alert["trailwarden"];
      const Timestamp decided = *parse_event_time(about.value("decidedAt", "1970-01-01T00:00:00Z"));
      if (about["direction"] == "down" && decided >= kFault)
        out.emplace_back(alert["detail"]["insightDetails"]["eventName"], decided);
    }
    return out;
  }
  std::string everything() const {
    std::string out;
    for (const Alert& alert : output_.alerts) out += alert.message.value + "\n";
    return out;
  }
  const Partition& partition() const { return *partition_; }

 private:
  std::vector<Arrival> deliver(Timestamp end) {
    std::vector<Call> calls = more;
    for (const Source& source : kFleet) {
      for (Timestamp minute = kMonday; minute < end; minute += 1min) {
        const auto of_day = minute - std::chrono::floor<std::chrono::days>(minute);
        const auto day = std::chrono::floor<std::chrono::days>(minute - kMonday).count() % 7;
        if (source.office && (day >= 5 || of_day < 8h || of_day >= 18h)) continue;
        const std::int64_t number = minute.time_since_epoch() / 1min;
        const int count = source.period > 0 ? (number % source.period == 7 ? 1 : 0) : std::poisson_distribution<>(source.rate)(random_);
        for (int i = 0; i < count; ++i)
          calls.push_back({.name = source.api, .source = "ec2.amazonaws.com", .time = minute + std::chrono::seconds{random_() % 60}, .account = source.account, .region = source.region,
                           .more = R"(,"readOnly":false)"});
      }
    }
    std::vector<Arrival> arrivals;
    for (Call& call : calls) {
      call.id = "id-" + std::to_string(arrivals.size()) + "-" + std::to_string(random_());
      const auto at = delivery(call, call.time + 60s + std::chrono::seconds{random_() % 400});
      if (at && *at < end) arrivals.push_back({*at, arrivals.size(), testing::to_json(call)});
    }
    std::sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return std::tie(a.at, a.order) < std::tie(b.at, b.order); });
    return arrivals;
  }

  void judge(const Arrival& arrival, std::int64_t offset) {
    const std::string padded = arrival.record + std::string(event::kPadding, ' ');
    stream::Message message;
    message.offset = offset;
    message.append_time = arrival.at;
    message.origin = "fleet";
    message.value = std::string_view(padded).substr(0, arrival.record.size());
    partition_->judge(message, tools_, counting_, output_);
  }

  void reload() {
    const std::string saved = partition_->save();
    auto loaded = std::make_unique<Partition>(settings_, 0, 1);
    ASSERT_TRUE(loaded->load(saved).has_value());
    ASSERT_EQ(loaded->save(), saved);
    partition_ = std::move(loaded);
  }

  std::mt19937 random_;
  const PartitionSettings settings_ = settings();
  std::unique_ptr<Partition> partition_ = std::make_unique<Partition>(settings_, 0, 1);
  JudgeTools tools_{settings_.cells};
  Counting counting_{settings_.cells};
  PartitionOutput output_;
  std::vector<json> alerts_;
};

bool is_of(const Call& call, std::string_view account, std::string_view region) { return call.account == account && (region.empty() || call.region == region); }

/// The account's logging is stopped: that call is the last.
Call stop_logging(std::string account, std::string region) {
  return {.name = "StopLogging", .source = "cloudtrail.amazonaws.com", .time = kFault - 5s, .account = std::move(account), .region = std::move(region),
          .more = R"(,"readOnly":false,"requestParameters":{"name":"main"})"};
}

TEST(SilenceRun, AnOrdinaryFortnightSaysNothing) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    FaultRun run(seed);
    run.until(kMonday + std::chrono::days{15});
    EXPECT_THAT(run.words(), IsEmpty()) << seed;
  }
}

TEST(SilenceRun, AJobThatStoppedIsTheSilenceOfThatApiOnly) {
  FaultRun run;
  run.delivery = [](const Call& call, Timestamp usual) { return call.name == "StartBackupJob" && call.time >= kFault ? std::nullopt : std::optional(usual); };
  run.until(kFault + 8h);
  EXPECT_THAT(run.words(), IsEmpty());
  const auto quiet = run.quiet_apis();
  ASSERT_EQ(quiet.size(), 1U);
  const auto& [api, decided] = quiet.front();
  EXPECT_EQ(api, "StartBackupJob");
  const Timestamp last = kFault - 60min + 7min;  // of its runs
  EXPECT_LE(decided - last, 150min) << "2.5 times its hour, by event time";
}

TEST(SilenceRun, AStoppedTrailIsThatAndNothingElse) {
  FaultRun run;
  run.more = {stop_logging("111111111111", "eu-west-1")};
  run.delivery = [](const Call& call, Timestamp usual) { return is_of(call, "111111111111", "") && call.time >= kFault ? std::nullopt : std::optional(usual); };
  run.until(kFault + 10h);
  const auto said = run.silences();
  ASSERT_THAT(run.words(), ElementsAre("trail_stopped"));
  EXPECT_EQ(said[0].scope, "account");
  EXPECT_EQ(said[0].place, "111111111111");
  EXPECT_EQ(said[0].detail["severity"], "high");
  EXPECT_EQ(said[0].detail["records"].size(), 2U) << "the last record, and the call";
  EXPECT_LE(said[0].at - kFault, 45min);
  EXPECT_THAT(run.quiet_apis(), IsEmpty());
}

TEST(SilenceRun, AStoppedTrailThatNobodyStoppedIsSeenByItsNeighbours) {
  FaultRun run;
  run.delivery = [](const Call& call, Timestamp usual) { return is_of(call, "222222222222", "") && call.time >= kFault && call.time < kFault + 5h ? std::nullopt : std::optional(usual); };
  run.until(kFault + 10h);
  const auto said = run.silences();
  ASSERT_THAT(run.words(), ElementsAre("trail_stopped", "records_returned"));
  EXPECT_EQ(said[0].scope, "account");
  EXPECT_NEAR(said[1].detail["silence"]["gapSeconds"].get<double>(), 5 * 3600, 600);
  EXPECT_EQ(said[0].detail["silence"]["id"], said[1].detail["silence"]["id"]);
  EXPECT_THAT(run.quiet_apis(), IsEmpty());
}

TEST(SilenceRun, AShipperThatPausedIsALagAndNothingAfterItsEnd) {
  FaultRun run;
  const Timestamp back = kFault + 2h;
  run.delivery = [back](const Call&, Timestamp usual) { return std::optional(usual >= kFault && usual < back ? back + (usual - kFault) / 60 : usual); };
  run.until(kFault + std::chrono::days{2});
  const auto said = run.silences();
  ASSERT_THAT(run.words(), ElementsAre("delivery_lag", "records_returned"));
  EXPECT_EQ(said[0].scope, "partition");
  EXPECT_EQ(said[0].detail["severity"], "medium");
  EXPECT_LE(said[0].at - kFault, 45min);
  EXPECT_LE(said[1].at - back, 10min);
  EXPECT_GE(said[1].detail["silence"]["accountRegions"], 4U);
  EXPECT_THAT(run.quiet_apis(), IsEmpty());
}

TEST(SilenceRun, ARegionThatIsLateIsALagOfThatRegion) {
  FaultRun run;
  const Timestamp back = kFault + 3h;
  run.delivery = [back](const Call& call, Timestamp usual) {
    return std::optional(call.region == "eu-west-1" && usual >= kFault && usual < back ? back + (usual - kFault) / 60 : usual);
  };
  run.until(kFault + std::chrono::days{1});
  const auto said = run.silences();
  ASSERT_THAT(run.words(), ElementsAre("delivery_lag", "records_returned"));
  EXPECT_EQ(said[0].scope, "region");
  EXPECT_EQ(said[0].place, "eu-west-1");
  EXPECT_THAT(run.quiet_apis(), IsEmpty());
}

TEST(SilenceRun, ATrailThatDidNotStopAfterAllIsReclassified) {
  FaultRun run;
  const Timestamp back = kFault + 3h;
  run.delivery = [back](const Call& call, Timestamp usual) {
    return std::optional(is_of(call, "222222222222", "") && usual >= kFault && usual < back ? back + (usual - kFault) / 60 : usual);
  };
  run.until(kFault + std::chrono::days{1});
  const auto said = run.silences();
  ASSERT_THAT(run.words(), ElementsAre("trail_stopped", "reclassified"));
  EXPECT_EQ(said[1].detail["silence"]["reclassified"], "delivery_lag");
  EXPECT_EQ(said[0].detail["silence"]["id"], said[1].detail["silence"]["id"]);
  EXPECT_THAT(run.quiet_apis(), IsEmpty());
}

TEST(SilenceRun, ATrailThatWasSaidToBeBackIsReclassifiedWhenTheGapIsFilled) {
  FaultRun run;
  const Timestamp back = kFault + 3h;
  // The newest come first.
  run.delivery = [back](const Call& call, Timestamp usual) { return std::optional(is_of(call, "222222222222", "") && usual >= kFault && usual < back ? back + 2h : usual); };
  run.until(kFault + std::chrono::days{1});
  ASSERT_THAT(run.words(), ElementsAre("trail_stopped", "records_returned", "reclassified"));
  EXPECT_EQ(run.silences()[2].detail["silence"]["id"], run.silences()[0].detail["silence"]["id"]);
}

TEST(SilenceRun, AConsumerThatStoppedSaysNothing) {
  FaultRun run;
  run.is_consumed = [](Timestamp now) { return now < kFault || now >= kFault + 6h; };
  run.until(kFault + std::chrono::days{1});
  EXPECT_THAT(run.words(), IsEmpty());
  EXPECT_THAT(run.quiet_apis(), IsEmpty());
}

TEST(SilenceRun, WithoutTicksNothingIsConcludedWhileTheLogStandsStill) {
  FaultRun run;
  run.has_ticks = false;
  run.delivery = [](const Call& call, Timestamp usual) { return call.time >= kFault && call.time < kFault + 7h ? std::nullopt : std::optional(usual); };
  run.until(kFault + std::chrono::days{1});
  EXPECT_THAT(run.words(), IsEmpty());
}

TEST(SilenceRun, ARestartAtAnyMinuteChangesNoByte) {
  const auto everything = [](bool reloads) {
    FaultRun run;
    run.reloads = reloads;
    run.more = {stop_logging("111111111111", "eu-west-1")};
    const Timestamp back = kFault + 20h;
    run.delivery = [back](const Call& call, Timestamp usual) -> std::optional<Timestamp> {
      if (is_of(call, "111111111111", "") && call.time >= kFault) return std::nullopt;
      return call.region == "us-east-1" && usual >= kFault + 12h && usual < back ? back + (usual - kFault) / 90 : usual;
    };
    run.until(kFault + 30h);
    EXPECT_FALSE(run.words().empty());
    return run.everything() + run.partition().save();
  };
  EXPECT_EQ(everything(true), everything(false));
}

TEST(SilenceRun, WhoStoppedATrailCanBeForgotten) {
  FaultRun run;
  run.more = {stop_logging("111111111111", "eu-west-1")};
  run.delivery = [](const Call& call, Timestamp usual) { return is_of(call, "111111111111", "") && call.time >= kFault ? std::nullopt : std::optional(usual); };
  run.until(kFault + 10h);
  ASSERT_THAT(run.words(), ElementsAre("trail_stopped"));
  const PartitionSettings shared = settings();
  Partition loaded(shared, 0, 1);
  ASSERT_TRUE(loaded.load(run.partition().save()).has_value());
  ASSERT_THAT(loaded.save(), ::testing::HasSubstr("user/alice"));
  const auto alice = event::ForgottenPrincipal::of("arn:aws:iam::111122223333:user/alice");
  ASSERT_TRUE(alice.has_value());
  EXPECT_GT(loaded.forget(*alice), 0U);
  const std::string left = loaded.save();
  EXPECT_THAT(left, Not(::testing::HasSubstr("user/alice")));
  EXPECT_THAT(left, Not(::testing::HasSubstr("user alice")));
  EXPECT_EQ(loaded.forget(*alice), 0U);
  Partition again(shared, 0, 1);
  EXPECT_TRUE(again.load(left).has_value());
}

TEST(SilenceRun, CellsThatComeInAreAsFrozenAsThoseThatWereThere) {
  FaultRun run;
  run.delivery = [](const Call& call, Timestamp usual) { return is_of(call, "222222222222", "") && call.time >= kFault ? std::nullopt : std::optional(usual); };
  run.until(kFault + 3h);
  const auto cells = cells_of_partition(run.partition().save());
  ASSERT_TRUE(cells.has_value());
  const auto go_on = [&](bool brings) {
    const PartitionSettings shared = settings();
    Partition loaded(shared, 0, 1);
    EXPECT_TRUE(loaded.load(run.partition().save()).has_value());
    if (brings) {
      EXPECT_TRUE(loaded.bring(*cells, true).has_value());
    }
    JudgeTools tools(shared.cells);
    Counting counting(shared.cells);
    PartitionOutput output;
    loaded.tick(kFault + 20h, tools, counting, output);
    return loaded.save();
  };
  EXPECT_EQ(go_on(true), go_on(false));
}

TEST(SilenceRun, OneTickIsAsGoodAsAllThatCameBeforeIt) {
  const auto state_after = [](std::chrono::minutes every) {
    FaultRun run;
    run.until(kFault);
    Partition partition(settings(), 0, 1);
    const PartitionSettings shared = settings();
    Partition loaded(shared, 0, 1);
    EXPECT_TRUE(loaded.load(run.partition().save()).has_value());
    JudgeTools tools(shared.cells);
    Counting counting(shared.cells);
    PartitionOutput output;
    for (auto now = every; now <= 12h; now += every) loaded.tick(kFault + now + 17s - shared.cells.lateness - shared.tick_grace, tools, counting, output);
    std::string out = loaded.save();
    for (const Alert& alert : output.alerts) out += alert.message.value;
    EXPECT_THAT(out, ::testing::HasSubstr("delivery_lag"));
    return xxh3_64(out);
  };
  EXPECT_EQ(state_after(1min), state_after(12h));
  EXPECT_EQ(state_after(1min), state_after(90min));
}

}  // namespace
}  // namespace trailwarden::pipeline
