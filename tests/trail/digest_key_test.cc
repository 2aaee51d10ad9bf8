#include "trail/digest_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "core/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::trail {
namespace {

namespace fs = std::filesystem;

const Timestamp kFrom = parse_event_time("2026-03-01T00:00:00Z").value(), kUntil = parse_event_time("2026-03-31T00:00:00Z").value();

/// Making keys takes most of this file's time.
const DigestKey& a_key() {
  static const DigestKey key = DigestKey::generate(kFrom, kUntil).value();
  return key;
}

std::string refusal(const std::string& path, std::string_view passphrase = "") {
  const auto key = DigestKey::load(path, passphrase);
  return key ? "accepted" : key.error().message;
}

class DigestKeyFile : public ::testing::TestWithParam<const char*> {
 protected:
  testing::TempDir folder;
};

TEST_P(DigestKeyFile, HoldsTheKey) {
  const std::string path = folder.path("a.pem");
  ASSERT_TRUE(a_key().save(path, GetParam()));
  const auto loaded = DigestKey::load(path, GetParam());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->public_key(), a_key().public_key());
  EXPECT_EQ(loaded->sign("text"), a_key().sign("text"));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_FALSE(fs::exists(path + ".part"));
}
INSTANTIATE_TEST_SUITE_P(Passphrase, DigestKeyFile, ::testing::Values("", "correct horse"));

TEST_F(DigestKeyFile, IsNotOverwritten) {
  const std::string path = folder.write("a.pem", "precious");
  const auto saved = a_key().save(path, "");
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().message.find("File exists"), std::string::npos) << saved.error().message;
  EXPECT_EQ(read_file(path).value(), "precious");
}

TEST_F(DigestKeyFile, IsWrittenAnewAfterACrash) {
  folder.write("a.pem.part", "half a ke");
  ASSERT_TRUE(a_key().save(folder.path("a.pem"), ""));
  EXPECT_EQ(refusal(folder.path("a.pem")), "accepted");
}

TEST_F(DigestKeyFile, IsRefusedIfOthersMayReadIt) {
  const std::string path = folder.path("a.pem");
  ASSERT_TRUE(a_key().save(path, ""));
  for (const auto others : {fs::perms::group_read, fs::perms::others_read}) {
    fs::permissions(path, fs::perms::owner_read | others);
    EXPECT_NE(refusal(path).find("chmod 600"), std::string::npos) << refusal(path);
  }
  fs::permissions(path, fs::perms::owner_read);
  EXPECT_EQ(refusal(path), "accepted");
}

TEST_F(DigestKeyFile, NeedsItsPassphrase) {
  const std::string path = folder.path("a.pem");
  ASSERT_TRUE(a_key().save(path, "correct horse"));
  EXPECT_NE(read_file(path).value().find("ENCRYPTED PRIVATE KEY"), std::string::npos);
  EXPECT_NE(refusal(path).find("no passphrase was given"), std::string::npos) << refusal(path);
  EXPECT_NE(refusal(path, "battery staple").find("does not open it"), std::string::npos) << refusal(path, "battery staple");
}

TEST_F(DigestKeyFile, IsRefusedWithWhatIsWrong) {
  ASSERT_TRUE(a_key().save(folder.path("a.pem"), ""));
  const std::string whole = read_file(folder.path("a.pem")).value();
  const auto message = [&](const std::string& text) {
    const std::string path = folder.write("b.pem", text);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return refusal(path);
  };
  EXPECT_EQ(message(whole), "accepted");
  EXPECT_NE(message("").find("not a digest key"), std::string::npos);
  EXPECT_NE(message(whole.substr(whole.find("-----"))).find("valid-from"), std::string::npos);
  EXPECT_NE(message(whole.substr(0, whole.size() / 2)).find("no private key"), std::string::npos);
  std::string backwards = whole;
  backwards.replace(backwards.find("2026-03-31"), 10, "2026-02-28");
  EXPECT_NE(message(backwards).find("not a digest key"), std::string::npos);
  const std::string elliptic =
      "valid-from: 2026-03-01T00:00:00Z\nvalid-until: 2026-03-31T00:00:00Z\n-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAGhRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r\n"
      "M6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1\n-----END PRIVATE KEY-----\n";
  EXPECT_NE(message(elliptic).find("RSA keys of 2048"), std::string::npos) << message(elliptic);
  EXPECT_NE(refusal(folder.path("none.pem")).find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace trailwarden::trail
