#include "rules/rule_text.h"

#include <algorithm>
#include <filesystem>

namespace trailwarden::rules {
namespace {

namespace fs = std::filesystem;

/// By its name; a link that leads nowhere is one too, and an error when it is read.
bool is_rule_file(const fs::directory_entry& entry) {
  std::error_code error;
  return (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml") && !entry.is_directory(error);
}

}  // namespace

std::vector<std::string> rule_files_below(const std::string& root, Diagnostics& errors) {
  std::vector<std::string> out;
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    if (fs::exists(root, error)) out.push_back(root);
    else errors.add(root, 1, 1, "there is no such file or folder");
    return out;
  }
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    const bool is_hidden = it->path().filename().string().starts_with('.');
    if (is_hidden) it.disable_recursion_pending();
    else if (is_rule_file(*it)) out.push_back(it->path().string());
  }
  if (error) errors.add(root, 1, 1, "cannot be read: " + error.message());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace trailwarden::rules
