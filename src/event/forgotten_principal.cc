#include "event/forgotten_principal.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::event {
namespace {

constexpr std::string_view kAssumed = ":assumed-role/", kRole = ":role/", kIam = ":iam::", kSts = ":sts::", kRoot = ":root";

/// What names of principals are made of.
bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("+=,.@_-").find(c) != std::string_view::npos;
}

/// `text` with `\/` as `/`.
std::string without_escapes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\\' || i + 1 == text.size() || text[i + 1] != '/') out.push_back(text[i]);
  return out;
}

}  // namespace

Result<ForgottenPrincipal> ForgottenPrincipal::of(std::string_view principal) {
  if (principal.size() < 4 || principal.find_first_of("*?\" \\") != std::string_view::npos)
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is nobody's name; write the whole ARN, for example arn:aws:iam::111122223333:user/alice", printable(principal)));
  if (principal.starts_with("arn:") && std::count(principal.begin(), principal.end(), ':') < 5)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is no whole ARN; one looks like arn:aws:iam::111122223333:user/alice", printable(principal)));
  const std::size_t assumed = principal.find(kAssumed), role = principal.find(kRole), iam = principal.find(kIam);
  if (assumed != std::string_view::npos) {
    const std::size_t session = principal.find('/', assumed + kAssumed.size());
    if (session == std::string_view::npos) return ForgottenPrincipal({{std::string(principal), true}});
    return ForgottenPrincipal({{std::string(principal), false}, {std::string(principal.substr(0, session)), false}});
  }
  if (role != std::string_view::npos && iam != std::string_view::npos && iam < role) {
    const std::string_view account = principal.substr(iam + kIam.size(), role - iam - kIam.size()), name = principal.substr(principal.rfind('/') + 1);
    return ForgottenPrincipal({{std::string(principal), false}, {fmt::format("{}{}{}{}{}", principal.substr(0, iam), kSts, account, kAssumed, name), true}});
  }
  return ForgottenPrincipal({{std::string(principal), false}});
}

bool ForgottenPrincipal::is_named_by(std::string_view text) const {
  const std::string plain = text.find("\\/") == std::string_view::npos ? std::string() : without_escapes(text);
  if (!plain.empty()) text = plain;
  for (const auto& [form, with_sessions] : forms_) {
    for (std::size_t at = text.find(form); at != std::string_view::npos; at = text.find(form, at + 1)) {
      const char before = at == 0 ? ' ' : text[at - 1], after = at + form.size() == text.size() ? ' ' : text[at + form.size()];
      if (is_name_character(before) || before == '/' || before == ':') continue;
      if (!is_name_character(after) && after != ':' && (with_sessions || after != '/')) return true;
    }
  }
  return false;
}

std::vector<std::string_view> ForgottenPrincipal::names() const {
  std::vector<std::string_view> names;
  for (const Form& form : forms_) names.push_back(form.text);
  return names;
}

bool ForgottenPrincipal::is_root_of(std::string_view account) const {
  const std::string_view form = forms_.front().text;
  return form.ends_with(kRoot) && form.size() > kRoot.size() && form.substr(0, form.size() - kRoot.size()).ends_with(std::string(kIam).append(account));
}

}  // namespace trailwarden::event
