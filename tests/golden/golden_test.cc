#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/replay.h"
#include "testing/alert_schema.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

// Each folder of tests/golden is a stream with the alerts that it must give, through the real pipeline.
// TRAILWARDEN_UPDATE_GOLDEN=1 rewrites them; the diff is reviewed like code.
namespace trailwarden {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(TRAILWARDEN_SOURCE_DIR) / "tests/golden";

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kFolder))
    if (entry.is_directory()) out.push_back(entry.path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, StreamGivesItsAlerts) {
  const fs::path folder = kFolder / GetParam();
  const testing::TempDir out;
  app::ReplayArguments arguments;
  // From the stream's own folder, so that alerts name `events.jsonl` and not where this checkout lies.
  const fs::path before = fs::current_path();
  fs::current_path(folder);
  arguments.paths = {"events.jsonl"};
  arguments.config = "config.yaml";
  arguments.alerts = out.path("alerts.jsonl");
  const int code = app::replay(arguments);
  fs::current_path(before);
  ASSERT_EQ(code, 0);
  const std::string alerts = testing::read_file(out.path("alerts.jsonl"));
  std::istringstream lines(alerts);
  for (std::string line; std::getline(lines, line);) EXPECT_THAT(testing::schema_errors(line), ::testing::IsEmpty()) << line;
  EXPECT_EQ(alerts.empty(), GetParam().ends_with("_silent"));
  if (std::getenv("TRAILWARDEN_UPDATE_GOLDEN") != nullptr) std::ofstream(folder / "alerts.jsonl", std::ios::binary) << alerts;
  EXPECT_EQ(alerts, testing::read_file(folder / "alerts.jsonl"));
}

INSTANTIATE_TEST_SUITE_P(Streams, Golden, ::testing::ValuesIn(cases()), [](const auto& row) { return row.param; });

}  // namespace
}  // namespace trailwarden
