#include "api/endpoint.h"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/headers.h"
#include "core/hash.h"
#include "metrics/registry.h"

namespace trailwarden::api {
namespace {

/// The operation that X-Amz-Target names: what is behind its last dot. There are two prefixes in use, which end alike. Empty if it names none.
std::string_view operation_of(const http::PostedRequest& request) {
  constexpr std::string_view kPrefix = "CloudTrail_20131101.";
  const std::string_view target = value_of(request.headers, "x-amz-target").value_or("");
  const std::size_t name = target.rfind('.') + 1;
  const std::string_view prefix = target.substr(0, name);
  const bool is_ours = prefix == kPrefix || prefix.ends_with("." + std::string(kPrefix));
  return is_ours && TrailApi::is_operation(target.substr(name)) ? target.substr(name) : "";
}

std::string error_json(const Refusal& refusal) {
  // The modelled member is `Message`; errors of AWS's front ends have `message`, and clients read both.
  const nlohmann::ordered_json out{{"__type", refusal.type}, {"Message", refusal.message}, {"message", refusal.message}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

struct Endpoint::Answer {
  std::string operation;  // empty: none, or whoever asked is not known
  tl::expected<std::string, Refusal> json;
};

Endpoint::Answer Endpoint::decide(const http::PostedRequest& request) const {
  const auto caller = authenticate(request, options_.keys, options_.regions, options_.now());
  if (!caller) return {"", tl::unexpected(caller.error())};
  const std::string operation(operation_of(request));
  if (operation.empty()) return {"", refuse("UnknownOperationException", "X-Amz-Target names no operation of CloudTrail_20131101")};
  return {operation, trails_.answer(*caller, operation, request.body)};
}

http::Response Endpoint::answer(const http::PostedRequest& request) {
  Answer answer = decide(request);
  const std::string type = answer.json ? "" : answer.json.error().type;
  if (options_.metrics != nullptr) options_.metrics->add("api_requests_total", {{"operation", answer.operation}, {"error", type}}, 1);
  const std::string number = std::to_string(answered_.fetch_add(1, std::memory_order_relaxed));
  http::Headers headers{{"x-amzn-RequestId", uuid_of_parts({format_time(options_.now()), number, value_of(request.headers, "authorization").value_or("")})}};
  return {.status = answer.json ? 200 : answer.json.error().status,
          .content_type = "application/x-amz-json-1.1",
          .body = answer.json ? std::move(*answer.json) : error_json(answer.json.error()),
          .headers = std::move(headers)};
}

}  // namespace trailwarden::api
