#include "http/connection.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "metrics/registry.h"

namespace trailwarden::http {
namespace {

constexpr std::size_t kLingerBytes = 256 << 10;
constexpr std::chrono::seconds kLingerTime{1};
constexpr std::chrono::milliseconds kOnceMore{50};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kNotTls =
    "HTTP/1.1 400 Bad Request\r\nServer: trailwarden\r\nConnection: close\r\nContent-Length: 31\r\n\r\nthis port speaks TLS: https://\n";

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

AddressKey key_of(const asio::ip::address& address) {
  if (address.is_v4()) return asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
  AddressKey key = address.to_v6().to_bytes();
  if (!address.to_v6().is_v4_mapped()) std::fill(key.begin() + 8, key.end(), 0);
  return key;
}

Connection::Connection(Shared& shared, tcp::socket socket, const AddressKey& address)
    : shared_(shared), address_(address), tls_(shared.tls), wire_(std::move(socket), tls_.get()), timer_(wire_.get_executor()), buffer_(2 * shared.options.max_header_bytes) {
  ++shared_.open;
  ++shared_.open_of[address_];
  error_code ignored;
  wire_.socket().set_option(tcp::no_delay(true), ignored);  // TLS sends header and body apart, and the second would wait for the other side's delayed acknowledgement: 40 ms
}

Connection::~Connection() {
  --shared_.open;
  if (const auto mine = shared_.open_of.find(address_); --mine->second == 0) shared_.open_of.erase(mine);
}

void Connection::start() {
  if (!wire_.is_encrypted()) return wait_for_request(shared_.options.read_timeout);
  limit(shared_.options.read_timeout);
  wire_.async_handshake([self = shared_from_this()](error_code error) { self->on_handshake(error); });
}

/// The step that begins now may take so long; then whatever it waits for ends with an error, and `late_` says why.
void Connection::limit(std::chrono::milliseconds time) {
  late_ = false;
  timer_.expires_after(time);
  await_limit(++step_);
}

/// Again and again until the step ends: one that is made of several reads may be between two of them when it is cancelled.
void Connection::await_limit(std::uint64_t step) {
  timer_.async_wait([weak = weak_from_this(), step](error_code) {
    const auto self = weak.lock();
    if (!self || self->step_ != step) return;
    self->late_ = true;
    self->wire_.cancel();
    self->timer_.expires_after(kOnceMore);
    self->await_limit(step);
  });
}

void Connection::on_handshake(error_code error) {
  if (!error) return wait_for_request(shared_.options.read_timeout);
  const bool is_plain = error.category() == asio::error::get_ssl_category() && ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
  if (!is_plain) return;
  limit(shared_.options.write_timeout);
  asio::async_write(wire_.plain(), asio::buffer(kNotTls), [self = shared_from_this()](error_code failed, std::size_t) {
    if (!failed) self->begin_to_linger();
  });
}

void Connection::wait_for_request(std::chrono::milliseconds time) {
  if (buffer_.size() > 0) return read_request();
  limit(time);
  wire_.async_read_some(buffer_.prepare(shared_.options.max_header_bytes), then(&Connection::on_first_bytes));
}

void Connection::on_first_bytes(error_code error, std::size_t bytes) {
  if (error) return;
  buffer_.commit(bytes);
  read_request();
}

void Connection::read_request() {
  ++requests_;
  request_ = std::make_unique<Request>();
  request_->header_limit(static_cast<std::uint32_t>(shared_.options.max_header_bytes));
  request_->body_limit(shared_.options.posts.empty() ? 0 : shared_.options.max_body_bytes);
  limit(shared_.options.read_timeout);
  beast::http::async_read_header(wire_, buffer_, *request_, then(&Connection::on_request));
}

void Connection::on_request(error_code error, std::size_t) {
  const bool is_within_rate = shared_.rate.take(address_, RateLimit::Clock::now());  // what is wrong counts too
  if (error) {
    if (auto refusal = refusal_of(error); refusal && is_within_rate) send(std::move(*refusal), false);
    return;
  }
  if (!is_within_rate) return send({.status = 429, .body = "too many requests from this address\n", .headers = {{"Retry-After", "1"}}}, false);
  if (auto refused = refusal()) {
    const bool is_understood = refused->status == 405;
    return send(std::move(*refused), is_understood && may_go_on());
  }
  if (poster() == nullptr) return send(answer(), may_go_on());
  limit(shared_.options.body_timeout);
  const bool waits = beast::iequals(request_->get()[beast::http::field::expect], "100-continue");  // for leave to send its body
  if (!waits) return read_body({}, 0);
  asio::async_write(wire_, asio::buffer(kContinue), then(&Connection::read_body));
}

void Connection::read_body(error_code error, std::size_t) {
  if (!error) beast::http::async_read(wire_, buffer_, *request_, then(&Connection::on_body));
}

void Connection::on_body(error_code error, std::size_t) {
  if (!error) return send(answer_post(*poster()), may_go_on());
  if (auto refusal = refusal_of(error)) send(std::move(*refusal), false);
}

/// What a read that failed is answered with; nothing if there is nobody to answer.
std::optional<Response> Connection::refusal_of(error_code error) const {
  using Http = beast::http::error;
  if (late_) return Response{.status = 408, .body = "the request took too long to come\n"};
  if (error == Http::body_limit) return Response{.status = 413, .body = "the body is longer than what is taken here\n"};
  if (error == Http::header_limit || error == Http::buffer_overflow) {
    const bool in_first_line = request_->get().target().empty();
    return Response{.status = in_first_line ? 414U : 431U, .body = fmt::format("{} is longer than {} bytes\n", in_first_line ? "the address" : "the header", shared_.options.max_header_bytes)};
  }
  if (error == Http::end_of_stream || error == Http::partial_message) return std::nullopt;
  if (error.category() == make_error_code(Http::bad_method).category()) return Response{.status = 400, .body = "this is not HTTP/1.1\n"};
  return std::nullopt;
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

Response Connection::answer() {
  using beast::http::field;
  const auto& request = request_->get();
  return shared_.pages.answer(view(request.target()), {view(request[field::authorization]), view(request[field::host]), wire_.has_known_peer()});
}

Response Connection::answer_post(const PostHandler& post) {
  auto& request = request_->get();
  PostedRequest posted{std::string(view(request.target())), {}, std::move(request.body())};
  for (const auto& field : request) posted.headers.emplace_back(view(field.name_string()), view(field.value()));
  return answer_of(posted.target, [&] { return post(posted); });
}

/// Not after its share of requests, nor with a certificate, of ours or by which we know clients, that was replaced.
bool Connection::may_go_on() const { return request_->get().keep_alive() && requests_ < shared_.options.max_requests && tls_ == shared_.tls; }

void Connection::send(Response response, bool keep_alive) {
  using beast::http::field;
  if (shared_.options.metrics != nullptr) shared_.options.metrics->add("http_responses_total", {{"code", std::to_string(response.status)}}, 1);
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
  limit(shared_.options.write_timeout);
  const bool is_head = request_->get().method() == beast::http::verb::head;
  if (is_head) beast::http::async_write_header(wire_, reply_->serializer, then(&Connection::on_sent));
  else beast::http::async_write(wire_, reply_->serializer, then(&Connection::on_sent));
}

void Connection::on_sent(error_code error, std::size_t) {
  if (error) return;
  const bool keep_alive = reply_->message.keep_alive();
  reply_.reset();  // a connection that rests holds no page
  if (keep_alive) return wait_for_request(shared_.options.idle_timeout);
  if (!wire_.is_encrypted()) return begin_to_linger();
  limit(kLingerTime);
  wire_.async_shutdown([self = shared_from_this()](error_code) { self->begin_to_linger(); });  // says that this is the end of the answer, and not somebody's cut
}

void Connection::begin_to_linger() {
  error_code ignored;
  wire_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  limit(kLingerTime);
  linger();
}

void Connection::linger() { wire_.plain().async_read_some(asio::buffer(discarded_), then(&Connection::on_lingered)); }

void Connection::on_lingered(error_code error, std::size_t bytes) {
  lingered_ += bytes;
  if (!error && lingered_ < kLingerBytes) linger();
}

}  // namespace trailwarden::http
