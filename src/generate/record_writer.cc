#include "generate/record_writer.h"

#include <fmt/format.h>

#include "generate/record_filler.h"
#include "generate/words.h"

namespace trailwarden::generate {
namespace {

void append_two(unsigned number, std::string& out) {
  out.push_back(static_cast<char>('0' + number / 10));
  out.push_back(static_cast<char>('0' + number % 10));
}

std::string_view event_type(const Api& api) { return api.service == "signin" ? "AwsConsoleSignIn" : "AwsApiCall"; }

void append_tls(const Api& api, const Account::Region& region, std::string& out) {
  out.append(R"(,"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":")").append(api.service);
  if (!api.is_global()) out.append(".").append(region.name);
  out.append(R"(.amazonaws.com"})");
}

/// What a sign-in tells besides; only root does without MFA.
std::string_view sign_in_details(bool with_mfa) {
  return with_mfa ? R"(,"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"Yes"})"
                  : R"(,"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"})";
}

Template or_null(std::string_view text) { return Template(text.empty() ? "null" : text); }

std::string error_of(const Api& api) {
  const FailureText& failure = text_of(api.failure);
  const std::string code = failure.code.empty() ? "" : fmt::format(R"(,"errorCode":"{}")", failure.code);
  return fmt::format(R"({},"errorMessage":"{}")", code, failure.message);
}

}  // namespace

void append_time(Timestamp time, std::string& out) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto second = static_cast<unsigned>((time - day).count());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  append_two(year / 100, out);
  append_two(year % 100, out);
  out.push_back('-');
  append_two(static_cast<unsigned>(date.month()), out);
  out.push_back('-');
  append_two(static_cast<unsigned>(date.day()), out);
  out.push_back('T');
  append_two(second / 3600, out);
  out.push_back(':');
  append_two(second / 60 % 60, out);
  out.push_back(':');
  append_two(second % 60, out);
  out.push_back('Z');
}

RecordWriter::RecordWriter(std::span<const Account> accounts) : accounts_(accounts) {
  for (const Api& api : catalogue()) {
    texts_.push_back({or_null(api.request), or_null(api.response), Template(error_of(api)),
                      fmt::format(R"(","eventSource":"{}","eventName":"{}","awsRegion":")", api.source(), api.name),
                      fmt::format(R"(","readOnly":{},"eventType":"{}","managementEvent":true,"recipientAccountId":")", api.read_only, event_type(api))});
  }
}

void RecordWriter::append(const Call& call, std::string& out) const {
  const Account& account = accounts_[call.account];
  const Principal& principal = account.principals[call.principal];
  const Account::Region& region = account.regions[call.region];
  const Api& api = catalogue()[call.api];
  const Texts& texts = texts_[call.api];
  RecordFiller filler(account, call);
  const auto fill = [&filler](char hole, std::string& to) { filler.fill(hole, to); };
  const auto append_uuid_here = [&filler, &out] {
    const std::uint64_t high = filler.random().next();
    append_uuid(high, filler.random().next(), out);
  };

  out.append(R"({"eventVersion":"1.10","userIdentity":)");
  principal.identity.append(fill, out);
  out.append(R"(,"eventTime":")");
  append_time(call.time, out);
  out.append(texts.names).append(region.name);
  out.append(R"(","sourceIPAddress":")").append(filler.session().address);
  out.append(R"(","userAgent":")").append(principal.user_agent).append("\"");
  if (call.failed) texts.error.append(fill, out);
  out.append(R"(,"requestParameters":)");
  texts.request.append(fill, out);
  out.append(R"(,"responseElements":)");
  const bool sign_in = api.service == "signin";
  if (call.failed) out.append(sign_in ? R"({"ConsoleLogin":"Failure"})" : "null");
  else texts.response.append(fill, out);
  if (sign_in) out.append(sign_in_details(call.principal != account.root));
  out.append(R"(,"requestID":")");
  append_uuid_here();
  out.append(R"(","eventID":")");
  append_uuid_here();
  out.append(texts.tail).append(account.id).append(R"(","eventCategory":"Management")");
  if (!principal.is_service) append_tls(api, region, out);
  out.push_back('}');
}

}  // namespace trailwarden::generate
