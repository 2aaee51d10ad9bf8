#pragma once

#include <functional>
#include <map>
#include <optional>
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

/// What somebody has to show who reads a page that is not open: one of these is enough.
struct Proof {
  std::string token;         // empty: there is none
  bool certificate = false;  // that the listener knows him by
  /// Who may read where neither is asked for. By address: who names this server by an IP address or as localhost, which a page in a browser that was made to take us for its own
  /// server (DNS rebinding) does not.
  enum class Without { kEverybody, kByAddress, kNobody } without = Without::kEverybody;
};

/// What a reader shows.
struct Reader {
  std::string_view authorization = {};  // the value of that header (RFC 6750 section 2.1)
  std::string_view host = {};           // likewise
  bool has_certificate = false;         // that he is known by
};

/// The pages of a service by path, and who may read them. Any threads may ask at once, but for `set_token`.
///
/// A path is its bytes: nothing is decoded, resolved or joined, so `/a/../b`, `/%61` and `//a` are just paths that no page has.
class Pages {
 public:
  /// open: paths of pages that everybody may read.
  Pages(std::map<std::string, Handler> pages, const Proof& proof, std::set<std::string> open);

  /// From now on it is this one; not empty.
  void set_token(std::string_view token);

  /// What to answer to `target`, the path of a request with or without a query. 401 and 403 before 404: who may not read cannot even ask which pages there are. 500 if the page throws.
  Response answer(std::string_view target, const Reader& reader) const;

 private:
  std::optional<Response> refusal(const Reader& reader) const;
  Response no_such_page() const;

  std::map<std::string, Handler> pages_;
  std::string token_hash_;  // empty: no token
  bool certificate_;
  Proof::Without without_;
  std::set<std::string> open_;
};

}  // namespace trailwarden::http
