#include "aws/sqs_queue.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/clocks.h"
#include "core/hash.h"
#include "core/text.h"

namespace trailwarden::aws {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kAnswerBytes = std::size_t{16} << 20;  // ten messages of 1 MiB, escaped
constexpr seconds kTimeout{30};                              // of a request, besides what it waits
constexpr seconds kAtTheEnd{2};                              // the same once interrupted
constexpr seconds kLongestWait{20};
constexpr std::string_view kUnknownHandle = "ReceiptHandleIsInvalid";

bool is_one_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// `https://HOST[:PORT]` of a URL; empty if it is none.
std::string origin_of(std::string_view url) {
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (scheme == 0 || !is_one_word(url)) return {};
  const std::size_t end = std::min(url.find('/', scheme), url.size());
  const std::string_view host = url.substr(scheme, end - scheme);
  return host.empty() || host.find_first_of("?#@") != std::string_view::npos ? std::string() : std::string(url.substr(0, end));
}

/// `host[:port]` as it stands in the Host header.
std::string_view host_of(std::string_view origin) {
  std::string_view host = origin.substr(origin.find("://") + 3);
  const std::string_view default_port = origin.starts_with("https://") ? ":443" : ":80";
  if (host.ends_with(default_port)) host.remove_suffix(default_port.size());
  return host;
}

/// The member of an answer as text; empty if it is something else.
std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

struct Advice {
  std::string_view code;  // its beginning
  std::string_view what;
};
constexpr std::array kAdvice{
    Advice{"QueueDoesNotExist", "; correct queue_url, or make this queue"},
    Advice{"AWS.SimpleQueueService.NonExistentQueue", "; correct queue_url, or make this queue"},
    Advice{"InvalidAddress", "; correct queue_url"},
    Advice{"AccessDenied", "; allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility to the caller, in its policy and the queue's (and kms:Decrypt with a key)"},
    Advice{"KmsAccessDenied", "; allow kms:Decrypt with the queue's key to the caller"},
    Advice{"OverLimit", "; 120,000 messages of this queue are in flight: who takes them and does not delete them?"},
    Advice{"InvalidClientTokenId", "; this access key is not known there: look at the credentials"},
    Advice{"UnrecognizedClient", "; this access key is not known there: look at the credentials"},
    Advice{"InvalidSignature", "; look at the credentials, the Region and this machine's clock"},
    Advice{"SignatureDoesNotMatch", "; look at the credentials, the Region and this machine's clock"},
    Advice{"ExpiredToken", "; the credentials have expired and are looked for anew"},
};

bool is_about_credentials(std::string_view code) {
  return code.starts_with("ExpiredToken") || code.starts_with("InvalidClientTokenId") || code.starts_with("UnrecognizedClient");
}

/// The code of a refusal, from `com.amazonaws.sqs#QueueDoesNotExist` as from `AccessDeniedException`.
std::string code_of(const json& body, int status) {
  std::string type = body.is_object() ? text_of(body, "__type") : std::string();
  if (const std::size_t hash = type.rfind('#'); hash != std::string::npos) type.erase(0, hash + 1);
  return type.empty() ? fmt::format("Http{}", status) : printable(type, 80);
}

std::optional<QueuedMessage> message_of(const json& one) {
  if (!one.is_object()) return std::nullopt;
  QueuedMessage message{.id = text_of(one, "MessageId"), .handle = text_of(one, "ReceiptHandle"), .body = text_of(one, "Body")};
  if (message.id.empty() || message.handle.empty()) return std::nullopt;
  if (const auto attributes = one.find("Attributes"); attributes != one.end() && attributes->is_object())
    if (const auto sent = parse_decimal<std::int64_t>(text_of(*attributes, "SentTimestamp"))) message.sent = AppendTime{std::chrono::milliseconds{*sent}};
  return message;
}

}  // namespace

Result<std::unique_ptr<SqsQueue>> SqsQueue::create(SqsSettings settings, HttpClient& http, CredentialChain& credentials, std::function<Timestamp()> now) {
  const std::string of_url = origin_of(settings.url);
  if (of_url.empty() || settings.url.size() <= of_url.size() + 1)
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is no queue's URL; one looks like https://sqs.eu-west-1.amazonaws.com/111122223333/trail-objects", printable(settings.url)));
  if (!is_one_word(settings.region)) return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs its Region: set `region`", printable(settings.url)));
  std::string origin = settings.endpoint.empty() ? of_url : origin_of(settings.endpoint);
  if (origin.empty()) return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is no endpoint", printable(settings.endpoint)));
  return std::unique_ptr<SqsQueue>(new SqsQueue(std::move(settings), std::move(origin), http, credentials, now ? std::move(now) : wall_clock));
}

SqsQueue::SqsQueue(SqsSettings settings, std::string origin, HttpClient& http, CredentialChain& credentials, std::function<Timestamp()> now)
    : settings_(std::move(settings)), origin_(std::move(origin)), http_(http), credentials_(credentials), now_(std::move(now)) {}

std::string SqsQueue::name() const { return settings_.url.substr(settings_.url.rfind('/') + 1); }

/// Signs and sends one request.
Result<json> SqsQueue::call(std::string_view action, const json& asked, seconds wait) {
  const std::string doing = fmt::format("{} {} at {}", action, printable(settings_.url), origin_);
  auto credentials = credentials_.get();
  if (!credentials) return fail(std::move(credentials).error().during(doing));
  const std::string body = asked.dump();
  SignableRequest signable{.method = "POST",
                           .path = "/",
                           .query = {},
                           .headers = {{"Host", std::string(host_of(origin_))}, {"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", fmt::format("AmazonSQS.{}", action)}},
                           .payload_hash = sha256_hex(body)};
  sign(signable, {settings_.region, "sqs"}, *credentials, now_());
  const bool at_the_end = interrupted_;
  const auto answer = http_.send({.method = "POST",
                                  .url = origin_ + "/",
                                  .headers = std::move(signable.headers),
                                  .body = body,
                                  .timeout = at_the_end ? kAtTheEnd : kTimeout + wait,
                                  .most_bytes = kAnswerBytes,
                                  .cancelled = at_the_end ? nullptr : &interrupted_});
  if (!answer) return fail(ErrorCode::kIo, fmt::format("{}: {}", doing, answer.error().message));
  json said = json::parse(answer->body.empty() ? std::string("{}") : answer->body, nullptr, false);
  if (answer->status == 200) {
    if (!said.is_object()) return fail(ErrorCode::kIo, doing + ": the answer is no JSON object; is this SQS?");
    return said;
  }
  const std::string code = code_of(said, answer->status);
  if (is_about_credentials(code)) credentials_.forget(credentials->access_key_id);
  const std::string words = said.is_object() ? text_of(said, said.contains("message") ? "message" : "Message") : std::string();
  const auto advice = std::ranges::find_if(kAdvice, [&code](const Advice& a) { return code.starts_with(a.code); });
  return fail(ErrorCode::kIo, fmt::format("{}: {} {}{}{} [credentials: {}]", doing, answer->status, code, words.empty() ? "" : fmt::format(" ({})", printable(words)),
                                          advice == kAdvice.end() ? "" : advice->what, credentials->source));
}

Result<std::vector<QueuedMessage>> SqsQueue::receive(seconds wait, seconds hidden) {
  wait = interrupted_ ? seconds{0} : std::min(wait, kLongestWait);
  auto said = call("ReceiveMessage",
                   {{"QueueUrl", settings_.url},
                    {"MaxNumberOfMessages", kMost},
                    {"WaitTimeSeconds", wait.count()},
                    {"VisibilityTimeout", hidden.count()},
                    {"MessageSystemAttributeNames", {"SentTimestamp"}}},
                   wait);
  std::vector<QueuedMessage> messages;
  if (!said && interrupted_) return messages;
  if (!said) return fail(std::move(said).error());
  const auto found = said->find("Messages");
  if (found == said->end() || !found->is_array()) return messages;
  for (const json& one : *found)
    if (auto message = message_of(one)) messages.push_back(std::move(*message));
  return messages;
}

Result<std::vector<std::size_t>> SqsQueue::call_each(std::string_view action, std::span<const std::string> handles, seconds hidden) {
  TRAILWARDEN_CHECK(handles.size() <= kMost, "a batch is no larger than SQS takes");
  json entries = json::array();
  for (std::size_t i = 0; i < handles.size(); ++i) {
    entries.push_back({{"Id", std::to_string(i)}, {"ReceiptHandle", handles[i]}});
    if (action == "ChangeMessageVisibilityBatch") entries.back()["VisibilityTimeout"] = hidden.count();
  }
  auto said = call(action, {{"QueueUrl", settings_.url}, {"Entries", std::move(entries)}});
  if (!said) return fail(std::move(said).error());
  std::vector<std::size_t> unknown;
  const auto failed = said->find("Failed");
  if (failed == said->end() || !failed->is_array()) return unknown;
  for (const json& one : *failed) {
    if (!one.is_object()) continue;
    const auto at = parse_decimal<std::size_t>(text_of(one, "Id"));
    const std::string code = text_of(one, "Code");
    const auto fault = one.find("SenderFault");
    const bool ours = fault != one.end() && fault->is_boolean() && fault->get<bool>();
    // What SQS failed at itself would be worth another try; all the others will be refused again.
    if (at && *at < handles.size() && (ours || code == kUnknownHandle)) unknown.push_back(*at);
    else return fail(ErrorCode::kIo, fmt::format("{} {}: {} ({})", action, printable(settings_.url), printable(code, 80), printable(text_of(one, "Message"))));
  }
  return unknown;
}

Result<std::vector<std::size_t>> SqsQueue::remove(std::span<const std::string> handles) { return call_each("DeleteMessageBatch", handles, {}); }

Result<std::vector<std::size_t>> SqsQueue::hide(std::span<const std::string> handles, seconds hidden) { return call_each("ChangeMessageVisibilityBatch", handles, hidden); }

}  // namespace trailwarden::aws
