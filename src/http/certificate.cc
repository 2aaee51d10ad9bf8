#include "http/certificate.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace trailwarden::http {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

/// nullopt: the field holds no time.
std::optional<Timestamp> end_of(const X509* certificate) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) != 1) return std::nullopt;
  return Timestamp{std::chrono::seconds{::timegm(&utc)}};
}

}  // namespace

Result<Timestamp> first_to_expire(std::string_view pem) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::optional<Timestamp> first;
  while (const std::unique_ptr<X509, Free> certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    const auto end = end_of(certificate.get());
    if (!end) return fail(ErrorCode::kMalformed, "a certificate does not say when it expires");
    first = std::min(first.value_or(*end), *end);
  }
  const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!first || !at_the_end) return fail(ErrorCode::kMalformed, "no certificate (PEM) stands there, or a damaged one");
  return *first;
}

}  // namespace trailwarden::http
