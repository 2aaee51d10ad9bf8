#include "rules/correlation_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using Type = CorrelationType;

/// Three failures of an address within a minute, then a success of it within ten.
std::vector<Correlation> guessed_password() {
  return {{.id = "many",
           .type = Type::kEventCount,
           .sources = {{.index = 0, .group = {"user", "ip"}}},
           .group_names = {"user", "ip"},
           .timespan = 60s,
           .thresholds = {{Threshold::Op::kAtLeast, 3}}},
          {.id = "then",
           .type = Type::kTemporalOrdered,
           .sources = {{.is_correlation = true, .index = 0, .group = {"ip"}}, {.index = 1, .group = {"address"}}},
           .group_names = {"ip"},
           .timespan = 600s}};
}

CorrelationGraph graph_of(std::vector<Correlation> correlations) {
  auto graph = CorrelationGraph::create(std::move(correlations));
  EXPECT_TRUE(graph) << (graph ? "" : graph.error().message);
  return std::move(*graph);
}

void feed(CorrelationGraph& graph, std::uint32_t rule, int second, const std::string& id, const std::vector<std::string>& group,
          std::vector<CorrelationGraph::Result>& out) {
  for (const CorrelationGraph::Feed feed : graph.feeds(rule))
    graph.observe(feed, {.source = feed.source, .time = Timestamp{std::chrono::seconds{second}}, .event_id = id, .group = group}, out);
}

TEST(CorrelationGraph, AResultIsAMatchOfWhatRefersToIt) {
  CorrelationGraph graph = graph_of(guessed_password());
  std::vector<CorrelationGraph::Result> results;
  for (int i = 0; i < 3; ++i) feed(graph, 0, i, "f" + std::to_string(i), {"bob", "1"}, results);
  feed(graph, 1, 30, "ok", {"1"}, results);
  feed(graph, 1, 31, "ok2", {"2"}, results);
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(results[0].correlation, 0U);
  EXPECT_EQ(results[0].result.event_id, "f2");
  EXPECT_EQ(results[1].correlation, 1U);
  EXPECT_THAT(results[1].result.group, ElementsAre("1"));
  EXPECT_THAT(results[1].result.event_ids, ElementsAre("f2", "ok")) << "the match of the inner one is the record that completed it";
}

TEST(CorrelationGraph, RulesWithoutCorrelationsAreFedToNone) {
  const CorrelationGraph graph = graph_of(guessed_password());
  EXPECT_THAT(graph.feeds(1), ElementsAre(CorrelationGraph::Feed{1, 1}));
  EXPECT_THAT(graph.feeds(2), IsEmpty());
  EXPECT_THAT(graph.feeds(1'000'000), IsEmpty());
}

TEST(CorrelationGraph, WhatTimeDecidesIsInTimeForTheOuterOne) {
  // Deleted and not made again within a minute, and something else half a minute later: the deletion is only known when the watermark is past it.
  CorrelationGraph graph =
      graph_of({{.id = "gone", .type = Type::kAbsence, .sources = {{.index = 0}, {.index = 1}}, .timespan = 60s},
                {.id = "both", .type = Type::kTemporal, .sources = {{.is_correlation = true, .index = 0}, {.index = 2}}, .timespan = 100s}});
  std::vector<CorrelationGraph::Result> results;
  feed(graph, 0, 1000, "deleted", {}, results);
  feed(graph, 2, 1090, "other", {}, results);
  EXPECT_THAT(results, IsEmpty());
  graph.advance(Timestamp{100'000s}, results);
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(results[0].result.time, Timestamp{1060s});
  EXPECT_EQ(results[1].correlation, 1U);
  EXPECT_EQ(results[1].result.time, Timestamp{1090s});
  EXPECT_EQ(graph.state(1).counters().late, 0U);
}

TEST(CorrelationGraph, StateIsTakenOverByWhatIsStillTheSame) {
  CorrelationGraph graph = graph_of(guessed_password());
  std::vector<CorrelationGraph::Result> results;
  for (int i = 0; i < 2; ++i) feed(graph, 0, i, "f" + std::to_string(i), {"bob", "1"}, results);
  ByteWriter out;
  graph.save(out);

  CorrelationGraph same = graph_of(guessed_password());
  ByteReader in(out.bytes());
  EXPECT_EQ(same.load(in).value(), 0U);
  EXPECT_TRUE(in.finish());
  EXPECT_EQ(same, graph);
  EXPECT_EQ(same.memory_bytes(), graph.memory_bytes());

  std::vector<Correlation> changed = guessed_password();
  changed[0].timespan = 61s;
  CorrelationGraph other = graph_of(changed);
  ByteReader again(out.bytes());
  EXPECT_EQ(other.load(again).value(), 1U);
  EXPECT_EQ(other.state(0).entries(), 0U) << "another correlation begins anew";

  for (CorrelationGraph* each : {&same, &other}) feed(*each, 0, 2, "f2", {"bob", "1"}, results);
  EXPECT_THAT(results, SizeIs(1));
}

TEST(CorrelationGraph, ADamagedStateIsRefused) {
  CorrelationGraph graph = graph_of(guessed_password());
  std::vector<CorrelationGraph::Result> results;
  feed(graph, 0, 1, "f", {"bob", "1"}, results);
  ByteWriter out;
  graph.save(out);
  for (std::size_t size = 0; size < out.bytes().size(); ++size) {
    CorrelationGraph other = graph_of(guessed_password());
    ByteReader in(std::string_view(out.bytes()).substr(0, size));
    EXPECT_FALSE(other.load(in)) << size;
  }
}

TEST(CorrelationGraph, RefusesWhatCannotBe) {
  const auto error_of = [](std::vector<Correlation> correlations) {
    const auto graph = CorrelationGraph::create(std::move(correlations));
    return graph ? std::string() : graph.error().message;
  };
  std::vector<Correlation> twice = guessed_password(), turned = guessed_password(), lost = guessed_password(), senseless = guessed_password();
  twice[1].id = "many";
  std::swap(turned[0], turned[1]);
  lost[1].sources[0].group = {"name"};
  senseless[0].timespan = 0s;
  EXPECT_EQ(error_of(twice), "correlation many: its id is that of another");
  EXPECT_EQ(error_of(turned), "correlation then: refers to a correlation that does not stand before it");
  EXPECT_EQ(error_of(lost), "correlation then: looks for something in the results of a correlation that is no part of their group");
  EXPECT_EQ(error_of(senseless), "correlation many: a correlation of type event_count needs a timespan of more than nothing");
}

}  // namespace
}  // namespace trailwarden::rules
