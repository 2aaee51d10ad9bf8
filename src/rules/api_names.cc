#include "rules/api_names.h"

#include <algorithm>
#include <sstream>

#include "core/read_file.h"

namespace trailwarden::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes a date off the end: 20150331, 2020_05_31.
bool take_date(std::string_view& text) {
  for (const std::string_view form : {"dddddddd", "dddd_dd_dd"}) {
    if (text.size() <= form.size()) continue;
    const std::string_view end = text.substr(text.size() - form.size());
    if (!std::equal(end.begin(), end.end(), form.begin(), [](char c, char kind) { return kind == 'd' ? is_digit(c) : c == kind; })) continue;
    text.remove_suffix(form.size());
    return true;
  }
  return false;
}

}  // namespace

ApiNames ApiNames::parse(std::string_view text) {
  ApiNames out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string source;
    if (!(words >> source)) continue;
    std::vector<std::string>& names = out.services_[source];
    for (std::string name; words >> name;) names.push_back(std::move(name));
    std::sort(names.begin(), names.end());
  }
  return out;
}

Result<ApiNames> ApiNames::load(const std::string& file) {
  return read_file(file).transform([](const std::string& text) { return parse(text); });
}

const std::vector<std::string>& ApiNames::names_of(std::string_view source) const {
  static const std::vector<std::string> kNone;
  const auto service = services_.find(source);
  return service == services_.end() ? kNone : service->second;
}

std::vector<std::string_view> ApiNames::sources() const {
  std::vector<std::string_view> out;
  for (const auto& [source, names] : services_) out.push_back(source);
  return out;
}

std::string_view without_version(std::string_view event_name) {
  std::string_view rest = event_name;
  while (!rest.empty() && is_digit(rest.back())) rest.remove_suffix(1);
  const bool has_revision = rest.size() > 1 && rest.size() < event_name.size() && rest.back() == 'v' && is_digit(rest[rest.size() - 2]);
  rest = has_revision ? rest.substr(0, rest.size() - 1) : event_name;
  return take_date(rest) ? rest : event_name;
}

}  // namespace trailwarden::rules
