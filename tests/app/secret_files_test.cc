#include "app/secret_files.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/log.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

class SecretFiles : public ::testing::Test {
 protected:
  app::Setup setup_of(const std::string& text) { return load_setup(folder_.write("c.yaml", "version: 1\n" + text)).value(); }
  const testing::TempDir folder_;
};

auto of_key(const std::string& key, const std::string& path) { return AllOf(Field(&SecretFile::key, key), Field(&SecretFile::path, path)); }

TEST_F(SecretFiles, AreAllThatTheConfigurationNames) {
  const app::Setup setup = setup_of(
      "http: {token_file: /s/token, tls: {certificate_file: /s/c, key_file: /s/k}}\n"
      "api: {keys: [{id: TRAILWARDENAUDITOR, account: \"111122223333\", secret_file: /s/api}]}\n"
      "kafka: {brokers: \"k:1\", input: [{topic: t}], security: {protocol: sasl_ssl, mechanism: PLAIN, username: u, password_file: /s/password, certificate_file: /s/kc, key_file: /s/kk, key_password_env: X}}\n"
      "trails: [{name: main, home_region: eu-west-1, directory: d, digest: {passphrase_file: /s/passphrase}}]\n"
      "notifications: {sinks: [{name: chat, type: slack, url_file: /s/hook}]}\n");
  EXPECT_THAT(secret_files(setup), ElementsAre(of_key("http.token_file", "/s/token"), of_key("http.tls.key_file", "/s/k"), of_key("api.keys.secret_file", "/s/api"),
                                               of_key("kafka.security.key_file", "/s/kk"), of_key("kafka.security.password_file", "/s/password"),
                                               of_key("trails.digest.passphrase_file", "/s/passphrase"), of_key("notifications.sinks.url_file", "/s/hook")));
}

TEST_F(SecretFiles, ThatEverybodyMayReadAreWarnedOf) {
  namespace fs = std::filesystem;
  const std::string open = folder_.write("open", "s3cret"), closed = folder_.write("closed", "s3cret");
  fs::permissions(open, fs::perms::owner_read | fs::perms::others_read);
  fs::permissions(closed, fs::perms::owner_read | fs::perms::group_read);
  const app::Setup setup = setup_of("http: {token_file: \"" + open + "\", tls: {certificate_file: c, key_file: \"" + closed + "\"}}\n");
  ::testing::internal::CaptureStderr();
  warn_of_open_secrets(setup);
  log::flush();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), AllOf(HasSubstr("\"key\":\"http.token_file\""), HasSubstr("0404"), Not(HasSubstr(closed)), Not(HasSubstr("s3cret"))));
}

}  // namespace
}  // namespace trailwarden::app
