#include "rules/sigma_head.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::rules {
namespace {

constexpr std::array<std::string_view, event::kSeverities> kLevels{"informational", "low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 5> kStatuses{"stable", "test", "experimental", "deprecated", "unsupported"};
constexpr std::array<std::string_view, 10> kKnown{"id", "name", "title", "description", "level", "status", "tags", "falsepositives", "references", "logsource"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

bool are_digits(std::string_view text, std::size_t count) {
  return text.size() == count && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether a lower-case tag behind `attack.` is tNNNN or tNNNN.NNN.
bool is_technique(std::string_view tag) {
  if (!tag.starts_with('t')) return false;
  const std::size_t dot = tag.find('.');
  return are_digits(tag.substr(1, std::min(dot, tag.size()) - 1), 4) && (dot == tag.npos || are_digits(tag.substr(dot + 1), 3));
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

/// ATT&CK's groups and software (g0016, s0002) are neither techniques nor tactics.
void read_attack(SigmaHead& head) {
  for (const std::string& tag : head.tags) {
    std::string what = lower(tag);
    if (!what.starts_with("attack.")) continue;
    what.erase(0, std::string_view("attack.").size());
    if (is_technique(what)) {
      what[0] = 'T';
      add_once(head.techniques, std::move(what));
    } else if (what.size() > 1 && !are_digits(std::string_view(what).substr(1), what.size() - 1)) {
      std::replace(what.begin(), what.end(), '_', '-');
      add_once(head.tactics, std::move(what));
    }
  }
}

SigmaLogSource parse_log_source(const YamlFields& fields, FileReport& report) {
  const YamlNode* const node = fields.find("logsource");
  if (node == nullptr) return {};
  const YamlFields source(*node, "logsource", report);
  return {source.text("category").value_or(""), source.text("product").value_or(""), source.text("service").value_or("")};
}

}  // namespace

std::string_view to_string(SigmaStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

bool SigmaLogSource::covers_cloudtrail() const {
  return category.empty() && (product.empty() || equal_ignoring_case(product, "aws")) && (service.empty() || equal_ignoring_case(service, "cloudtrail"));
}

bool SigmaLogSource::is_compatible_with(const SigmaLogSource& other) const {
  const auto agree = [](const std::string& a, const std::string& b) { return a.empty() || b.empty() || equal_ignoring_case(a, b); };
  return agree(category, other.category) && agree(product, other.product) && agree(service, other.service);
}

SigmaHead parse_sigma_head(const YamlNode& document, std::string_view body, FileReport& report) {
  const YamlFields fields(document, "the document", report);
  SigmaHead head;
  head.file = report.file;
  head.place = document.place;
  head.id = fields.text("id").value_or("");
  head.name = fields.text("name").value_or("");
  head.title = fields.text("title").value_or("");
  head.description = fields.text("description").value_or("");
  if (const auto level = fields.choice("level", kLevels)) head.level = static_cast<event::Severity>(*level);
  if (const auto status = fields.choice("status", kStatuses)) head.status = static_cast<SigmaStatus>(*status);
  head.tags = fields.texts("tags");
  head.false_positives = fields.texts("falsepositives");
  head.references = fields.texts("references");
  head.log_source = parse_log_source(fields, report);
  read_attack(head);
  if (head.label().empty()) fields.error("title", "a `title` is missing, and there is neither `id` nor `name`: nobody could tell what has matched");
  for (const YamlMember& member : document.members)
    if (member.key != body && std::find(kKnown.begin(), kKnown.end(), member.key) == kKnown.end()) head.others.push_back(member);
  return head;
}

}  // namespace trailwarden::rules
