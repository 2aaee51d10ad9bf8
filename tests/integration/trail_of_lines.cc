// Writes records as a trail, by the archiver's own parts, for athena.py.
//
//   trail_of_lines FOLDER [ORGANIZATION] < LINES      of LINES each is MILLISECONDS, a tab, and a record that the log took in at that time; in order of time

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

#include "archive/delivery.h"
#include "archive/epoch.h"
#include "core/text.h"
#include "trail/folder_store.h"

using namespace trailwarden;
using namespace std::chrono_literals;

namespace {

/// All that a trail can keep.
trail::TrailConfig a_trail(const std::string& folder, const std::string& organization) {
  trail::TrailConfig trail;
  trail.name = "main", trail.home_region = "eu-west-1", trail.directory = folder, trail.organization = organization;
  if (!organization.empty()) trail.account = "111122223333";
  std::vector<trail::AdvancedEventSelector> selectors;
  for (const char* const category : {"Management", "Data", "NetworkActivity"}) selectors.push_back({category, {{.field = "eventCategory", .equals = {category}}}});
  trail.selectors = std::move(selectors);
  return trail;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const trail::TrailConfig trail = a_trail(argv[1], argc > 2 ? argv[2] : "");
  auto store = trail::FolderStore::open(trail.directory);
  if (!store) return std::fprintf(stderr, "%s\n", store.error().message.c_str()), 1;
  std::vector<archive::Destination> destinations;
  destinations.emplace_back(trail, std::shared_ptr<trail::ObjectStore>(std::move(*store)));

  const auto now = [] { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()); };
  const archive::Delivery delivery(destinations, {.now = now, .sleep = [](std::chrono::milliseconds) {}});
  archive::Epoch epoch(destinations, {.length = 1h}, "lines", 0);
  ingest::RecordReader reader;
  event::Arena arena;
  std::uint64_t archived = 0;
  const auto deliver = [&] {
    std::vector<archive::GatheredEpoch> ended;
    ended.push_back(epoch.close());
    archived += ended.front().counts.archived;
    if (auto done = delivery.deliver(ended, false); !done) {
      std::fprintf(stderr, "%s: %s\n", done.error().store.c_str(), done.error().message.c_str());
      std::exit(1);
    }
  };
  std::string line;
  for (std::int64_t offset = 0; std::getline(std::cin, line); ++offset) {
    const std::size_t tab = line.find('\t');
    const AppendTime at{std::chrono::milliseconds{parse_decimal<std::int64_t>(std::string_view(line).substr(0, tab)).value()}};
    if (!epoch.empty() && epoch.ends_before(at)) deliver();
    epoch.take({.offset = offset, .append_time = at, .origin = "lines", .key = {}, .value = std::string_view(line).substr(tab + 1), .headers = {}, .fault_detail = {}}, reader, arena);
  }
  if (!epoch.empty()) deliver();
  std::printf("%llu\n", static_cast<unsigned long long>(archived));
  return 0;
}
