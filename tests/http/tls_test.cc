#include "http/tls.h"

#include <filesystem>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "http/certificate.h"

namespace trailwarden::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

Key make_key() { return Key(EVP_EC_gen("P-256")); }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(EVP_PKEY* key, const std::string& passphrase = "") {
  const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, passphrase.empty() ? nullptr : EVP_aes_256_cbc(), reinterpret_cast<const unsigned char*>(passphrase.data()),
                           static_cast<int>(passphrase.size()), nullptr, nullptr);
  return text_of(bio.get());
}

/// Signed by itself, and good until so many seconds since 1970.
std::string certificate_of(EVP_PKEY* key, std::time_t until) {
  const std::unique_ptr<X509, Free> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), 1'600'000'000);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), key, EVP_sha256());
  const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio.get());
}

constexpr std::time_t kEarly = 1'900'000'000, kLate = 2'000'000'000;
const TlsFiles kFiles{"/run/tls.crt", "/run/tls.key", "/run/ca.crt"};

Timestamp at(std::time_t seconds) { return Timestamp{std::chrono::seconds{seconds}}; }

TEST(Certificate, TheFirstOfAFileToExpireCounts) {
  const Key key = make_key();
  const std::string early = certificate_of(key.get(), kEarly), late = certificate_of(key.get(), kLate);
  EXPECT_EQ(first_to_expire(late).value(), at(kLate));
  EXPECT_EQ(first_to_expire(late + early).value(), at(kEarly));
  EXPECT_EQ(first_to_expire("some words\n" + late + "more\n").value(), at(kLate));
}

TEST(Certificate, WhatIsNoneOrDamagedIsRefused) {
  const Key key = make_key();
  const std::string good = certificate_of(key.get(), kLate);
  for (const std::string& text : {std::string(), std::string("hello"), good.substr(0, good.size() / 2), good + good.substr(0, good.size() / 2), pem_of(key.get())})
    EXPECT_FALSE(first_to_expire(text).has_value()) << text;
}

TEST(Tls, TakesACertificateWithItsKeyAndSaysWhenTheyExpire) {
  const Key key = make_key();
  const auto tls = make_tls({certificate_of(key.get(), kEarly), pem_of(key.get()), certificate_of(key.get(), kLate)}, kFiles);
  ASSERT_TRUE(tls.has_value()) << tls.error().message;
  EXPECT_NE(tls->context, nullptr);
  EXPECT_EQ(tls->expires, at(kEarly));
  EXPECT_EQ(tls->client_expires, at(kLate));
}

struct BadCase {
  const char* name;
  TlsBytes bytes;
  const char* file;
  const char* why;
};
void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

std::vector<BadCase> bad_cases() {
  const Key key = make_key(), other = make_key();
  const std::string certificate = certificate_of(key.get(), kLate), secret = pem_of(key.get());
  return {{"NoCertificate", {"", secret, certificate}, "/run/tls.crt", "no certificate"},
          {"KeyForCertificate", {secret, secret, certificate}, "/run/tls.crt", "no certificate"},
          {"NoKey", {certificate, "", certificate}, "/run/tls.key", "no private key"},
          {"CertificateForKey", {certificate, certificate, certificate}, "/run/tls.key", "no private key"},
          {"EncryptedKey", {certificate, pem_of(key.get(), "a passphrase"), certificate}, "/run/tls.key", "without a passphrase"},
          {"OtherKey", {certificate, pem_of(other.get()), certificate}, "/run/tls.key", "is not the key of /run/tls.crt"},
          {"NoAuthority", {certificate, secret, "hello"}, "/run/ca.crt", "no certificate"}};
}

class BadTls : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadTls, IsRefusedWithTheFileAndWithoutWhatStandsInIt) {
  const auto tls = make_tls(GetParam().bytes, kFiles);
  ASSERT_FALSE(tls.has_value());
  EXPECT_THAT(tls.error().message, AllOf(StartsWith(GetParam().file), HasSubstr(GetParam().why), Not(HasSubstr("BEGIN"))));
}

INSTANTIATE_TEST_SUITE_P(Http, BadTls, ::testing::ValuesIn(bad_cases()), [](const auto& row) { return std::string(row.param.name); });

TEST(Tls, AFileThatIsNotThereIsNamed) {
  const std::string nowhere = (std::filesystem::temp_directory_path() / "trailwarden-no-such-certificate").string();
  const auto bytes = read(TlsFiles{.certificate = nowhere});
  ASSERT_FALSE(bytes.has_value());
  EXPECT_THAT(bytes.error().message, HasSubstr(nowhere));
}

}  // namespace
}  // namespace trailwarden::http
