#include "detectors/security_group_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detectors/judging.h"

namespace trailwarden::detectors {
namespace {

using testing::an_event;
using testing::configured;
using testing::differences_after_reload;
using testing::EventBuilder;
using testing::flaws;
using testing::judge;
using testing::whats;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::unique_ptr<Detector> detector(std::string_view yaml = "") { return configured("security_group_change", yaml); }

EventBuilder call(std::string_view name, std::string_view request = "null") { return an_event().named(name).request(request); }

std::string permission(std::string_view ranges, std::string_view traffic = R"("ipProtocol":"tcp","fromPort":22,"toPort":22)") {
  return fmt::format(R"({{"groupId":"sg-0123","ipPermissions":{{"items":[{{{},{}}}]}}}})", traffic, ranges);
}
std::string from(std::string_view cidr) { return fmt::format(R"("ipRanges":{{"items":[{{"cidrIp":"{}"}}]}})", cidr); }

EventBuilder ingress(std::string_view request) { return call("AuthorizeSecurityGroupIngress", request); }
EventBuilder egress(std::string_view request) { return call("AuthorizeSecurityGroupEgress", request); }

constexpr std::string_view kHttps = R"("ipProtocol":"tcp","fromPort":443,"toPort":443)";
constexpr std::string_view kEverything = R"("ipProtocol":"-1")";
constexpr std::string_view kEveryTcpPort = R"("ipProtocol":"tcp","fromPort":0,"toPort":65535)";
constexpr std::string_view kManyPorts = R"("ipProtocol":"tcp","fromPort":1024,"toPort":9000)";
constexpr std::string_view kPing = R"("ipProtocol":"icmp","fromPort":8,"toPort":-1)";

struct Case {
  const char* name;
  EventBuilder event;
  const char* says;           // what(severity); "" : nothing
  const char* in_words = "";  // a part of the sentence
  const char* options = "";
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.event.json(); }

class SecurityGroupCallTable : public ::testing::TestWithParam<Case> {};

TEST_P(SecurityGroupCallTable, IsJudged) {
  const auto groups = detector(GetParam().options);
  const auto said = judge(*groups, GetParam().event);
  if (*GetParam().says == '\0') {
    EXPECT_THAT(whats(said), IsEmpty());
    return;
  }
  ASSERT_THAT(whats(said), ElementsAre(GetParam().says)) << said[0].sentence;
  EXPECT_THAT(said[0].sentence, HasSubstr(GetParam().in_words));
  EXPECT_THAT(flaws(said[0]), IsEmpty());
}

std::string name_of(const ::testing::TestParamInfo<Case>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Openings, SecurityGroupCallTable,
    ::testing::Values(
        Case{"World", ingress(permission(from("0.0.0.0/0"))), "world_open(high)", "opened security group sg-0123 to the whole internet (0.0.0.0/0) on tcp 22 (SSH) in"},
        Case{"WorldOfV6", ingress(permission(R"("ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]})")), "world_open(high)", "(::/0)"},
        Case{"WorldWithBitsBehindThePrefix", ingress(permission(from("208.236.235.254/0"))), "world_open(high)"},
        Case{"RoutedV6", ingress(permission(R"("ipv6Ranges":[{"cidrIpv6":"2000::/3"}])")), "world_open(high)"},
        Case{"HalfOfTheWorld", ingress(permission(from("128.0.0.0/1"))), "world_open(high)", "to half of the internet or more (128.0.0.0/1) on"},
        Case{"BothHalves", ingress(permission(R"("ipRanges":{"items":[{"cidrIp":"0.0.0.0/1"},{"cidrIp":"128.0.0.0/1"}]})")), "world_open(high)",
             "to the whole internet (0.0.0.0/1 and 128.0.0.0/1) on tcp 22 (SSH)"},
        Case{"FourQuarters", ingress(permission(R"("ipRanges":[{"cidrIp":"0.0.0.0/2"},{"cidrIp":"64.0.0.0/2"},{"cidrIp":"128.0.0.0/2"},{"cidrIp":"192.0.0.0/2"}])")),
             "world_open(high)", "to the whole internet (0.0.0.0/2, 128.0.0.0/2, 192.0.0.0/2 and 64.0.0.0/2) on"},
        Case{"BothFamilies", ingress(permission(R"("ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]})", kEverything)),
             "world_open(high)", "to the whole internet (0.0.0.0/0 and ::/0) for all traffic in"},
        Case{"WorldBesideOthers", ingress(R"({"groupId":"sg-1","ipPermissions":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"ipRanges":[{"cidrIp":"10.0.0.0/8"}]},
             {"ipProtocol":"tcp","fromPort":8080,"toPort":8080,"ipRanges":[{"cidrIp":"0.0.0.0/0"}]}]})"), "world_open(high)", "(0.0.0.0/0) on tcp 8080 in"},
        Case{"DifferentTraffic", ingress(R"({"groupId":"sg-1","ipPermissions":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"ipRanges":[{"cidrIp":"0.0.0.0/0"}]},
             {"ipProtocol":"tcp","fromPort":80,"toPort":80,"ipv6Ranges":[{"cidrIpv6":"::/0"}]}]})"), "world_open(high)",
             "to the whole internet: tcp 443 (HTTPS) from 0.0.0.0/0 and tcp 80 (HTTP) from ::/0, in"},
        Case{"PingFromTheWorld", ingress(permission(from("0.0.0.0/0"), kPing)), "world_open(high)", "on icmp"},
        Case{"AllTrafficFromSomewhere", ingress(permission(from("203.0.113.0/24"), kEverything)), "all_traffic_open(high)", "opened security group sg-0123 to 203.0.113.0/24 for all traffic in"},
        Case{"AllTrafficFromPrivate", ingress(permission(from("10.0.0.0/8"), kEverything)), "all_traffic_open(high)"},
        Case{"AllPortsOfOneProtocol", ingress(permission(from("203.0.113.7/32"), kEveryTcpPort)), "all_traffic_open(high)", "for all tcp ports"},
        Case{"AllTrafficFromAGroup", ingress(permission(R"("groups":{"items":[{"groupId":"sg-0999"}]})", kEverything)), "change(low)", "(all traffic from sg-0999)"},
        Case{"AllTrafficFromAPrefixList", ingress(permission(R"("prefixListIds":{"items":[{"prefixListId":"pl-1"}]})", kEverything)), "change(low)", "(all traffic from pl-1)"},
        Case{"SensitivePort", ingress(permission(from("203.0.113.0/24"))), "sensitive_port_open(high)", "to 203.0.113.0/24 on tcp 22 (SSH) in"},
        Case{"RangeWithASensitivePort", ingress(permission(from("203.0.113.0/24"), kManyPorts)), "sensitive_port_open(high)", "tcp 1024-9000"},
        Case{"ProtocolByNumber", ingress(permission(from("203.0.113.0/24"), R"("ipProtocol":"6","fromPort":3389,"toPort":3389)")), "sensitive_port_open(high)", "tcp 3389 (RDP)"},
        Case{"PortsAsText", ingress(permission(from("203.0.113.0/24"), R"("ipProtocol":"tcp","fromPort":"22","toPort":"22")")), "sensitive_port_open(high)"},
        Case{"SensitivePortFromPrivate", ingress(permission(from("10.20.0.0/16"))), "change(low)", "added ingress rules to security group sg-0123 (tcp 22 (SSH) from 10.20.0.0/16) in"},
        Case{"SensitivePortFromPrivateIfAsked", ingress(permission(from("10.20.0.0/16"))), "sensitive_port_open(high)", "", "private_sources: true"},
        Case{"OtherPort", ingress(permission(from("203.0.113.0/24"), kHttps)), "change(low)"},
        Case{"OtherSensitivePorts", ingress(permission(from("203.0.113.0/24"), kHttps)), "sensitive_port_open(high)", "", "sensitive_ports: [443]"},
        Case{"PublicService", ingress(permission(from("0.0.0.0/0"), kHttps)), "change(low)", "", "public_ports: [80, 443]"},
        Case{"MoreThanAPublicService", ingress(permission(from("0.0.0.0/0"), R"("ipProtocol":"tcp","fromPort":80,"toPort":443)")), "world_open(high)", "", "public_ports: [80, 443]"},
        Case{"PublicServiceOfTwoPorts", ingress(permission(from("0.0.0.0/0"), R"("ipProtocol":"tcp","fromPort":80,"toPort":81)")), "change(low)", "", "public_ports: [81, 80]"},
        Case{"EverythingIsNoPublicService", ingress(permission(from("0.0.0.0/0"), kEverything)), "world_open(high)", "", "public_ports: [80, 443]"},
        Case{"EgressToTheWorld", egress(permission(from("0.0.0.0/0"), kEverything)), "egress_world_open(medium)", "for outgoing traffic to the whole internet (0.0.0.0/0) for all traffic"},
        Case{"EgressElsewhere", egress(permission(from("203.0.113.0/24"), kEverything)), "change(low)", "(all traffic to 203.0.113.0/24)"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Forms, SecurityGroupCallTable,
    ::testing::Values(
        Case{"Flat", ingress(R"({"groupId":"sg-1","cidrIp":"0.0.0.0/0","fromPort":22,"toPort":22,"ipProtocol":"tcp","ipPermissions":{}})"), "world_open(high)", "tcp 22 (SSH)"},
        Case{"FlatByName", ingress(R"({"groupName":"web","cidrIp":"0.0.0.0/0","fromPort":80,"toPort":80,"ipProtocol":"tcp"})"), "world_open(high)", "security group web"},
        Case{"FlatFromAGroup", ingress(R"({"groupName":"web","sourceSecurityGroupName":"lb"})"), "change(low)", "(traffic from lb)"},
        Case{"PlainList", ingress(R"({"groupId":"sg-1","ipPermissions":[{"fromPort":80,"toPort":80,"ipProtocol":"tcp","ipRanges":[{"cidrIp":"0.0.0.0/0"}]}]})"), "world_open(high)"},
        Case{"OnlyTheResponseTells", ingress(R"({"omitted":true})").response(R"({"securityGroupRuleSet":{"items":[{"groupId":"sg-1","isEgress":false,"ipProtocol":"tcp",
             "fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0","securityGroupRuleId":"sgr-1"}]}})"), "world_open(high)", "security group sg-1 to the whole internet"},
        Case{"Modification", call("ModifySecurityGroupRules", R"({"ModifySecurityGroupRulesRequest":{"GroupId":"sg-1","SecurityGroupRule":{"SecurityGroupRuleId":"sgr-1","tag":1,
             "SecurityGroupRule":{"CidrIpv4":"0.0.0.0/0","FromPort":22,"ToPort":22,"IpProtocol":"tcp"}}}})"), "world_open(high)", "security group sg-1 to the whole internet (0.0.0.0/0) on tcp 22"},
        Case{"ModificationOfSeveral", call("ModifySecurityGroupRules", R"({"ModifySecurityGroupRulesRequest":{"GroupId":"sg-1","SecurityGroupRule":[{"SecurityGroupRuleId":"sgr-1",
             "SecurityGroupRule":{"CidrIpv4":"10.0.0.0/8","FromPort":443,"ToPort":443,"IpProtocol":"tcp"}},{"SecurityGroupRuleId":"sgr-2",
             "SecurityGroupRule":{"ReferencedGroupId":"sg-9","IpProtocol":"-1"}}]}})"), "change(low)",
             "changed rules of security group sg-1 (sgr-1 is now tcp 443 (HTTPS) from 10.0.0.0/8; sgr-2 is now all traffic from sg-9) in"},
        Case{"RevocationById", call("RevokeSecurityGroupIngress", R"({"groupId":"sg-1","securityGroupRuleIds":{"items":[{"securityGroupRuleId":"sgr-7"}]}})"), "change(low)",
             "removed ingress rules from security group sg-1 (sgr-7, of which no more is known) in"},
        Case{"RevocationByIdThatTheResponseTells", call("RevokeSecurityGroupEgress", R"({"groupId":"sg-1","securityGroupRuleIds":["sgr-7"]})").response(
             R"({"revokedSecurityGroupRuleSet":{"items":[{"securityGroupRuleId":"sgr-7","isEgress":true,"ipProtocol":"-1","fromPort":-1,"toPort":-1,"cidrIpv4":"0.0.0.0/0"}]}})"),
             "change(low)", "removed egress rules from security group sg-1 (sgr-7, all traffic to 0.0.0.0/0) in"},
        Case{"Revocation", call("RevokeSecurityGroupIngress", permission(from("0.0.0.0/0"))), "change(low)", "(tcp 22 (SSH) from 0.0.0.0/0)"},
        Case{"Creation", call("CreateSecurityGroup", R"({"groupName":"web","vpcId":"vpc-1"})").response(R"({"groupId":"sg-1"})"), "change(low)", "created security group sg-1 (web) in"},
        Case{"Deletion", call("DeleteSecurityGroup", R"({"groupId":"sg-1"})"), "change(low)", "deleted security group sg-1 in"},
        Case{"NoParameters", ingress("null"), "change(low)", "a security group that the record does not name"},
        Case{"StrangeParameters", ingress(R"({"groupId":7,"ipPermissions":{"items":[3,"x",{"ipRanges":{"items":[null,{"cidrIp":{}}]}},{"ipRanges":"y"}]},"securityGroupRuleIds":[1]})"), "change(low)", "7"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Silence, SecurityGroupCallTable,
    ::testing::Values(Case{"Refused", ingress(permission(from("0.0.0.0/0"))).failed_with("Client.UnauthorizedOperation"), ""},
                      Case{"DryRun", ingress(permission(from("0.0.0.0/0"))).failed_with("Client.DryRunOperation"), ""},
                      Case{"ThereAlready", ingress(permission(from("0.0.0.0/0"))).failed_with("Client.InvalidPermission.Duplicate"), ""},
                      Case{"Read", call("DescribeSecurityGroups").read(), ""},
                      Case{"OnlyADescription", call("UpdateSecurityGroupRuleDescriptionsIngress", permission(from("0.0.0.0/0"))), ""},
                      Case{"OtherService", ingress(permission(from("0.0.0.0/0"))).of("rds"), ""},
                      Case{"CopyAtAVpcEndpoint", ingress(permission(from("0.0.0.0/0"))).set("eventCategory", "NetworkActivity"), ""}),
    name_of);

EventBuilder added_rule(std::string_view id, bool is_egress = false, std::string_view cidr = "10.0.0.0/8") {
  return ingress(permission(from(cidr), kHttps))
      .named(is_egress ? "AuthorizeSecurityGroupEgress" : "AuthorizeSecurityGroupIngress")
      .response(fmt::format(R"({{"securityGroupRuleSet":{{"items":[{{"securityGroupRuleId":"{}","isEgress":{},"ipProtocol":"tcp","fromPort":443,"toPort":443,"cidrIpv4":"{}"}}]}}}})",
                            id, is_egress, cidr));
}
EventBuilder changed_rule(std::string_view id, std::string_view cidr, int port = 443) {
  return call("ModifySecurityGroupRules",
              fmt::format(R"({{"ModifySecurityGroupRulesRequest":{{"GroupId":"sg-0123","SecurityGroupRule":{{"SecurityGroupRuleId":"{}","SecurityGroupRule":
                          {{"CidrIpv4":"{}","FromPort":{},"ToPort":{},"IpProtocol":"tcp","Description":"x"}}}}}}}})", id, cidr, port, port));
}
EventBuilder revoked_rule(std::string_view id) { return call("RevokeSecurityGroupIngress", fmt::format(R"({{"groupId":"sg-0123","securityGroupRuleIds":["{}"]}})", id)); }

TEST(SecurityGroupChange, RemembersWhatARuleWithAnIdIs) {
  const auto groups = detector();
  judge(*groups, added_rule("sgr-1"));
  EXPECT_THAT(judge(*groups, revoked_rule("sgr-1"))[0].sentence, HasSubstr("(sgr-1, tcp 443 (HTTPS) from 10.0.0.0/8)"));
  EXPECT_THAT(judge(*groups, revoked_rule("sgr-1"))[0].sentence, HasSubstr("of which no more is known")) << "it is gone";
}

TEST(SecurityGroupChange, SaysWhatAChangedRuleWasBefore) {
  const auto groups = detector();
  judge(*groups, added_rule("sgr-1"));
  EXPECT_THAT(judge(*groups, changed_rule("sgr-1", "10.9.0.0/16"))[0].sentence,
              HasSubstr("(sgr-1 is now tcp 443 (HTTPS) from 10.9.0.0/16, before tcp 443 (HTTPS) from 10.0.0.0/8)"));
  EXPECT_THAT(judge(*groups, revoked_rule("sgr-1"))[0].sentence, HasSubstr("10.9.0.0/16"));
}

TEST(SecurityGroupChange, AChangeOfARulesDescriptionOpensNothing) {
  const auto groups = detector();
  EXPECT_THAT(whats(judge(*groups, added_rule("sgr-1", false, "0.0.0.0/0"))), ElementsAre("world_open(high)"));
  EXPECT_THAT(whats(judge(*groups, changed_rule("sgr-1", "0.0.0.0/0"))), ElementsAre("change(low)"));
  EXPECT_THAT(whats(judge(*groups, changed_rule("sgr-1", "0.0.0.0/0", 22))), ElementsAre("world_open(high)"));
}

TEST(SecurityGroupChange, AChangedRuleKeepsItsDirection) {
  const auto groups = detector();
  judge(*groups, added_rule("sgr-1", true));
  EXPECT_THAT(whats(judge(*groups, changed_rule("sgr-1", "0.0.0.0/0"))), ElementsAre("egress_world_open(medium)"));
  EXPECT_THAT(whats(judge(*groups, changed_rule("sgr-1", "0.0.0.0/0", 444))), ElementsAre("egress_world_open(medium)"));
  EXPECT_THAT(whats(judge(*groups, changed_rule("sgr-2", "0.0.0.0/0"))), ElementsAre("world_open(high)")) << "of an unknown rule the worse is assumed";
}

TEST(SecurityGroupChange, TheEgressThatEveryNewGroupHasIsAPlainChange) {
  const auto groups = detector();
  judge(*groups, call("CreateSecurityGroup", R"({"groupName":"web"})").response(R"({"groupId":"sg-0123"})").at("2024-05-01T12:00:00Z"));
  EXPECT_THAT(whats(judge(*groups, egress(permission(from("0.0.0.0/0"), kEverything)).at("2024-05-01T12:00:02Z"))), ElementsAre("change(low)"));
  EXPECT_THAT(whats(judge(*groups, egress(permission(from("0.0.0.0/0"), kEverything)).at("2024-05-01T13:00:00Z"))), ElementsAre("egress_world_open(medium)"));
  EXPECT_THAT(whats(judge(*groups, ingress(permission(from("0.0.0.0/0"))).at("2024-05-01T12:00:03Z"))), ElementsAre("world_open(high)"));
}

TEST(SecurityGroupChange, SaysWhatIsKnownOfTheGroup) {
  const auto groups = detector();
  EXPECT_EQ(judge(*groups, ingress(permission(from("0.0.0.0/0"))).at("2024-05-01T12:00:00Z"))[0].normal,
            "No change of this group had been seen since the log began; what it let through before is not known.");
  judge(*groups, ingress(permission(from("10.0.0.0/8"))).at("2024-05-01T12:10:00Z"));
  EXPECT_EQ(judge(*groups, ingress(permission(from("10.0.0.0/8"))).at("2024-05-01T12:20:00Z"))[0].normal,
            "Since the log began, this group had been changed 2 times, last at 2024-05-01T12:10:00Z; 1 of these opened it widely.");
}

TEST(SecurityGroupChange, FoldsByGroupAndByWhatWasOpened) {
  const auto groups = detector();
  EXPECT_EQ(judge(*groups, ingress(permission(from("0.0.0.0/0"))))[0].entity, "sg-0123");
  EXPECT_EQ(judge(*groups, call("CreateSecurityGroup", R"({"groupName":"web"})").response(R"({"groupId":"sg-1"})"))[0].entity, "sg-1");
}

TEST(SecurityGroupChange, ForgetsTheRuleTouchedLongestAgoWhenItIsFull) {
  const auto groups = detector();
  for (std::size_t i = 0; i <= SecurityGroupChange::kMaxRules; ++i) judge(*groups, added_rule(fmt::format("sgr-{}", i)));
  EXPECT_THAT(judge(*groups, revoked_rule("sgr-0"))[0].sentence, HasSubstr("of which no more is known"));
  EXPECT_THAT(judge(*groups, revoked_rule("sgr-1"))[0].sentence, HasSubstr("tcp 443"));
  EXPECT_LT(groups->memory_bytes(), std::size_t{3} << 20);
}

TEST(SecurityGroupChange, GoesOnAfterAReloadAsIfNothingHadHappened) {
  std::vector<std::unique_ptr<testing::OwnedEvent>> events;
  events.push_back(call("CreateSecurityGroup", R"({"groupName":"web"})").response(R"({"groupId":"sg-0123"})").decode());
  for (const EventBuilder& event : {added_rule("sgr-1"), added_rule("sgr-2", true), changed_rule("sgr-2", "0.0.0.0/0"), added_rule("sgr-3", false, "0.0.0.0/0"),
                                    changed_rule("sgr-3", "0.0.0.0/0"), revoked_rule("sgr-1"), revoked_rule("sgr-1"), revoked_rule("sgr-2")})
    events.push_back(event.decode());
  for (std::size_t split = 0; split <= events.size(); ++split) {
    const auto groups = detector(), fresh = detector();
    EXPECT_THAT(differences_after_reload(*groups, *fresh, events, split), IsEmpty()) << split;
  }
}

TEST(SecurityGroupChange, SaysWhatIsWrongWithItsOptions) {
  std::vector<std::string> complaints;
  configured("security_group_change", "sensitive_port: [22]\npublic_ports: [70000]\n", &complaints);
  EXPECT_THAT(complaints, ElementsAre(HasSubstr("did you mean \"sensitive_ports\"?"), HasSubstr("public_ports")));
}

}  // namespace
}  // namespace trailwarden::detectors
