#include "http/connection.h"

#include <string>
#include <string_view>

#include <boost/asio/write.hpp>

namespace trailwarden::http {
namespace {

constexpr std::size_t kLingerBytes = 256 << 10;
constexpr std::chrono::seconds kLingerTime{1};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// What a read that failed is answered with; nothing if there is nobody to answer.
std::optional<Response> refusal_of(error_code error) {
  using Http = beast::http::error;
  if (error == Http::body_limit) return Response{.status = 413, .body = "the body is longer than what is taken here\n"};
  if (error == Http::header_limit || error == Http::buffer_overflow) return Response{.status = 431, .body = "the header is longer than 8 KiB\n"};
  if (error == Http::end_of_stream || error == Http::partial_message) return std::nullopt;
  if (error.category() == make_error_code(Http::bad_method).category()) return Response{.status = 400, .body = "this is not HTTP/1.1\n"};
  return std::nullopt;
}

}  // namespace

void Connection::wait_for_request(std::chrono::milliseconds limit) {
  if (buffer_.size() > 0) return read_request();
  stream_.expires_after(limit);
  stream_.async_read_some(buffer_.prepare(kHeaderBytes), then(&Connection::on_first_bytes));
}

void Connection::on_first_bytes(error_code error, std::size_t bytes) {
  if (error) return;
  buffer_.commit(bytes);
  read_request();
}

void Connection::read_request() {
  ++requests_;
  request_ = std::make_unique<Request>();
  request_->header_limit(kHeaderBytes);
  request_->body_limit(shared_.options.posts.empty() ? 0 : shared_.options.max_body_bytes);
  stream_.expires_after(shared_.options.read_timeout);
  beast::http::async_read_header(stream_, buffer_, *request_, then(&Connection::on_request));
}

void Connection::on_request(error_code error, std::size_t) {
  if (error) {
    if (auto refusal = refusal_of(error)) send(std::move(*refusal), false);
    return;
  }
  if (auto refused = refusal()) {
    const bool is_understood = refused->status == 405;
    return send(std::move(*refused), is_understood && may_go_on());
  }
  if (poster() == nullptr) return send(answer(), may_go_on());
  stream_.expires_after(shared_.options.body_timeout);
  const bool waits = beast::iequals(request_->get()[beast::http::field::expect], "100-continue");  // for leave to send its body
  if (!waits) return read_body({}, 0);
  asio::async_write(stream_, asio::buffer(kContinue), then(&Connection::read_body));
}

void Connection::read_body(error_code error, std::size_t) {
  if (!error) beast::http::async_read(stream_, buffer_, *request_, then(&Connection::on_body));
}

void Connection::on_body(error_code error, std::size_t) {
  if (!error) return send(answer_post(*poster()), may_go_on());
  if (auto refusal = refusal_of(error)) send(std::move(*refusal), false);
}

/// What is wrong with a request as a message; nothing if it may be answered.
std::optional<Response> Connection::refusal() const {
  using beast::http::field;
  const auto& request = request_->get();
  const bool is_posted = poster() != nullptr;
  if (request.count(field::transfer_encoding) > 0)
    return is_posted ? Response{.status = 411, .body = "say how long the body is: Content-Length\n"} : Response{.status = 413, .body = "requests have no body here\n"};
  if (!is_posted && request_->content_length().value_or(0) > 0) return Response{.status = 413, .body = "requests have no body here\n"};
  if (request.version() >= 11 && request.count(field::host) != 1) return Response{.status = 400, .body = "a request names one host\n"};
  if (!is_posted && request.method() != beast::http::verb::get && request.method() != beast::http::verb::head)
    return Response{.status = 405, .body = "these pages can only be read\n"};
  return std::nullopt;
}

/// Who takes this request; null if it is none that is posted to somebody.
const PostHandler* Connection::poster() const {
  const auto& request = request_->get();
  if (request.method() != beast::http::verb::post) return nullptr;
  const std::string_view target = view(request.target());
  const auto found = shared_.options.posts.find(std::string(target.substr(0, target.find('?'))));
  return found == shared_.options.posts.end() ? nullptr : &found->second;
}

Response Connection::answer() const {
  const auto& request = request_->get();
  return shared_.pages.answer(view(request.target()), view(request[beast::http::field::authorization]));
}

Response Connection::answer_post(const PostHandler& post) {
  auto& request = request_->get();
  PostedRequest posted{std::string(view(request.target())), {}, std::move(request.body())};
  for (const auto& field : request) posted.headers.emplace_back(view(field.name_string()), view(field.value()));
  return answer_of(posted.target, [&] { return post(posted); });
}

void Connection::send(Response response, bool keep_alive) {
  using beast::http::field;
  reply_ = std::make_unique<Reply>();
  auto& message = reply_->message;
  message.version(request_->get().version());
  message.result(response.status);
  message.set(field::server, "trailwarden");
  message.set(field::content_type, response.content_type);
  message.set(field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  if (response.status == 401) message.set(field::www_authenticate, "Bearer");
  if (response.status == 405) message.set(field::allow, "GET, HEAD");
  message.body() = std::move(response.body);
  message.keep_alive(keep_alive);
  message.prepare_payload();
  stream_.expires_after(shared_.options.write_timeout);
  const bool is_head = request_->get().method() == beast::http::verb::head;
  if (is_head) beast::http::async_write_header(stream_, reply_->serializer, then(&Connection::on_sent));
  else beast::http::async_write(stream_, reply_->serializer, then(&Connection::on_sent));
}

void Connection::on_sent(error_code error, std::size_t) {
  if (error) return;
  const bool keep_alive = reply_->message.keep_alive();
  reply_.reset();  // a connection that rests holds no page
  if (keep_alive) return wait_for_request(shared_.options.idle_timeout);
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  stream_.expires_after(kLingerTime);
  linger();
}

void Connection::linger() { stream_.async_read_some(asio::buffer(discarded_), then(&Connection::on_lingered)); }

void Connection::on_lingered(error_code error, std::size_t bytes) {
  lingered_ += bytes;
  if (!error && lingered_ < kLingerBytes) linger();
}

}  // namespace trailwarden::http
