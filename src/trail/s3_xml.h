#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "trail/object_store.h"

namespace trailwarden::trail {

/// What S3 says in the body of a refusal: `<Error><Code>...</Code>...</Error>`. Empty texts: not said.
struct S3Error {
  std::string code, message;
  std::string region;  // the bucket's, where the request went to another
};
/// nullopt if the text is no such XML: something between answered, or a server that has nothing to say.
std::optional<S3Error> parse_s3_error(std::string_view text);

/// A page of ListObjectsV2.
struct ListPage {
  std::vector<ListedObject> objects;
  std::vector<std::string> folders;  // `CommonPrefixes`, where a delimiter was asked for
  bool is_truncated = false;
  std::string next_token;  // for the page after it
};
/// kMalformed unless it is one: every object with a key and a size, and a token if there is more.
Result<ListPage> parse_list_page(std::string_view text);

}  // namespace trailwarden::trail
