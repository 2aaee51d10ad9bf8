#include "stream/kafka_options.h"

#include <algorithm>
#include <array>

namespace trailwarden::stream {
namespace {

constexpr std::string_view kExactlyOnce = "exactly-once rests on it";
constexpr std::string_view kOwnSetting = "it has a setting of its own";

struct Forbidden {
  std::string_view name, why;
};

constexpr auto kForbidden = std::to_array<Forbidden>({
    {"acks", kExactlyOnce},
    {"auto.commit.enable", kExactlyOnce},
    {"auto.commit.interval.ms", kExactlyOnce},
    {"auto.offset.reset", "a hole in the log is for a person to judge; start_from says where a new group begins"},
    {"bootstrap.servers", kOwnSetting},
    {"check.crcs", "damaged records must not become events"},
    {"client.id", kOwnSetting},
    {"client.rack", kOwnSetting},
    {"delivery.report.only.error", kExactlyOnce},
    {"delivery.timeout.ms", "it follows from the transaction timeout"},
    {"enable.auto.commit", kExactlyOnce},
    {"enable.auto.offset.store", kExactlyOnce},
    {"enable.gapless.guarantee", kExactlyOnce},
    {"enable.idempotence", kExactlyOnce},
    {"enable.partition.eof", "partitions without records live on it"},
    {"group.id", kOwnSetting},
    {"group.instance.id", kOwnSetting},
    {"group.protocol", "partitions must be taken away before they are given to others"},
    {"isolation.level", kExactlyOnce},
    {"log_cb", "what the library logs is logged as everything else"},
    {"log.queue", "what the library logs is logged as everything else"},
    {"max.in.flight", kExactlyOnce},
    {"max.in.flight.requests.per.connection", kExactlyOnce},
    {"max.poll.interval.ms", kOwnSetting},
    {"message.max.bytes", kOwnSetting},
    {"message.send.max.retries", kExactlyOnce},
    {"message.timeout.ms", "it follows from the transaction timeout"},
    {"metadata.broker.list", kOwnSetting},
    {"offset.store.method", kExactlyOnce},
    {"partition.assignment.strategy", "partitions must be taken away before they are given to others"},
    {"partitioner", "an account's records must stay on their partition"},
    {"plugin.library.paths", "it would load code"},
    {"request.required.acks", kExactlyOnce},
    {"retries", kExactlyOnce},
    {"security.protocol", kOwnSetting},
    {"session.timeout.ms", kOwnSetting},
    {"transaction.timeout.ms", kOwnSetting},
    {"transactional.id", kOwnSetting},
});

constexpr auto kSecuritySettings = std::to_array<std::string_view>({"sasl.mechanism", "sasl.mechanisms", "sasl.password", "sasl.username", "ssl.ca.location",
                                                                    "ssl.certificate.location", "ssl.key.location", "ssl.key.password"});

}  // namespace

std::optional<std::string> forbidden_property(std::string_view name) {
  if (name.starts_with("test.mock.")) return std::nullopt;
  if (name.ends_with("_cb") || name == "opaque") return "it is not a text";
  if (std::ranges::find(kSecuritySettings, name) != kSecuritySettings.end()) return std::string(kOwnSetting);
  const auto* const found = std::ranges::find(kForbidden, name, &Forbidden::name);
  if (found == kForbidden.end()) return std::nullopt;
  return std::string(found->why);
}

}  // namespace trailwarden::stream
