// Two notifiers on a simulated Kafka with sinks that fail: whatever dies when, every alert is in exactly one message of each sink, told or given up, and whatever is told again has the same id and body.

#include <map>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "notify/alerts.h"
#include "notify/notifier.h"
#include "testing/from_environment.h"
#include "testing/sim_broker.h"
#include "testing/sim_log.h"
#include "testing/sim_members.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;
using testing::from_environment;
using testing::SimBroker;
using testing::SimFaults;
using testing::SimLog;

constexpr std::int32_t kPartitions = 3;

/// What sinks have taken, over all processes.
struct Outside {
  std::map<std::string, std::vector<Message>> told;  // by sink, in order
  double fails = 0.2, refuses = 0.02, answer_lost = 0.1;
};

/// Sinks that fail by the dice. A message is under way for a few turns.
class FakeCourier final : public Courier {
 public:
  FakeCourier(Outside& outside, testing::SimDice& dice) : outside_(outside), dice_(dice) {}

  void carry(Message message) override {
    EXPECT_FALSE(under_way_.contains(message.sink)) << "one message of a sink at a time";
    under_way_.emplace(message.sink, std::move(message));
  }
  std::vector<Result> results() override {
    std::vector<Result> out;
    for (auto it = under_way_.begin(); it != under_way_.end();) {
      if (dice_.chance(0.3)) {
        ++it;
        continue;
      }
      out.push_back({it->first, it->second.id, try_one(it->second)});
      it = under_way_.erase(it);
    }
    return out;
  }
  void end() override {}

 private:
  Sent try_one(const Message& message) {
    if (dice_.chance(outside_.refuses)) return {.outcome = Sent::Outcome::kRefused, .why = "never"};
    if (dice_.chance(outside_.fails)) return {.outcome = Sent::Outcome::kLater, .why = "not now", .not_before = dice_.chance(0.2) ? std::optional(30s) : std::nullopt};
    outside_.told[message.sink].push_back(message);
    if (dice_.chance(outside_.answer_lost)) return {.outcome = Sent::Outcome::kLater, .why = "no answer"};
    return {};
  }

  Outside& outside_;
  testing::SimDice& dice_;
  std::map<std::string, Message> under_way_;
};

SinkConfig sink(const std::string& name, SinkType type = SinkType::kWebhook) {
  SinkConfig config{.name = name, .type = type};
  config.retry = {.first = 1s, .longest = 20s, .max_age = 10min};
  return config;
}

NotifyConfig config() {
  NotifyConfig out;
  out.start = "earliest";
  out.sinks = {sink("plain"), sink("grouped"), sink("limited"), sink("oncall", SinkType::kPagerDuty)};
  out.sinks[1].group = {{"detector", "severity"}, 20s};
  out.sinks[2].rate = {5, 60s};
  out.sinks[2].group = {{"account"}, 5s};
  out.routes = {{.sinks = {"plain", "grouped"}}, {.severity = event::Severity::kMedium, .sinks = {"limited", "oncall"}}};
  return out;
}

class Cluster {
 public:
  Cluster(std::uint64_t seed, SimFaults faults) : broker_(seed, faults) {
    broker_.create_topic(stream::kAlertsTopic, kPartitions);
    broker_.create_topic(stream::kNotificationsTopic, 1, true);
    broker_.create_topic(stream::kUndeliveredTopic, 1);
  }

  SimBroker& broker() { return broker_; }
  Outside outside;
  std::size_t cuts() const { return members_.cuts(); }
  void cut_after(std::uint64_t failpoints) { power_.after(failpoints); }

  void put() {
    static constexpr const char* kSeverities[] = {"informational", "low", "medium", "high", "critical"};
    testing::SimDice& dice = broker_.dice();
    const std::string id = "a-" + std::to_string(alerts_.size());
    const std::string severity = kSeverities[dice.below(5)];
    std::string json = testing::finding(id, "detector_" + std::to_string(dice.below(3)), severity, "11112222333" + std::to_string(dice.below(4)));
    if (dice.chance(0.2)) json = testing::insight(id, "pair-" + std::to_string(alerts_.size() / 8), alerts_.size() % 8 < 4, "medium");
    broker_.put(stream::kAlertsTopic, static_cast<std::int32_t>(dice.below(kPartitions)), json);
    alerts_[id] = alerts::view_of(json).value();
  }
  void put_into(std::int32_t partition, const std::string& id) { broker_.put(stream::kAlertsTopic, partition, testing::finding(id)); }
  std::optional<std::int64_t> from;  // of notifiers that are started from now on

  void start(std::size_t slot) {
    if (members_.has(slot)) return;
    auto member = std::make_unique<Member>();
    testing::SimLogOptions log{.group = "notifier", .transactional_id = "notifier-" + std::to_string(slot), .inputs = {std::string(stream::kAlertsTopic)}};
    log.name = log.transactional_id + "." + std::to_string(++incarnations_);
    log.poll_at_most = 1 + broker_.dice().below(8);
    member->log = std::make_unique<SimLog>(broker_, std::move(log));
    member->courier = std::make_unique<FakeCourier>(outside, broker_.dice());
    member->notifier = std::make_unique<Notifier>(*member->log, *member->courier,
                                                  NotifierOptions{.config = config(), .now = [this] { return broker_.now(); }, .steady = [this] { return broker_.now().time_since_epoch(); }, .from = from});
    members_.add(slot, std::move(member));
  }
  void kill(std::size_t slot) { members_.kill(slot); }
  void step(std::size_t slot) {
    members_.let(slot, [](Member& member) { return member.notifier->step(200ms).has_value(); });
  }
  void end(std::size_t slot) {
    members_.let(slot, [](Member& member) {
      (void)member.notifier->finish();
      return false;
    });
  }

  bool is_done() {
    if (!broker_.has_consumed("notifier", stream::kAlertsTopic, kPartitions)) return false;
    std::map<std::string, bool> kept;
    for (const auto& record : broker_.visible(stream::kNotificationsTopic, 0)) kept[record.key] = record.value.has_value();
    for (const auto& [key, is_there] : kept)
      if (is_there && (key.find("/m/") != std::string::npos || key.find("/g/") != std::string::npos || key.find("/r/") != std::string::npos)) return false;
    return true;
  }

  std::vector<nlohmann::json> undelivered() {
    std::vector<nlohmann::json> out;
    for (const auto& record : broker_.visible(stream::kUndeliveredTopic, 0)) out.push_back(nlohmann::json::parse(record.value.value()));
    return out;
  }

  void expect_that_it_holds() {
    std::map<std::string, std::map<std::string, std::uint64_t>> sizes;           // by sink, by id of a message: its alerts
    std::map<std::string, std::multiset<std::string>> listed;                     // by sink: ids of alerts that stand in messages
    std::map<std::string, std::map<std::string, const Message*>> first_told;
    for (const auto& [name, messages] : outside.told)
      for (const Message& message : messages) {
        const auto [known, is_new] = first_told[name].try_emplace(message.id, &message);
        if (!is_new) {
          ++repeats;
          EXPECT_EQ(known->second->alerts, message.alerts) << "told again with another body";
          EXPECT_EQ(known->second->more, message.more);
          continue;
        }
        sizes[name][message.id] = message.alerts.size() + message.more.total();
        digests += message.kind == Message::Kind::kDigest ? 1 : 0;
        for (const std::string& alert : message.alerts) listed[name].insert(alerts::view_of(alert)->id);
      }
    std::set<std::string> buried;
    for (const auto& dead : undelivered()) {
      const std::string id = dead["id"], name = dead["sink"];
      EXPECT_TRUE(buried.insert(id).second) << "given up twice: " << id;
      if (sizes[name].contains(id)) continue;  // it arrived, and nobody knew
      std::uint64_t size = dead["alerts"].size();
      for (const auto& [detector, row] : dead["more"].items())
        for (const auto& [severity, count] : row.items()) size += count.get<std::uint64_t>();
      sizes[name][id] = size;
      for (const auto& alert : dead["alerts"]) listed[name].insert(alert["id"].get<std::string>());
    }
    for (const SinkConfig& one : config().sinks) {
      std::uint64_t in_messages = 0, expected = 0;
      for (const auto& [id, size] : sizes[one.name]) in_messages += size;
      for (const auto& [id, alert] : alerts_) expected += std::ranges::any_of(config().routes, [&](const Route& route) { return std::ranges::count(route.sinks, one.name) > 0 && fits(route, alert); }) ? 1 : 0;
      // Ends of what was begun go to the sink with ends, whatever their severity.
      if (has_ends(one.type)) EXPECT_GE(in_messages, expected);
      else EXPECT_EQ(in_messages, expected) << one.name;
      for (const std::string& id : listed[one.name]) EXPECT_EQ(listed[one.name].count(id), 1U) << id << " is in two messages of " << one.name;
    }
    EXPECT_EQ(listed["plain"].size(), alerts_.size());
  }
  std::size_t repeats = 0, digests = 0;
  std::size_t alerts() const { return alerts_.size(); }

 private:
  struct Member {
    std::unique_ptr<SimLog> log;
    std::unique_ptr<FakeCourier> courier;
    std::unique_ptr<Notifier> notifier;
  };

  SimBroker broker_;
  testing::PowerCuts power_;
  testing::SimMembers<Member> members_;
  std::map<std::string, AlertView> alerts_;
  int incarnations_ = 0;
};

void live_through(Cluster& cluster) {
  testing::SimDice& dice = cluster.broker().dice();
  for (int turn = 0; turn < 600; ++turn) {
    for (std::size_t slot = 0; slot < 2; ++slot) {
      if (dice.chance(0.1)) cluster.start(slot);
      if (dice.chance(0.01)) cluster.kill(slot);
      if (dice.chance(0.005)) cluster.end(slot);
    }
    if (dice.chance(0.02)) cluster.cut_after(1 + dice.below(20));
    for (std::uint64_t i = dice.chance(0.1) ? dice.below(12) : 0; i > 0; --i) cluster.put();
    for (std::size_t slot = 0; slot < 2; ++slot) cluster.step(slot);
    cluster.broker().advance(std::chrono::milliseconds(dice.chance(0.02) ? 60'000 : 200));
  }
}

void calm_down(Cluster& cluster) {
  cluster.broker().faults() = {};
  cluster.cut_after(0);
  cluster.outside.fails = cluster.outside.refuses = cluster.outside.answer_lost = 0;
  cluster.kill(1);
  for (int turn = 0; turn < 3'000 && !cluster.is_done(); ++turn) {
    cluster.start(0);
    cluster.step(0);
    cluster.broker().advance(500ms);
  }
  EXPECT_TRUE(cluster.is_done());
}

TEST(NotifierOnSimulatedKafka, LosesNothingAndRepeatsUnderTheSameId) {
  log::set_level(log::Level::kOff);
  const std::uint64_t first = from_environment("TRAILWARDEN_SEED", 1), seeds = from_environment("TRAILWARDEN_SEEDS", 60);
  std::size_t repeats = 0, digests = 0, cuts = 0, alerts = 0, dead = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Cluster cluster(seed, SimFaults::harsh());
    live_through(cluster);
    calm_down(cluster);
    cluster.expect_that_it_holds();
    repeats += cluster.repeats;
    digests += cluster.digests;
    cuts += cluster.cuts();
    alerts += cluster.alerts();
    dead += cluster.undelivered().size();
    if (!HasFailure()) continue;
    std::fprintf(stderr, "%s\n", cluster.broker().trace().tail(60).c_str());
    FAIL() << "repeat it with TRAILWARDEN_SEEDS=1 TRAILWARDEN_SEED=" << seed;
  }
  std::printf("%zu alerts, %zu repeats, %zu digests, %zu given up, %zu power cuts\n", alerts, repeats, digests, dead, cuts);
  if (seeds < 20) return;
  EXPECT_GT(repeats, 10 * seeds) << "runs in which little is repeated prove little";
  EXPECT_GT(digests, seeds);
  EXPECT_GT(dead, seeds);
  EXPECT_GT(cuts, seeds / 2);
}

TEST(NotifierOnSimulatedKafka, KeepsTheOrderOfASinkWhoseMessagesFail) {
  log::set_level(log::Level::kOff);
  Cluster cluster(7, {});
  cluster.outside.refuses = cluster.outside.answer_lost = 0;
  cluster.outside.fails = 0.5;
  for (int turn = 0; turn < 100; ++turn) {
    cluster.start(0);
    cluster.put();
    cluster.step(0);
    cluster.broker().advance(300ms);
  }
  calm_down(cluster);
  std::uint64_t last = 0;
  for (const Message& message : cluster.outside.told["plain"]) {
    EXPECT_GT(message.number, last);
    last = message.number;
  }
  EXPECT_EQ(cluster.outside.told["plain"].size(), 100U);
}

TEST(NotifierOnSimulatedKafka, BeginsWhereItFirstBegan) {
  log::set_level(log::Level::kOff);
  Cluster cluster(5, {});
  cluster.outside.fails = cluster.outside.refuses = cluster.outside.answer_lost = 0;
  for (const char* id : {"old-1", "old-2", "old-3"}) cluster.put_into(0, id);
  cluster.from = 3;
  for (int turn = 0; turn < 4; ++turn) {
    cluster.start(0);
    cluster.step(0);
  }
  cluster.kill(0);
  cluster.put_into(0, "new-1");
  cluster.put_into(0, "new-2");
  cluster.from = 5;  // what a start would say now
  for (int turn = 0; turn < 100; ++turn) {
    cluster.start(0);
    cluster.step(0);
    cluster.broker().advance(500ms);
  }
  std::vector<std::string> told;
  for (const Message& message : cluster.outside.told["plain"]) told.push_back(alerts::view_of(message.alerts.at(0))->id);
  EXPECT_THAT(told, ::testing::ElementsAre("new-1", "new-2"));
}

TEST(NotifierOnSimulatedKafka, WaitsForStateThatIsLost) {
  log::set_level(log::Level::kOff);
  Cluster cluster(3, {});
  for (int turn = 0; turn < 20; ++turn) {
    cluster.start(0);
    cluster.put();
    cluster.step(0);
    cluster.broker().advance(500ms);
  }
  cluster.kill(0);
  cluster.broker().delete_topic(stream::kNotificationsTopic);
  cluster.broker().create_topic(stream::kNotificationsTopic, 1, true);
  const std::size_t told = cluster.outside.told["plain"].size();
  for (int turn = 0; turn < 100; ++turn) {
    cluster.start(0);
    cluster.step(0);
    cluster.broker().advance(500ms);
  }
  EXPECT_EQ(cluster.outside.told["plain"].size(), told) << "what was sent is not known: nothing is passed over in silence";
}

TEST(NotifierOnSimulatedKafka, GoesOnWithWhatItHasWhereItsOffsetsAreGone) {
  log::set_level(log::Level::kOff);
  Cluster cluster(3, {});
  const auto live = [&cluster](int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      cluster.start(0);
      cluster.put();
      cluster.step(0);
      cluster.broker().advance(500ms);
    }
  };
  live(40);
  cluster.kill(0);
  const std::size_t told = cluster.outside.told["plain"].size();
  ASSERT_GT(told, 0U);
  for (std::int32_t p = 0; p < kPartitions; ++p) cluster.broker().offsets().set("notifier", {std::string(stream::kAlertsTopic), p}, std::nullopt);  // expired, or reset
  live(100);
  EXPECT_GT(cluster.outside.told["plain"].size(), told + 10);
}

}  // namespace
}  // namespace trailwarden::notify
