#include "baseline/cell_baseline.h"

#include <gtest/gtest.h>

namespace trailwarden::baseline {
namespace {

constexpr std::int64_t kNow = 28'927'080;  // a minute of the year 2024

/// A cell whose minutes are all open.
struct Cell {
  explicit Cell(std::size_t max_rows = 20'000) : settings{.max_rows = max_rows}, cell(settings, "111111111111", "eu-west-1") {}

  CellBaseline::Counted count(const CellBaseline::Call& call) {
    cell.wake(kNow, kNow);
    return cell.count(call, kNow, verdicts);
  }

  BaselineSettings settings;
  CellBaseline cell;
  std::vector<Verdict> verdicts;
};

TEST(CellBaseline, ANameMayHoldAnyByte) {
  Cell one;
  const CellBaseline::Call call{"ec2.amazonaws.com", std::string_view("Run\0Instances", 13), std::string_view("No\0", 3)};
  const auto first = one.count(call), again = one.count(call);
  EXPECT_EQ(first.calls, again.calls);
  EXPECT_EQ(first.errors, again.errors);
  EXPECT_EQ(one.cell.rows(), 2U);
  EXPECT_EQ(one.cell.name_of(first.calls).event_name, call.event_name);
}

TEST(CellBaseline, ErrorsOfApisWithoutARowAreCountedTogether) {
  Cell full(3);
  for (const std::string_view name : {"A", "B", "C"}) full.count({"ec2.amazonaws.com", name, {}});
  const auto d = full.count({"ec2.amazonaws.com", "D", "AccessDenied"}), e = full.count({"ec2.amazonaws.com", "E", "Throttling"});
  EXPECT_EQ(d.calls, e.calls);
  EXPECT_EQ(d.errors, e.errors);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(full.count({"ec2.amazonaws.com", "D", "AccessDenied"}).errors, d.errors);
  EXPECT_EQ(full.cell.rows(), 5U);
  EXPECT_EQ(full.cell.name_of(*d.errors).error_code, "(other APIs)");
}

}  // namespace
}  // namespace trailwarden::baseline
