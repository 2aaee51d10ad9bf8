#include "app/validate.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/trail_path.h"
#include "testing/command.h"
#include "testing/fake_http_server.h"
#include "testing/temp_dir.h"
#include "testing/written_trail.h"
#include "trail/folder_store.h"

namespace trailwarden::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::Said;

/// Eight hours of a trail in a folder, written once, of which each test has a copy.
class ValidateCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    written_ = new testing::TempDir;
    day_ = new testing::WrittenTrail{.hours = 8};
    const auto key = trail::DigestKey::generate(day_->start - hours{24}, day_->end() + hours{24}).value();
    const auto other = trail::DigestKey::generate(day_->start - hours{24}, day_->end() + hours{24}).value();
    auto store = trail::FolderStore::open(written_->path("trail")).value();
    day_->write(*store, key);
    written_->write("keys.json", trail::public_keys_json({&key.public_key(), 1}));
    written_->write("other.json", trail::public_keys_json({&other.public_key(), 1}));
    written_->write("none.json", trail::public_keys_json({}));
    written_->write("passphrase", "quite secret\n");
    fs::create_directory(written_->path("ring"));
    ASSERT_TRUE(key.save(written_->path("ring/digest.pem"), "quite secret"));
  }
  static void TearDownTestSuite() {
    delete day_;
    delete written_;
  }

  ValidateCommand() { fs::copy(written_->path("trail"), folder(), fs::copy_options::recursive); }

  std::string folder() const { return dir_.path("trail"); }
  std::string file_of(const std::string& key) const { return folder() + "/" + key; }
  ValidateArguments arguments() const { return {.path = folder(), .keys = written_->path("keys.json")}; }
  static Said validate(const ValidateArguments& arguments) { return testing::run(app::validate, arguments); }
  /// A log says what another one does.
  void tamper() const { fs::copy_file(file_of(day_->logs[0]), file_of(day_->logs[1]), fs::copy_options::overwrite_existing); }

  static testing::TempDir* written_;
  static testing::WrittenTrail* day_;
  testing::TempDir dir_;
};
testing::TempDir* ValidateCommand::written_ = nullptr;
testing::WrittenTrail* ValidateCommand::day_ = nullptr;

TEST_F(ValidateCommand, FindsACleanTrailIntact) {
  const Said said = validate(arguments());
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.err, "");  // no progress where standard error is no terminal
  EXPECT_EQ(said.out,
            "Results requested for the first digest to the last digest\n\n"
            "111122223333 eu-west-1 (trail main of eu-central-1)\n"
            "Results found for 2026-03-01T00:00:00Z to 2026-03-01T08:00:00Z:\n"
            "8/8 digest files valid\n1/1 backfill digest files valid\n15/15 log files valid\n");
}

TEST_F(ValidateCommand, NamesWhatIsValidIfAsked) {
  ValidateArguments verbose = arguments();
  verbose.verbose = true;
  const Said said = validate(verbose);
  EXPECT_EQ(said.code, 0);
  EXPECT_THAT(said.out, HasSubstr("Log file\ts3://trail/" + day_->logs[1] + "\tvalid\n"));
  EXPECT_THAT(said.out, HasSubstr("(backfill) Digest file\ts3://trail/" + day_->backfill[0] + "\tvalid\n"));
}

TEST_F(ValidateCommand, NamesALogThatWasChanged) {
  tamper();
  const Said said = validate(arguments());
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.out, StartsWith("Log file\ts3://trail/" + day_->logs[1] + "\tINVALID: hash value doesn't match\n\nResults requested"));
  EXPECT_THAT(said.out, HasSubstr("14/15 log files valid, 1/15 log files INVALID\n"));
}

TEST_F(ValidateCommand, ShowsTheGapOfDigestsThatWereDeleted) {
  for (const int hour : {3, 4}) fs::remove(file_of(day_->digests[hour]));
  const Said said = validate(arguments());
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.out, ContainsRegex("\n  from +until +length +account +Region +why +trail\n"
                                      "  2026-03-01T03:00:00Z  2026-03-01T05:00:00Z  2 hours +111122223333  eu-west-1 +digests are missing +main\n"));
  EXPECT_THAT(said.out, HasSubstr("\n4 log files of the gaps above are listed by no digest\n"));
}

TEST_F(ValidateCommand, TellsTheSameAsJson) {
  tamper();
  fs::remove(file_of(day_->digests[4]));
  ValidateArguments as_json = arguments();
  as_json.as_json = true;
  const Said said = validate(as_json);
  EXPECT_EQ(said.code, 1);
  const json report = json::parse(said.out);
  EXPECT_EQ(report["intact"], false);
  ASSERT_EQ(report["problems"].size(), 2U);
  EXPECT_EQ(report["problems"][0]["key"], day_->digests[4]);
  EXPECT_EQ(report["problems"][0]["verdict"], "not found");
  EXPECT_EQ(report["problems"][1]["key"], day_->logs[1]);
  EXPECT_EQ(report["chains"][0]["gaps"], json::parse(R"([{"from": "2026-03-01T04:00:00Z", "until": "2026-03-01T05:00:00Z", "reason": "missing"}])"));
}

TEST_F(ValidateCommand, SaysThatNoKeyFits) {
  ValidateArguments wrong = arguments();
  wrong.keys = written_->path("other.json");
  const Said said = validate(wrong);
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.out, HasSubstr("\tINVALID: public key not found in region eu-central-1 for fingerprint "));
  EXPECT_THAT(said.err, HasSubstr("no digest is signed by a key of " + wrong.keys));
}

TEST_F(ValidateCommand, TakesOurOwnKeys) {
  ValidateArguments own = arguments();
  own.keys = written_->path("ring");
  own.passphrase_file = written_->path("passphrase");
  EXPECT_EQ(validate(own).code, 0);
  own.passphrase_file.clear();
  EXPECT_THAT(validate(own).err, HasSubstr("digest.pem"));
}

TEST_F(ValidateCommand, TakesARangeAndATrail) {
  ValidateArguments some = arguments();
  some.start = "2026-03-01T02:00Z";
  some.end = "2026-03-01T04:00:00Z";
  some.trail = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main";
  some.account = "111122223333";
  some.region = "eu-west-1";
  const Said said = validate(some);
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("Results found for 2026-03-01T02:00:00Z to 2026-03-01T04:00:00Z:\n"));
}

TEST_F(ValidateCommand, VerifiesACopyWithoutMetadata) {
  fs::remove_all(folder() + "/.trailwarden");
  EXPECT_EQ(validate(arguments()).code, 1);
  ValidateArguments copied = arguments();
  copied.copied = true;
  const Said said = validate(copied);
  EXPECT_EQ(said.code, 1);  // nothing vouches for the newest digest of each chain
  EXPECT_THAT(said.out, HasSubstr("7/8 digest files valid, 1/8 digest files INVALID\n"));
}

TEST_F(ValidateCommand, WritesNothing) {
  fs::remove_all(folder() + "/.trailwarden");
  validate(arguments());
  EXPECT_FALSE(fs::exists(folder() + "/.trailwarden"));
  ValidateArguments elsewhere = arguments();
  elsewhere.path = dir_.path("nowhere");
  const Said said = validate(elsewhere);
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, HasSubstr("there is no folder " + elsewhere.path));
  EXPECT_FALSE(fs::exists(elsewhere.path));
}

TEST_F(ValidateCommand, IsNotContentWithNothing) {
  ValidateArguments nothing = arguments();
  nothing.prefix = "elsewhere";
  Said said = validate(nothing);
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.out, IsEmpty());
  EXPECT_THAT(said.err, AllOf(HasSubstr("no digests in " + folder() + " below elsewhere/AWSLogs/"), HasSubstr("--organization")));

  fs::remove_all(folder() + "/AWSLogs/111122223333/CloudTrail-Digest");
  said = validate(arguments());
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, AllOf(HasSubstr("15 log files are there"), Not(HasSubstr("--organization"))));
}

TEST_F(ValidateCommand, SaysThatABucketIsNotThere) {
  ::setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  const testing::FakeHttpServer server([](const testing::FakeRequest&) { return testing::FakeAnswer{.status = 404, .body = "<Error><Code>NoSuchBucket</Code></Error>"}; });
  ValidateArguments bucket = arguments();
  bucket.path = "s3://nowhere/a";
  bucket.endpoint = server.url();
  const Said said = validate(bucket);
  ::unsetenv("AWS_ACCESS_KEY_ID");
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
  EXPECT_EQ(said.code, 2);
  EXPECT_EQ(said.out, "");
  EXPECT_THAT(said.err, AllOf(HasSubstr("s3://nowhere"), HasSubstr("NoSuchBucket"), HasSubstr("correct its name")));
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(server.requests().front().target, AllOf(StartsWith("/nowhere"), HasSubstr("prefix=a%2FAWSLogs%2F")));
}

struct WrongCase {
  const char* name;
  void (*change)(ValidateArguments& arguments);
  const char* says;
};
void PrintTo(const WrongCase& c, std::ostream* out) { *out << c.name; }

class ValidateWrongly : public ValidateCommand, public ::testing::WithParamInterface<WrongCase> {};

TEST_P(ValidateWrongly, SaysWhatIsWrong) {
  ValidateArguments wrong = arguments();
  GetParam().change(wrong);
  const Said said = validate(wrong);
  EXPECT_EQ(said.code, 2);
  EXPECT_EQ(said.out, "");
  EXPECT_THAT(said.err, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(Arguments, ValidateWrongly, ::testing::Values(
    WrongCase{"NoKeys",         [](ValidateArguments& a) { a.keys.clear(); },                              "aws cloudtrail list-public-keys"},
    WrongCase{"KeysNotThere",   [](ValidateArguments& a) { a.keys += "x"; },                               "keys.jsonx"},
    WrongCase{"KeysMalformed",  [](ValidateArguments& a) { a.keys = "/dev/null"; },                        "/dev/null: public keys: "},
    WrongCase{"KeysEmpty",      [](ValidateArguments& a) { a.keys.replace(a.keys.rfind("keys"), 4, "none"); }, "there is no public key in "},
    WrongCase{"Start",          [](ValidateArguments& a) { a.start = "yesterday"; },                       "--start-time yesterday: not a time"},
    WrongCase{"End",            [](ValidateArguments& a) { a.end = "2026-02-30"; },                        "--end-time 2026-02-30: not a time"},
    WrongCase{"Backwards",      [](ValidateArguments& a) { a.start = "2026-03-02", a.end = "2026-03-01"; },  "the range ends before it starts"},
    WrongCase{"Account",        [](ValidateArguments& a) { a.account = "../x"; },                          "../x is no account or Region"},
    WrongCase{"Arn",            [](ValidateArguments& a) { a.trail = "arn:aws:cloudtrail:eu-west-1:trail/main"; }, "not the ARN of a trail"},
    WrongCase{"NoBucket",       [](ValidateArguments& a) { a.path = "s3://"; },                            "names no bucket"},
    WrongCase{"TwoPrefixes",    [](ValidateArguments& a) { a.path = "s3://trails/a", a.prefix = "b"; },      "one of them is enough"},
    WrongCase{"BadEndpoint",    [](ValidateArguments& a) { a.path = "s3://trails", a.endpoint = "127.0.0.1"; }, "is no endpoint"}),
    [](const auto& row) { return std::string(row.param.name); });

struct PathCase {
  const char *name, *text, *folder, *bucket, *prefix;
};
void PrintTo(const PathCase& c, std::ostream* out) { *out << c.text; }

class ParseTrailPath : public ::testing::TestWithParam<PathCase> {};

TEST_P(ParseTrailPath, AgreesWithTable) {
  const PathCase& c = GetParam();
  const auto path = parse_trail_path(c.text);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->folder, c.folder);
  EXPECT_EQ(path->bucket, c.bucket);
  EXPECT_EQ(path->prefix, c.prefix);
}

INSTANTIATE_TEST_SUITE_P(Paths, ParseTrailPath, ::testing::Values(
    PathCase{"Bucket",          "s3://trails",               "", "trails", ""},
    PathCase{"Slash",           "s3://trails/",              "", "trails", ""},
    PathCase{"Prefix",          "s3://trails/a/b/",          "", "trails", "a/b"},
    PathCase{"Top",             "s3://trails/AWSLogs/",      "", "trails", ""},
    PathCase{"TopOfPrefix",     "s3://trails/a/AWSLogs",     "", "trails", "a"},
    PathCase{"AlikeTop",        "s3://trails/myAWSLogs",     "", "trails", "myAWSLogs"},
    PathCase{"Folder",          "/data/trail/",              "/data/trail", "", ""},
    PathCase{"TopOfFolder",     "/data/trail/AWSLogs/",      "/data/trail", "", ""},
    PathCase{"Root",            "/",                         "/", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ValidationLine, SaysHowFarItIs) {
  EXPECT_EQ(validation_line({.digests = 1204, .digests_in_all = 2408, .logs = 18'204, .bytes = 620'000'000}, 2.0),
            "[============>           ]  50 %  1,204 of 2,408 digests  18,204 logs  620 MB  310 MB/s");
  EXPECT_THAT(validation_line({}, 0.0), StartsWith("[>                       ]   0 %  0 of 0 digests"));
  // Digests that are named and are not there were not listed.
  EXPECT_THAT(validation_line({.digests = 9, .digests_in_all = 8}, 1.0), HasSubstr("100 %"));
}

}  // namespace
}  // namespace trailwarden::app
