#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "api/endpoint.h"
#include "api/signed.h"

namespace {

using namespace trailwarden;

constexpr Timestamp kNow{std::chrono::seconds{1'772'366'400}};

api::Endpoint an_endpoint() {
  trail::TrailConfig trail;
  trail.name = "main", trail.home_region = "eu-west-1", trail.directory = "/var/trail";
  const auto now = [] { return kNow; };
  return {{.keys = {{"TRAILWARDENAUDITOR", "a secret of somebody", "111122223333"}}, .regions = {}, .now = now},
          api::TrailApi({.trails = {trail}, .insight_types = [] { return std::vector<std::string>{"ApiCallRateInsight"}; }, .status = [](const trail::TrailConfig&) { return api::TrailStatus{.is_logging = true}; },
                         .public_keys = [] { return std::vector<trail::PublicKey>{{"der", "f1", kNow, kNow + std::chrono::hours{1}}}; }, .now = now})};
}

/// `line` is taken off the front of `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Lines of headers, an empty one, and the body.
http::PostedRequest request_of(std::string_view text) {
  http::PostedRequest request{std::string(take_line(text)), {}, {}};
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    request.headers.emplace_back(line.substr(0, colon), colon == std::string_view::npos ? "" : line.substr(colon + 2));
  }
  request.body = text;
  return request;
}

/// Every answer is JSON: an object, and of a refusal with its type.
void check(const http::Response& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (!json.is_object()) std::abort();
  if (response.status != 200 && (response.status < 400 || json.at("__type").get<std::string>().empty())) std::abort();
}

}  // namespace

// "s": the operation on the first line and a body, signed as they must be: any answer. "m": the same with a second body put in place of the first, which must not be answered. Others: a request
// as it comes, which nobody here could have signed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static api::Endpoint endpoint = an_endpoint();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const char kind = text.empty() ? 'r' : text.front();
  if (!text.empty()) text.remove_prefix(1);
  if (kind != 's' && kind != 'm') {
    const http::Response response = endpoint.answer(request_of(text));
    check(response);
    if (response.status == 200) std::abort();
    return 0;
  }
  const std::string_view operation = take_line(text);
  const std::string_view body = kind == 's' ? text : take_line(text);
  http::PostedRequest request = testing::signed_request(operation, body, kNow);
  if (kind == 'm') request.body = text;
  const http::Response response = endpoint.answer(request);
  check(response);
  if (kind == 'm' && text != body && response.status == 200) std::abort();
  return 0;
}
