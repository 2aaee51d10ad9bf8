#include "rules/result_id.h"

#include "core/bytes.h"
#include "core/hash.h"
#include "rules/correlation_match.h"

namespace trailwarden::rules {

std::string result_id(const Correlation& correlation, const std::vector<std::string>& group, std::string_view what) {
  ByteWriter parts;
  parts.text(correlation.id);
  for (const std::string& part : group) parts.text(part);
  parts.text(what);
  return uuid_of(parts.bytes());
}

std::string kept_text(std::string text) {
  if (text.size() <= kMaxKeptText) return text;
  std::string kept = text.substr(0, kMaxKeptText - 70);
  while (!kept.empty() && (static_cast<unsigned char>(kept.back()) & 0xc0) == 0x80) kept.pop_back();  // no half of a code point at the end
  if (!kept.empty() && static_cast<unsigned char>(kept.back()) >= 0xc0) kept.pop_back();
  return kept + "..." + sha256_hex(text);
}

}  // namespace trailwarden::rules
