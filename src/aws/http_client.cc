#include "aws/http_client.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include "core/check.h"

namespace trailwarden::aws {
namespace {

constexpr std::size_t kKeptHandles = 8;
constexpr std::size_t kHeaderBytes = 64 << 10;
constexpr long kKnownFor = 5;  // seconds, of a name's address: as S3's own names have it. A minute, libcurl's choice, is as long as a server that moved would be away

struct EndHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct EndList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, EndHandle>;
using List = std::unique_ptr<curl_slist, EndList>;

/// What comes in, and the bounds it has to keep.
struct Intake {
  HttpResponse response;
  std::size_t most_bytes = 0;
  bool keep_first = false;
  std::size_t header_bytes = 0;
  bool too_large = false;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& intake = *static_cast<Intake*>(context);
  const std::size_t room = intake.most_bytes - intake.response.body.size();
  intake.too_large = size > room && !intake.keep_first;
  if (intake.too_large) return 0;
  intake.response.body.append(bytes, std::min(size, room));
  return size;
}

/// The rest of a body that is sent once. libcurl cannot go back in it, so a second time ends with CURLE_SEND_FAIL_REWIND.
std::size_t give_body(char* to, std::size_t, std::size_t size, void* context) {
  auto& rest = *static_cast<std::string_view*>(context);
  const std::size_t given = rest.copy(to, size);
  rest.remove_prefix(given);
  return given;
}

std::size_t take_header(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& intake = *static_cast<Intake*>(context);
  const std::string_view line(bytes, size);
  intake.header_bytes += size;
  intake.too_large = intake.header_bytes > kHeaderBytes;
  if (intake.too_large) return 0;
  if (line.starts_with("HTTP/")) intake.response.headers.clear();  // of a 100 Continue before the answer
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && std::string_view(" \t\r\n").find(value.front()) != std::string_view::npos) value.remove_prefix(1);
  while (!value.empty() && std::string_view(" \t\r\n").find(value.back()) != std::string_view::npos) value.remove_suffix(1);
  intake.response.headers[std::move(name)] = value;
  return size;
}

/// `https://host:port`, which is what a person needs to know; never the query.
std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::string_view host = url.substr(0, url.find_first_of("/?", scheme == std::string_view::npos ? 0 : scheme + 3));
  const std::size_t user = host.rfind('@');  // whose password may stand there too
  return user == std::string_view::npos ? host : host.substr(user + 1);
}

HttpFailure failure_of(CURLcode code, const HttpRequest& request, std::string_view detail) {
  const auto failure = [&](const char* name, std::string_view advice) {
    const std::string_view what = detail.empty() ? std::string_view(curl_easy_strerror(code)) : detail;
    return HttpFailure{name, fmt::format("{}: {}{}", host_of(request.url), what, advice)};
  };
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return failure("Timeout", "");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return failure("NameNotResolved", "; look at the name and at this machine's DNS");
    case CURLE_COULDNT_CONNECT: return failure("NotConnected", "; is the address right, does the server run, does a firewall stand between?");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return failure("NotTrusted", request.ca_file.empty() ? "; AWS_CA_BUNDLE names a file with further authorities" : "; ca_file names the authorities that are trusted");
    case CURLE_ABORTED_BY_CALLBACK: return failure("Cancelled", "");
    case CURLE_SEND_FAIL_REWIND: return {"NoAnswer", fmt::format("{}: the connection ended before an answer came", host_of(request.url))};
    default: return failure("NoAnswer", "");
  }
}

bool has_line_end(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos; }

List header_list(const HttpRequest& request) {
  curl_slist* list = nullptr;
  const auto add = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(list, line.c_str());
    TRAILWARDEN_CHECK(longer != nullptr, "there is memory for a header");
    list = longer;
  };
  for (const auto& [name, value] : request.headers) {
    TRAILWARDEN_CHECK(!has_line_end(name) && !has_line_end(value), "a header is one line");
    add(value.empty() ? name + ";" : name + ": " + value);  // libcurl's form of an empty one
  }
  add("Expect:");  // a round trip for each object
  const bool typed = std::ranges::any_of(request.headers, [](const auto& header) { return header.first == "Content-Type"; });
  if (!typed) add("Content-Type:");  // or libcurl says that it is a form, which is not signed
  return List(list);
}

/// libcurl asks it about once a second while nothing comes.
int ask_whether_cancelled(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return static_cast<const std::atomic<bool>*>(cancelled)->load() ? 1 : 0; }

void prepare(CURL* handle, const HttpRequest& request, curl_slist* headers, std::string_view& rest, Intake& intake, char* detail) {
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);  // it is signed so
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(handle, CURLOPT_DNS_CACHE_TIMEOUT, kKnownFor);
  if (request.stall.count() > 0) {
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall.count()));
  }
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.once) {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(rest.size()));
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(handle, CURLOPT_READDATA, &rest);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.cancelled != nullptr) {
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, ask_whether_cancelled);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(request.cancelled));  // libcurl's signature; it is only read
  }
  if (request.direct) curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  if (const char* const bundle = std::getenv("AWS_CA_BUNDLE"); bundle != nullptr && *bundle != '\0') curl_easy_setopt(handle, CURLOPT_CAINFO, bundle);
  if (!request.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());
  if (!request.certificate_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLCERT, request.certificate_file.c_str());
    curl_easy_setopt(handle, CURLOPT_SSLKEY, request.key_file.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &intake);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &intake);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
}

}  // namespace

/// Handles that are not in use, each with the connections it keeps open.
class HttpClient::Pool {
 public:
  Handle take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      Handle fresh(curl_easy_init());
      TRAILWARDEN_CHECK(fresh != nullptr, "there is memory for a request");
      return fresh;
    }
    Handle handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }

  void give(Handle handle) {
    curl_easy_reset(handle.get());  // all but connections and names
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kKeptHandles) idle_.push_back(std::move(handle));
  }

 private:
  std::mutex mutex_;
  std::vector<Handle> idle_;  // the one used last is taken first; under mutex_
};

HttpClient::HttpClient() {
  static std::once_flag once;
  std::call_once(once, [] { TRAILWARDEN_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl starts"); });
  pool_ = std::make_unique<Pool>();
}

HttpClient::~HttpClient() = default;

tl::expected<HttpResponse, HttpFailure> HttpClient::send(const HttpRequest& request) {
  Intake intake{.most_bytes = request.most_bytes, .keep_first = request.keep_first};
  char detail[CURL_ERROR_SIZE] = "";
  const List headers = header_list(request);
  std::string_view rest = request.body;
  Handle handle = pool_->take();
  prepare(handle.get(), request, headers.get(), rest, intake, detail);
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  pool_->give(std::move(handle));
  if (intake.too_large) return tl::unexpected(HttpFailure{"TooLarge", fmt::format("{}: the answer has more than {} bytes", host_of(request.url), request.most_bytes)});
  if (code != CURLE_OK) return tl::unexpected(failure_of(code, request, detail));
  intake.response.status = static_cast<int>(status);
  return std::move(intake.response);
}

}  // namespace trailwarden::aws
