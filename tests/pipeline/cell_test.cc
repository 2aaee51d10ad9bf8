#include "pipeline/cell.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "detectors/registry.h"
#include "testing/slow_decode.h"

namespace trailwarden::pipeline {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::string_view kAccount = "111122223333", kRegion = "eu-west-1";
constexpr Timestamp kStart{std::chrono::seconds{1'700'000'000}};

CellSettings settings_of(bool settle = true, bool insights = true) {
  CellSettings settings{.detectors = detectors::configure(config::default_config().detectors), .lateness = 15min, .settle = settle};
  settings.insights.config = {.enabled = insights, .false_insights_per_week = 100, .warm_up = 12h};
  settings.insights.open_minutes = settings.open_minutes() + 1;
  return settings;
}

std::string record(Timestamp time, std::string_view source, std::string_view name, std::size_t id, std::string_view more = "", bool root = false) {
  const std::string identity = root ? R"({"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"})"
                                    : R"({"type":"IAMUser","userName":"alice","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333"})";
  return R"({"eventVersion":"1.08","userIdentity":)" + identity + R"(,"eventTime":")" + format_time(time) + R"(","eventSource":")" + std::string(source) +
         R"(","eventName":")" + std::string(name) + R"(","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.7","eventID":"id-)" + std::to_string(id) +
         R"(","eventType":"AwsApiCall","recipientAccountId":"111122223333")" + std::string(more) + "}";
}

/// Half a day of one cell with something for every detector, bursts for the baselines, repeats, and calls that are late or out of order.
struct Traffic {
  explicit Traffic(std::uint32_t seed) : random(seed) {
    for (int minute = 0; minute < 1000; ++minute) {
      for (int n = 1 + pick(3); n > 0; --n) add(minute, "ec2.amazonaws.com", "RunInstances");
      if (minute % 250 == 249) for (int n = 0; n < 40; ++n) add(minute, "ec2.amazonaws.com", "RunInstances");
      if (pick(30) == 0) add(minute, "iam.amazonaws.com", "GetUser", "", true);
      if (pick(40) == 0) add(minute, "cloudtrail.amazonaws.com", "StopLogging", R"(,"requestParameters":{"name":"t"})");
      if (pick(10) == 0) add(minute, "iam.amazonaws.com", "CreateAccessKey", R"(,"requestParameters":{"userName":"u)" + std::to_string(pick(9)) + "\"}");
      if (pick(20) == 0)
        add(minute, "ec2.amazonaws.com", "AuthorizeSecurityGroupIngress",
            R"(,"requestParameters":{"groupId":"sg-1","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}})");
      if (pick(10) == 0) records.push_back(records[records.size() - 1 - static_cast<std::size_t>(pick(3)) % records.size()]);
    }
  }

  int pick(int n) { return static_cast<int>(random() % static_cast<std::uint32_t>(n)); }
  void add(int minute, std::string_view source, std::string_view name, std::string_view more = "", bool root = false) {
    const auto off = pick(15) == 0 ? std::chrono::minutes(pick(40)) : 0min;
    records.push_back(record(kStart + std::chrono::minutes(minute) - off + std::chrono::seconds(pick(60)), source, name, records.size(), more, root));
  }

  std::mt19937 random;
  std::vector<std::string> records;
};

/// One cell on a thread of its own.
class Lane {
 public:
  explicit Lane(const CellSettings& settings) : settings_(settings), cell_(std::make_unique<Cell>(settings, kAccount, kRegion)) {}

  void judge(std::string_view text) {
    const std::string padded = testing::padded(text);
    arena_.clear();
    Slot slot;
    ASSERT_EQ(decoder_.decode(std::string_view(padded).substr(0, text.size()), arena_, slot.event), event::Refusal::kNone);
    slot.time = slot.event.event_time;
    watermark_ = std::max(watermark_, slot.time - settings_.lateness);
    slot.watermark = watermark_;
    CellOutput output = tools();
    cell_->judge(slot, output);
  }
  void finish() {
    CellOutput output = tools();
    cell_->finish(output);
  }

  std::string saved() const {
    ByteWriter out;
    cell_->save(out);
    return std::move(out).bytes();
  }
  Result<void> load(std::string_view bytes) {
    cell_ = std::make_unique<Cell>(settings_, kAccount, kRegion);
    ByteReader in(bytes);
    return cell_->load(in).and_then([&] { return in.finish(); });
  }

  const Cell& cell() const { return *cell_; }
  std::vector<std::string> alerts() const {
    std::vector<std::string> out;
    for (const Alert& alert : alerts_) out.push_back(alert.message.value);
    return out;
  }

 private:
  CellOutput tools() {
    std::vector<DetectorTotals*> by_detector;
    for (const auto& detector : settings_.detectors) by_detector.push_back(&totals_.detectors[detector.info->name]);
    return {judge_decoder_, judge_arena_, pass_, alerts_, totals_, std::move(by_detector)};
  }

  const CellSettings& settings_;
  event::Decoder decoder_, judge_decoder_;
  event::Arena arena_, judge_arena_;
  baseline::MinutePass pass_;
  Totals totals_;
  std::vector<Alert> alerts_;
  std::unique_ptr<Cell> cell_;
  Timestamp watermark_ = kBeginningOfTime;
};

std::string message_of(const Result<void>& result) { return result ? std::string() : result.error().message; }

TEST(Cell, RestartsDoNotShow) {
  for (const bool settle : {true, false}) {
    const CellSettings settings = settings_of(settle);
    const Traffic traffic(settle ? 1 : 2);
    Lane whole(settings), pieces(settings);
    for (std::size_t i = 0; i < traffic.records.size(); ++i) {
      if (i % 17 == 0) {
        const std::string saved = pieces.saved();
        ASSERT_EQ(saved == whole.saved(), true) << "at record " << i;
        const auto loaded = pieces.load(saved);
        ASSERT_TRUE(loaded.has_value()) << message_of(loaded);
        ASSERT_EQ(pieces.saved() == saved, true) << "loaded at record " << i;
      }
      for (Lane* each : {&whole, &pieces}) each->judge(traffic.records[i]);
    }
    for (Lane* each : {&whole, &pieces}) each->finish();
    const std::vector<std::string> alerts = whole.alerts();
    EXPECT_EQ(pieces.alerts(), alerts);
    EXPECT_GT(std::count_if(alerts.begin(), alerts.end(), [](const std::string& alert) { return alert.find("AwsCloudTrailInsight") != std::string::npos; }), 1);
    EXPECT_GT(alerts.size(), 50U);
  }
}

/// One that has seen much.
struct OldLane : Lane {
  explicit OldLane(const CellSettings& settings) : Lane(settings) {
    for (const std::string& record : Traffic(3).records) judge(record);
  }
};

TEST(Cell, DetectorsMayComeGoAndChangePlaces) {
  const CellSettings all = settings_of();
  CellSettings turned = settings_of(), fewer = settings_of();
  std::reverse(turned.detectors.begin(), turned.detectors.end());
  fewer.detectors.erase(fewer.detectors.begin());
  const OldLane before(all);
  Lane in_other_places(turned), with_fewer(fewer), with_all(all);

  ASSERT_TRUE(in_other_places.load(before.saved()).has_value());
  ASSERT_TRUE(with_all.load(in_other_places.saved()).has_value());
  EXPECT_EQ(with_all.saved() == before.saved(), true) << "each took what is its own";

  ASSERT_TRUE(with_fewer.load(before.saved()).has_value());
  EXPECT_LT(with_fewer.saved().size(), before.saved().size());
  const auto again = with_all.load(with_fewer.saved());
  ASSERT_TRUE(again.has_value()) << message_of(again);
  EXPECT_LT(with_all.saved().size(), before.saved().size()) << "the one that was missing begins afresh";
}

TEST(Cell, InsightsMayBeSwitchedOffAndOn) {
  const CellSettings on = settings_of(), off = settings_of(true, false);
  const OldLane before(on);
  ASSERT_GT(before.cell().insights()->rows(), 0U);
  Lane without(off), with(on);
  ASSERT_TRUE(without.load(before.saved()).has_value());
  EXPECT_EQ(without.cell().insights(), nullptr);
  ASSERT_TRUE(with.load(without.saved()).has_value());
  EXPECT_EQ(with.cell().insights()->rows(), 0U);
  ASSERT_TRUE(with.load(before.saved()).has_value());
  EXPECT_EQ(with.cell().insights()->rows(), before.cell().insights()->rows());
}

TEST(Cell, FewerMinutesMayBeOpenThanWereSaved) {
  const CellSettings before = settings_of();
  CellSettings shorter = settings_of(true, false);
  shorter.lateness = 2min;
  Lane lane(shorter);
  const auto loaded = lane.load(OldLane(before).saved());
  EXPECT_TRUE(loaded.has_value()) << message_of(loaded);
}

TEST(Cell, DamageIsRefusedOrHarmless) {
  const CellSettings settings = settings_of();
  const std::string saved = OldLane(settings).saved();
  for (std::size_t size = 0; size < saved.size(); size += 7) ASSERT_FALSE(Lane(settings).load(saved.substr(0, size)).has_value()) << size;
  std::mt19937 random(5);
  Lane lane(settings);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = saved;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    static_cast<void>(lane.load(damaged));
  }
}

TEST(Cell, SaysWhoseStateIsDamaged) {
  const CellSettings settings = settings_of();
  std::string saved = OldLane(settings).saved();
  Lane lane(settings);
  const std::size_t insights = saved.find("TWBL");
  ASSERT_NE(insights, std::string::npos);
  saved[insights + 300] = static_cast<char>(saved[insights + 300] ^ 1);
  EXPECT_THAT(message_of(lane.load(saved)), HasSubstr("insights: calls: bytes do not fit their checksum"));
}

}  // namespace
}  // namespace trailwarden::pipeline
