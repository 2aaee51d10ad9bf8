#include "app/conformance.h"

#include <sstream>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

const std::string kCases = std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/data/baseline-cases.jsonl";

TEST(Conformance, EveryVectorOfTheBaselineModelAgrees) {
  std::ostringstream failures;
  const auto count = run_baseline_cases(kCases, {}, failures);
  ASSERT_TRUE(count.has_value()) << count.error().message;
  EXPECT_EQ(count->failed, 0U) << failures.str();
  EXPECT_EQ(count->passed, 530U);
  EXPECT_EQ(count->skipped, 1U);  // new principals: not in this version
}

TEST(Conformance, RunsOnlyTheKindsAskedFor) {
  std::ostringstream failures;
  const auto count = run_baseline_cases(kCases, {"level", "record"}, failures);
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(count->passed, 17U);
}

TEST(Conformance, SaysWhatDiffersAndWhere) {
  const testing::TempDir dir;
  const std::string right = R"({"id":"A","kind":"nb_tail","x":0,"M":0.0001,"phi":1.0,"ln_ge":0.0,"ln_le":-9.999995e-05,"side":"le","S":9.999995e-05,"tol_nats":1e-06})";
  std::string wrong = right;
  wrong.replace(wrong.find("\"S\":9"), 5, "\"S\":8");
  std::ostringstream failures;
  const auto count = run_baseline_cases(dir.write("cases.jsonl", right + "\n" + wrong + "\n"), {}, failures);
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(count->passed, 1U);
  EXPECT_EQ(count->failed, 1U);
  EXPECT_EQ(failures.str(), "A nb_tail: S: expected 8.999995e-05, got 9.999995e-05\n");
  const auto broken = run_baseline_cases(dir.write("broken.jsonl", right + "\n{\n"), {}, failures);
  ASSERT_FALSE(broken.has_value());
  EXPECT_NE(broken.error().message.find("broken.jsonl:2:"), std::string::npos) << broken.error().message;
}

}  // namespace
}  // namespace trailwarden::app
