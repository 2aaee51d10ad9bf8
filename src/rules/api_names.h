#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace trailwarden::rules {

/// Which services write to CloudTrail, and how the events of those are called that rules are about: models/api_names/names.txt, whose lines are an eventSource and its names, `#` begins a comment.
///
/// Names have no versions here: Lambda's `UpdateFunctionCode20150331v2` is `UpdateFunctionCode`. For `rules check`; nothing that judges records asks it. ~1 MB.
class ApiNames {
 public:
  static ApiNames parse(std::string_view text);
  /// kIo: it cannot be read.
  static Result<ApiNames> load(const std::string& file);

  bool empty() const { return services_.empty(); }
  bool has_source(std::string_view source) const { return services_.contains(source); }
  /// Ascending; empty if the source is not known, or its names are not.
  const std::vector<std::string>& names_of(std::string_view source) const;
  /// All of them, ascending.
  std::vector<std::string_view> sources() const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> services_;
};

/// A name without the API version that some services write behind it: `...20150331v2`, `...2020_05_31`.
std::string_view without_version(std::string_view event_name);

}  // namespace trailwarden::rules
