#include "trail/object_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::trail {
namespace {

constexpr std::size_t kKeyBytes = 1024;
constexpr std::size_t kMetadataBytes = 2048;

StoreError impossible(std::string_view code, std::string message) { return {StoreFault::kImpossible, std::string(code), std::move(message)}; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }
bool is_value_character(char c) { return c >= 0x20 && c < 0x7f; }

bool is_metadata_name(std::string_view name) { return !name.empty() && std::ranges::all_of(name, is_name_character); }
bool is_metadata_value(std::string_view value) {
  return std::ranges::all_of(value, is_value_character) && !value.starts_with(' ') && !value.ends_with(' ');
}

bool has_bad_part(std::string_view key) {
  while (true) {
    const std::size_t slash = key.find('/');
    const std::string_view part = key.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return true;
    if (slash == std::string_view::npos) return false;
    key.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string_view to_string(StoreFault fault) {
  switch (fault) {
    case StoreFault::kNotFound: return "not_found";
    case StoreFault::kNotNow: return "not_now";
    case StoreFault::kRefused: return "refused";
    case StoreFault::kImpossible: return "impossible";
  }
  return "";
}

std::optional<StoreError> problem_with_key(std::string_view key) {
  const auto problem = [&](std::string_view what) { return impossible("InvalidKey", fmt::format("\"{}\" cannot be an object's key: {}", printable(key), what)); };
  if (key.empty()) return problem("it is empty");
  if (key.size() > kKeyBytes) return problem(fmt::format("it has {} bytes, {} are the most", key.size(), kKeyBytes));
  if (std::ranges::any_of(key, is_control)) return problem("it has control characters");
  if (!is_utf8(key)) return problem("it is not UTF-8");
  if (has_bad_part(key)) return problem("what stands between its slashes may not be empty, \".\" or \"..\"");
  return std::nullopt;
}

std::optional<StoreError> problem_with(const NewObject& object) {
  if (auto problem = problem_with_key(object.key)) return problem;
  std::size_t bytes = 0;
  for (const auto& [name, value] : object.metadata) {
    if (!is_metadata_name(name)) return impossible("InvalidMetadata", fmt::format("\"{}\" cannot be the name of an object's metadata", printable(name)));
    if (!is_metadata_value(value)) return impossible("InvalidMetadata", fmt::format("metadata \"{}\" cannot have the value \"{}\"", name, printable(value)));
    bytes += name.size() + value.size();
  }
  if (bytes > kMetadataBytes)
    return impossible("MetadataTooLarge", fmt::format("the metadata of {} have {} bytes, {} are the most", object.key, bytes, kMetadataBytes));
  return std::nullopt;
}

std::string last_in_folder(std::string_view folder) { return std::string(folder) + "\xf4\x8f\xbf\xbf"; }

StoreResult<std::string> ObjectStore::get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) {
  return get(key).map([&](StoredObject&& whole) { return whole.bytes.substr(std::min<std::uint64_t>(offset, whole.bytes.size()), bytes); });
}

StoreResult<ListedFolder> ObjectStore::list_folder(std::string_view prefix) {
  ListedFolder found;
  std::string after;
  while (true) {
    // The page in which a folder is found may hold others; then on behind the last of them, however much it holds.
    auto page = list(prefix, after);
    if (!page) return tl::unexpected(std::move(page.error()));
    if (page->empty()) return found;
    for (ListedObject& object : *page) {
      if (object.key <= after) continue;
      const std::size_t slash = object.key.find('/', prefix.size());
      after = object.key;
      if (slash == std::string::npos) {
        found.objects.push_back(std::move(object));
      } else {
        found.folders.push_back(object.key.substr(0, slash + 1));
        after = last_in_folder(std::string_view(object.key).substr(0, slash + 1));
      }
    }
  }
}

}  // namespace trailwarden::trail
