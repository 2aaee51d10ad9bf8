#include "app/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

namespace trailwarden::app {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(Version, JsonNamesWhatIsLoaded) {
  const auto version = nlohmann::json::parse(version_json());
  EXPECT_THAT(version_line(), HasSubstr(version["version"].get<std::string>()));
  EXPECT_EQ(version["loaded"]["librdkafka"], rd_kafka_version_str());
  EXPECT_EQ(version["loaded"]["sqlite"], sqlite3_libversion());
  EXPECT_THAT(version["files"].get<std::vector<std::string>>(), Contains(MatchesRegex("/.*/librdkafka\\.so.*")));
}

TEST(Version, EveryLibraryHasOne) {
  const auto version = nlohmann::json::parse(version_json());
  for (const char* const kind : {"loaded", "compiled"})
    for (const auto& [name, text] : version[kind].items())
      EXPECT_THAT(text.get<std::string>(), MatchesRegex(name == "libcurl-tls" ? ".+" : "[0-9]+(\\.[0-9]+)+")) << name;
}

}  // namespace
}  // namespace trailwarden::app
