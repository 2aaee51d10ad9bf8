#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trailwarden::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  Headers headers = {};  // further ones
};

/// Makes a page. Called on the server's thread for every request, so it is quick and whatever it reads is safe to read from there.
using Handler = std::function<Response()>;

/// What somebody has posted.
struct PostedRequest {
  std::string target;  // path and query, as they were sent
  Headers headers;     // in the order they were sent, names as they were written
  std::string body;
};

/// Answers what is posted; who may post is for it to find out. Called as a `Handler` is.
using PostHandler = std::function<Response(const PostedRequest&)>;

/// What `make` gives; 500, and why in the log, if it throws.
Response answer_of(const std::string& path, const Handler& make);

/// The pages of a service by path, and who may read them. Immutable, so any thread may ask.
///
/// A path is its bytes: nothing is decoded, resolved or joined, so `/a/../b`, `/%61` and `//a` are just paths that no page has.
class Pages {
 public:
  /// token: empty if everybody may read everything; else what a reader of any page but `open` has to show.
  Pages(std::map<std::string, Handler> pages, std::string_view token, std::set<std::string> open);

  /// What to answer to `target`, the path of a request with or without a query, and the value of its header Authorization (RFC 6750 section 2.1).
  /// 401 before 404: without the token one cannot even ask which pages there are. 500 if the page throws.
  Response answer(std::string_view target, std::string_view authorization) const;

 private:
  bool may_read(const std::string& path, std::string_view authorization) const;
  Response no_such_page() const;

  std::map<std::string, Handler> pages_;
  std::string token_hash_;  // empty: no token
  std::set<std::string> open_;
};

}  // namespace trailwarden::http
