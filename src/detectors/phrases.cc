#include "detectors/phrases.h"

#include <fmt/format.h>

#include "core/text.h"
#include "event/finding.h"

namespace trailwarden::detectors {
namespace {

std::string whence(std::string_view address) {
  if (address.empty()) return "from an unknown address";
  if (address.starts_with("AWS Internal")) return "from inside AWS";
  return fmt::format("{} {}", address.ends_with(".amazonaws.com") ? "through" : "from", printable(address));
}

}  // namespace

std::string who(const event::CloudTrailEvent& event) { return printable(event::describe_principal(event)); }

std::string where_and_whence(const event::CloudTrailEvent& event) {
  return fmt::format("in {} of account {}, {}", printable(event.region()), printable(event.account()), whence(event.source_ip_address));
}

std::string error_of(const event::CloudTrailEvent& event) {
  return printable(event.error_code.empty() ? event.error_message : event.error_code);
}

std::string enumerate(const std::vector<std::string>& parts, std::size_t most, std::string_view separator) {
  std::string out;
  const std::size_t shown = std::min(parts.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    const bool is_last = i + 1 == parts.size();
    if (i > 0) out += is_last && separator == ", " ? " and " : separator;
    out += parts[i];
  }
  if (shown < parts.size()) out += fmt::format(" and {} more", parts.size() - shown);
  return out;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", with_commas(count), noun, count == 1 ? "" : "s");
}

}  // namespace trailwarden::detectors
