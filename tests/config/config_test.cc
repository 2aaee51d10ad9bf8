#include "config/config.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

TEST(Config, IsTheDefaultWhenAFileSaysNothing) {
  const Config config = parse_config("version: 1\n", "f.yaml");
  EXPECT_THAT(config.diagnostics->lines(), IsEmpty());
  EXPECT_EQ(to_yaml(config), to_yaml(default_config()));
  EXPECT_EQ(config.time.lateness, 15min);
  EXPECT_EQ(config.time.future_skew, 2min);
  EXPECT_EQ(config.time.order, "event_time");
  EXPECT_EQ(config.shards, 64U);
  EXPECT_EQ(config.input.max_document_bytes, 256U << 20);
  EXPECT_EQ(config.input.max_record_bytes, 1U << 20);
  EXPECT_EQ(config.log.level, "info");
}

TEST(Config, SaysWhatAFileSays) {
  const Config config = parse_config(
      "version: 1\n"
      "time: {lateness: 2h, future_skew: 0s, order: arrival}\n"
      "shards: 1\n"
      "input: {max_document: 4GiB, max_record: 2000B}\n"
      "output: {max_message: 2MiB}\n"
      "log: {level: off}\n"
      "detectors: {some_detector: {its_option: 3}}\n",
      "f.yaml");
  EXPECT_THAT(config.diagnostics->lines(), IsEmpty());
  EXPECT_EQ(to_yaml(config),
            std::string("version: 1\n") +
            "time:\n  lateness: 2h\n  future_skew: 0s\n  order: arrival\n"
            "shards: 1\n"
            "input:\n  max_document: 4GiB\n  max_record: 2000B\n"
            "output:\n  max_message: 2MiB\n"
            "log:\n  level: off\n" + to_yaml(ServiceConfig{}));
  EXPECT_EQ(config.detectors.section("some_detector").integer("its_option", 0, 0, 9), 3);
}

TEST(Config, WritesWhatItReads) {
  const std::string written = to_yaml(parse_config("version: 1\ntime: {lateness: 90s}\nshards: 7\nlog: {level: error}\n", "f.yaml"));
  const Config again = parse_config(written, "written.yaml");
  EXPECT_THAT(again.diagnostics->lines(), IsEmpty());
  EXPECT_EQ(to_yaml(again), written);
}

TEST(Config, NamesEveryErrorInOneGo) {
  const Config config = parse_config(
      "version: 2\n"
      "time:\n"
      "  latenes: 5m\n"
      "  order: backwards\n"
      "sinks:\n"
      "  false_alarms: 1\n"
      "shards: 0\n"
      "input:\n"
      "  max_record: 10\n"
      "log: loud\n",
      "f.yaml");
  EXPECT_THAT(config.diagnostics->lines(),
              ElementsAre("f.yaml:1:10: version: expected a whole number from 1 to 1, not \"2\"",
                          "f.yaml:3:3: unknown key \"latenes\", did you mean \"lateness\"?",
                          "f.yaml:4:10: order: expected one of event_time, arrival, not \"backwards\"",
                          "f.yaml:5:1: sinks: this key is reserved for a later version, and this one would ignore it: take it out",
                          "f.yaml:7:9: shards: expected a whole number from 1 to 1024, not \"0\"",
                          "f.yaml:9:15: max_record: expected a size with its unit (1000B, 64KiB, 256MiB, 1GiB) from 1KiB to 64MiB, not \"10\"",
                          "f.yaml:10:6: log: expected `key: value` lines below it"));
  EXPECT_EQ(to_yaml(config), to_yaml(default_config())) << "defaults stand in for what is wrong";
}

TEST(Config, KeepsTheKeysOfLaterVersionsFree) {
  for (const std::string key : {"sinks"}) {
    const Config config = parse_config("version: 1\n" + key + ":\n  a: b\n", "f.yaml");
    EXPECT_THAT(config.diagnostics->lines(), ElementsAre(HasSubstr("f.yaml:2:1: " + key + ": this key is reserved"))) << key;
  }
}

TEST(Config, SaysWhatAProcessDoes) {
  const auto lines = [](const std::string& roles, const std::string& more = {}) {
    return parse_config("version: 1\nroles: " + roles + "\n" + more, "f.yaml").diagnostics->lines();
  };
  const std::string kafka = "kafka: {brokers: \"localhost:9092\", input: [{topic: t}], security: {protocol: plaintext}}\n";
  EXPECT_THAT(lines("[detector]"), IsEmpty());
  EXPECT_THAT(lines("[archiver, detector]", kafka), IsEmpty());
  EXPECT_THAT(lines("[archiver]"), ElementsAre(HasSubstr("work in the detector's process")));
  EXPECT_THAT(lines("[detector, archiver, digest]", kafka), IsEmpty());
  EXPECT_THAT(lines("[digest]"), ElementsAre(HasSubstr("work in the detector's process")));
  EXPECT_THAT(lines("[detectr]"), ::testing::Contains(HasSubstr("expected detector, archiver, digest or notifier, found detectr")));
  EXPECT_THAT(lines("[]"), ElementsAre(HasSubstr("a process has to do something")));
  EXPECT_THAT(lines("[detector]", "kafka: {brokers: \"localhost:9092\", group: a, archiver_group: a, input: [{topic: t}], security: {protocol: plaintext}}\n"),
              ElementsAre(HasSubstr("a group of its own")));
  EXPECT_THAT(lines("[digest]", "kafka: {brokers: \"localhost:9092\", archiver_group: a, digest_group: a, input: [{topic: t}], security: {protocol: plaintext}}\n"),
              ElementsAre(HasSubstr("the digest writer needs a group of its own")));
  EXPECT_THAT(lines("[notifier]", kafka), IsEmpty());
  EXPECT_THAT(lines("[notifier]"), ElementsAre(HasSubstr("work in the detector's process")));
  EXPECT_THAT(lines("[notifier]", "kafka: {brokers: \"localhost:9092\", group: a, notifier_group: a, input: [{topic: t}], security: {protocol: plaintext}}\n"),
              ElementsAre(HasSubstr("the notifier needs a group of its own")));
}

TEST(Config, SaysWhatTheServiceReads) {
  const Config config = parse_config(
      "version: 1\n"
      "workers: 3\n"
      "kafka:\n"
      "  brokers: \"b1:9094,b2:9094\"\n"
      "  input: [{topic: a}, {topic: b, gaps: allow}]\n"
      "  security: {protocol: sasl_ssl, mechanism: SCRAM-SHA-512, username: u, password_env: SECRET}\n"
      "  properties: {fetch.wait.max.ms: 10}\n",
      "f.yaml");
  EXPECT_THAT(config.diagnostics->lines(), IsEmpty());
  const std::string written = to_yaml(config);
  EXPECT_THAT(written, HasSubstr("- topic: \"b\"\n      gaps: allow"));
  EXPECT_THAT(written, HasSubstr("password_env: \"SECRET\""));
  EXPECT_THAT(written, HasSubstr("topics:\n    prefix: \"trailwarden.\""));
  const Config again = parse_config(written, "written.yaml");
  EXPECT_THAT(again.diagnostics->lines(), IsEmpty());
  EXPECT_EQ(to_yaml(again), written);
}

TEST(Config, QueuesSayWhatTheyMayAndAreWrittenAsTheyAreRead) {
  const Config config = parse_config(
      "version: 1\nembedded:\n  sqs:\n    - {queue_url: \"https://sqs.eu-west-1.amazonaws.com/111122223333/a\"}\n"
      "    - {queue_url: \"http://localhost:5000/1/b\", region: x, bucket_region: y, buckets: [c, d], visibility: 10m}\n",
      "f.yaml");
  EXPECT_THAT(config.diagnostics->lines(), IsEmpty());
  const auto& queues = config.service.embedded.sqs;
  ASSERT_EQ(queues.size(), 2U);
  EXPECT_EQ(queues[0].region, "eu-west-1");
  EXPECT_EQ(queues[0].bucket_region, "eu-west-1");
  EXPECT_EQ(queues[1].buckets, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(queues[1].visibility, std::chrono::minutes{10});
  const std::string written = to_yaml(config);
  const Config again = parse_config(written, "written.yaml");
  EXPECT_THAT(again.diagnostics->lines(), IsEmpty());
  EXPECT_EQ(again.service.embedded, config.service.embedded);
}

struct WrongService {
  const char* name;
  const char* text;
  const char* complaint;
};
class WrongServices : public ::testing::TestWithParam<WrongService> {};
TEST_P(WrongServices, AreRefusedWithWhatToDo) {
  const Config config = parse_config(std::string("version: 1\n") + GetParam().text, "f.yaml");
  EXPECT_THAT(config.diagnostics->lines(), Contains(HasSubstr(GetParam().complaint)));
}
INSTANTIATE_TEST_SUITE_P(Config, WrongServices, ::testing::Values(
    WrongService{"PlaintextFarAway", "kafka: {brokers: \"kafka:9092\", input: [{topic: t}], security: {protocol: plaintext}}", "security.allow_plaintext: true"},
    WrongService{"OneBrokerFarAway", "kafka: {brokers: \"localhost:9092,k:9092\", input: [{topic: t}], security: {protocol: plaintext}}", "not on this machine"},
    WrongService{"BothLogs", "embedded: {input: a}\nkafka: {brokers: \"k:9092\", input: [{topic: t}]}", "exclude each other"},
    WrongService{"FolderAndQueues", "embedded: {input: a, sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\"}]}", "f.yaml:2:12: input: and sqs: exclude each other"},
    WrongService{"NoQueue", "embedded: {sqs: []}", "sqs needs a queue"},
    WrongService{"QueueWithoutUrl", "embedded: {sqs: [{region: eu-west-1}]}", "each queue needs its `queue_url`"},
    WrongService{"QueueOfNoUrl", "embedded: {sqs: [{queue_url: trail-objects, region: eu-west-1}]}", "queue_url: expected https://sqs.REGION"},
    WrongService{"QueueWithoutRegion", "embedded: {sqs: [{queue_url: \"https://queues.example/1/q\"}]}", "set `region`"},
    WrongService{"QueueInPlainText", "embedded: {sqs: [{queue_url: \"http://queues.example/1/q\", region: r}]}", "allow_plaintext: true"},
    WrongService{"EndpointInPlainText", "embedded: {sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\", endpoint: \"http://vpce.example\"}]}", "endpoint: this host is not this machine"},
    WrongService{"SecretForItsVariable", "http: {token_env: \"s3cret/with+signs\"}", "token_env: the name of an environment variable"},
    WrongService{"TokenInTheFile", "http: {token: s3cret}", "a secret does not belong into this file"},
    WrongService{"UserInBrokers", "kafka: {brokers: \"me:s3cret@127.0.0.1:1\", input: [{topic: t}], security: {protocol: ssl}}", "with no user"},
    WrongService{"UserInListen", "http: {listen: \"me:s3cret@127.0.0.1:1\"}", "with no user"},
    WrongService{"CertificateWithoutKey", "http: {tls: {certificate_file: c}}", "certificate_file and key_file go together"},
    WrongService{"ClientsWithoutCertificate", "http: {tls: {client_ca_file: c}}", "set certificate_file and key_file"},
    WrongService{"QueueTwice", "embedded: {sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\"}, {queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\"}]}", "this queue is there already"},
    WrongService{"VisibilityTooShort", "embedded: {sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\", visibility: 1s}]}", "visibility"},
    WrongService{"WorkersEmbedded", "workers: 2", "use kafka"},
    WrongService{"TopicTwice", "kafka: {brokers: \"k:9092\", input: [{topic: t}, {topic: t}]}", "t is there already"},
    WrongService{"PrefixOfWrongLetters", "kafka: {brokers: \"k:9092\", input: [{topic: t}], topics: {prefix: \"a/b\"}}", "letters, digits"},
    WrongService{"ReadsWhatItWrites", "kafka: {brokers: \"k:9092\", input: [{topic: trailwarden.alerts}]}", "are the service's own"},
    WrongService{"TopicOfWrongLetters", "kafka: {brokers: \"k:9092\", input: [{topic: \"a b\"}]}", "letters, digits"},
    WrongService{"SecretInTheFile", "kafka: {brokers: \"k:9092\", input: [{topic: t}], security: {protocol: sasl_ssl, mechanism: PLAIN, username: u, password: x}}", "password_file"},
    WrongService{"NoMechanism", "kafka: {brokers: \"k:9092\", input: [{topic: t}], security: {protocol: sasl_ssl}}", "needs `mechanism`"},
    WrongService{"NoPassword", "kafka: {brokers: \"k:9092\", input: [{topic: t}], security: {protocol: sasl_ssl, mechanism: PLAIN, username: u}}", "password_file"},
    WrongService{"MskWithoutRegion", "kafka: {brokers: \"k:9092\", input: [{topic: t}], security: {protocol: sasl_ssl, mechanism: AWS_MSK_IAM}}", "`region`"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Config, AsksForItsVersion) {
  for (const char* text : {"", "shards: 3\n", "# nothing\n", "---\n"})
    EXPECT_THAT(parse_config(text, "f.yaml").diagnostics->lines(), ElementsAre(HasSubstr("`version: 1`"))) << text;
}

class ConfigFile : public ::testing::Test {
 protected:
  ~ConfigFile() override { std::filesystem::remove_all(folder_); }
  std::string folder_ = ::testing::TempDir() + "trailwarden-config-" + std::to_string(::getpid());
};

TEST_F(ConfigFile, IsReadWithItsNameInTheErrors) {
  std::filesystem::create_directories(folder_);
  const std::string path = folder_ + "/trailwarden.yaml";
  std::ofstream(path) << "version: 1\nshard: 3\n";
  const auto config = load_config(path);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(join_lines(*config->diagnostics), path + ":2:1: unknown key \"shard\", did you mean \"shards\"?");
}

TEST_F(ConfigFile, ThatIsNoConfigIsSaidToBeNone) {
  std::filesystem::create_directories(folder_);
  const std::string path = folder_ + "/trail.tar";
  std::ofstream(path) << std::string((1 << 20) + 1, 'x');
  const auto config = load_config(path);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(join_lines(*config->diagnostics), path + ":1:1: larger than 1 MiB, which no config is");
  EXPECT_EQ(load_config(folder_).error().code, ErrorCode::kIo);
  EXPECT_THAT(load_config(folder_).error().message, HasSubstr("directory"));
  EXPECT_EQ(load_config(folder_ + "/missing.yaml").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace trailwarden::config
