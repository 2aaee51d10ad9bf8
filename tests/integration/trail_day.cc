// Writes a day of a trail into a folder, and validates such a folder: for trail_aws_cli.py, which shows the same folder to the AWS CLI.
//
//   trail_day write FOLDER      objects/KEY, metadata.json (of each key), public_keys.json, other_public_keys.json (of a key that signed nothing)
//   trail_day pause FOLDER      the same of a day on which logging was off for hours
//   trail_day validate FOLDER   a line for each object, then the summary; exits 1 unless the trail is intact

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/read_file.h"
#include "testing/memory_object_store.h"
#include "testing/written_trail.h"
#include "trail/digest_key.h"
#include "trail/validate.h"

namespace fs = std::filesystem;
using namespace trailwarden;
using namespace trailwarden::trail;

namespace {

void write_file(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

int write(const fs::path& folder, bool paused) {
  testing::WrittenTrail day{.paused = paused};
  const auto key = DigestKey::generate(day.start - std::chrono::hours{24}, day.end() + std::chrono::hours{24}).value();
  const auto other = DigestKey::generate(day.start - std::chrono::hours{24}, day.end() + std::chrono::hours{24}).value();
  testing::MemoryObjectStore store;
  day.write(store, key);
  nlohmann::json metadata;
  for (const auto& [name, object] : store.objects) {
    write_file(folder / "objects" / name, object.bytes);
    metadata[name] = object.metadata;
  }
  write_file(folder / "metadata.json", metadata.dump());
  write_file(folder / "public_keys.json", public_keys_json({&key.public_key(), 1}));
  write_file(folder / "other_public_keys.json", public_keys_json({&other.public_key(), 1}));
  return 0;
}

int validate(const fs::path& folder) {
  testing::MemoryObjectStore store;
  const auto metadata = nlohmann::json::parse(read_file((folder / "metadata.json").string()).value());
  for (const auto& file : fs::recursive_directory_iterator(folder / "objects")) {
    if (!file.is_regular_file()) continue;
    const std::string key = fs::relative(file.path(), folder / "objects").string();
    store.objects[key] = {read_file(file.path().string()).value(), metadata.value(key, ObjectMetadata{})};
  }
  KnownKeys keys(parse_public_keys(read_file((folder / "public_keys.json").string()).value()).value());
  const testing::WrittenTrail day;
  const auto say = [](const Checked& object) { std::puts(to_line(object).c_str()); };
  const auto report = validate_trail(store, keys, {.trail = day.names, .from = day.start, .until = day.end(), .bucket = "trails", .threads = 2, .on_checked = say});
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().message.c_str());
    return 2;
  }
  std::puts(to_text(*report).c_str());
  return report->intact() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc == 3 ? argv[1] : "";
  if (command == "write" || command == "pause") return write(argv[2], command == "pause");
  if (command == "validate") return validate(argv[2]);
  std::fprintf(stderr, "usage: trail_day write|pause|validate FOLDER\n");
  return 2;
}
