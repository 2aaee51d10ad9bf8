#include "generate/principal.h"

#include <array>

#include <fmt/format.h>

#include "generate/random.h"
#include "generate/words.h"

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRegions = 3;

/// An address of the ranges that RFC 5737 keeps for documentation.
std::string address(std::uint64_t word) {
  constexpr std::array<std::string_view, 3> kNetworks{"192.0.2", "198.51.100", "203.0.113"};
  Random random(word);
  const std::string_view network = kNetworks[random.below(kNetworks.size())];
  return fmt::format("{}.{}", network, random.between(1, 254));
}

/// What an assumed role differs in from others.
struct RoleForm {
  std::string_view path = "/";
  std::string_view mfa = "false";
  std::string_view session_extra = "";  // behind sessionContext.attributes
  std::string_view extra = "";          // behind sessionContext
};

Principal assumed_role(const PrincipalSeed& seed, Callers kind, std::string name, const RoleForm& form = {}) {
  Principal role;
  role.kind = kind;
  role.name = std::move(name);
  role.arn = fmt::format("arn:aws:iam::{}:role{}{}", seed.account, form.path, role.name);
  role.session_arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/", seed.account, role.name);
  role.has_sessions = true;
  role.session_length = 1h;
  const std::string id = "AROA" + base32(seed.word, 17);
  role.identity = Template(fmt::format(
      R"({{"type":"AssumedRole","principalId":"{}:$s","arn":"{}$s","accountId":"{}","accessKeyId":"ASIA$K","sessionContext":{{)"
      R"("sessionIssuer":{{"type":"Role","principalId":"{}","arn":"{}","accountId":"{}","userName":"{}"}},)"
      R"("attributes":{{"creationDate":"$C","mfaAuthenticated":"{}"}}{}}}{}}})",
      id, role.session_arn, seed.account, id, role.arn, seed.account, role.name, form.mfa, form.session_extra, form.extra));
  return role;
}

/// `count` sessions for each Region.
void add_sessions(Principal& principal, const PrincipalSeed& seed, std::size_t count, std::string_view name) {
  Random random(seed.word);
  for (std::size_t i = 0; i < count * kRegions; ++i) {
    const std::uint64_t word = random.next();
    std::string session = name == "i-" ? "i-0" + hex(word, 16) : std::string(name);
    principal.sessions.push_back({std::move(session), address(word)});
  }
}

std::string_view service_word(const PrincipalSeed& seed) { return kServices[seed.number % kServices.size()]; }

/// Office network for everybody, as a company's people share a few addresses.
void add_office(Principal& principal, const PrincipalSeed& seed, const std::vector<std::string>& people) {
  Random random(seed.word);
  for (const std::string& name : people)
    for (std::size_t i = 0; i < kRegions; ++i) principal.sessions.push_back({name, fmt::format("203.0.113.{}", 10 + random.below(4))});
  principal.is_person = true;
  principal.session_length = 8h;
}

constexpr std::array<std::string_view, 3> kPersonAgents{
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "aws-cli/2.22.12 md/awscrt#0.22.0 ua/2.0 os/macos#24.1.0 md/arch#arm64 lang/python#3.12.6 cfg/retry-mode#standard",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0"};

Principal iam_user(const PrincipalSeed& seed) {
  Principal user;
  user.kind = Callers::kPeople;
  user.name = kPeople[seed.number % kPeople.size()];
  user.arn = fmt::format("arn:aws:iam::{}:user/{}", seed.account, user.name);
  user.session_arn = user.arn;
  user.identity = Template(fmt::format(R"({{"type":"IAMUser","principalId":"AIDA{}","arn":"{}","accountId":"{}","accessKeyId":"ASIA$K",)"
                                       R"("userName":"{}","sessionContext":{{"attributes":{{"creationDate":"$C","mfaAuthenticated":"true"}}}}}})",
                                       base32(seed.word, 17), user.arn, seed.account, user.name));
  add_office(user, seed, {user.name});
  return user;
}

/// Two people share the permissions of an SSO role.
Principal sso_role(const PrincipalSeed& seed) {
  constexpr std::array<std::string_view, 4> kSets{"AdministratorAccess", "PowerUserAccess", "SystemAdministrator", "DataAnalyst"};
  std::string name = fmt::format("AWSReservedSSO_{}_{}", kSets[seed.number / 2 % kSets.size()], hex(seed.word, 16));
  const RoleForm form{.path = "/aws-reserved/sso.amazonaws.com/", .mfa = "true"};
  Principal role = assumed_role(seed, Callers::kPeople, std::move(name), form);
  std::vector<std::string> people;
  for (std::size_t i : {0, 1}) people.push_back(fmt::format("{}@example.com", kPeople[(seed.number * 2 + i) % kPeople.size()]));
  add_office(role, seed, people);
  return role;
}

}  // namespace

Principal instance_role(const PrincipalSeed& seed) {
  const RoleForm form{.session_extra = R"(,"ec2RoleDelivery":"2.0")"};
  Principal role = assumed_role(seed, Callers::kInstances, fmt::format("{}-node", service_word(seed)), form);
  role.session_length = 6h;
  role.user_agent = "aws-sdk-go/1.55.5 (go1.22.9; linux; amd64) amazon-ssm-agent/3.2.2303.0";
  add_sessions(role, seed, 6, "i-");
  return role;
}

Principal app_role(const PrincipalSeed& seed) {
  Principal role = assumed_role(seed, Callers::kApps, fmt::format("{}-lambda", service_word(seed)));
  role.user_agent = "Boto3/1.35.71 md/Botocore#1.35.71 ua/2.0 os/linux#5.10.227 md/arch#x86_64 lang/python#3.12.7 exec-env/AWS_Lambda_python3.12";
  add_sessions(role, seed, 2, fmt::format("{}-handler", service_word(seed)));
  return role;
}

Principal automation_role(const PrincipalSeed& seed) {
  constexpr std::array<std::string_view, 5> kNames{"deploy", "terraform", "ci-build", "ops-scripts", "release-bot"};
  Principal role = assumed_role(seed, Callers::kAutomation, std::string(kNames[seed.number % kNames.size()]));
  role.user_agent = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3";
  add_sessions(role, seed, 1, "GitHubActions");
  return role;
}

Principal monitor_role(const PrincipalSeed& seed) {
  constexpr std::array<std::string_view, 5> kNames{"metrics-collector", "cost-explorer", "security-scanner", "inventory-sync", "asset-audit"};
  Principal role = assumed_role(seed, Callers::kMonitors, std::string(kNames[seed.number % kNames.size()]));
  role.user_agent = "aws-sdk-java/2.29.20 Linux/5.15.0 OpenJDK_64-Bit_Server_VM/21.0.5 io/async http/NettyNio";
  add_sessions(role, seed, 1, "collector");
  return role;
}

Principal person(const PrincipalSeed& seed) {
  Principal out = seed.number % 2 == 0 ? iam_user(seed) : sso_role(seed);
  out.user_agent = kPersonAgents[seed.number % kPersonAgents.size()];
  return out;
}

Principal service(const PrincipalSeed& seed, std::string_view name) {
  const std::string host = fmt::format("{}.amazonaws.com", name);
  const bool linked = name == "autoscaling" || name == "ecs" || name == "backup";
  Principal out;
  if (linked) {
    const std::string path = fmt::format("/aws-service-role/{}/", host), extra = fmt::format(R"(,"invokedBy":"{}")", host);
    const std::string role = name == "autoscaling" ? "AutoScaling" : name == "ecs" ? "ECS" : "Backup";
    out = assumed_role(seed, Callers::kService, "AWSServiceRoleFor" + role, {.path = path, .extra = extra});
  } else {
    out.identity = Template(fmt::format(R"({{"type":"AWSService","invokedBy":"{}"}})", host));
    out.arn = host;
    out.session_arn = host;
    out.session_length = 1h;
  }
  out.kind = Callers::kService;
  out.name = name;
  out.is_service = true;
  out.user_agent = host;
  for (std::size_t i = 0; i < kRegions; ++i) out.sessions.push_back({std::string(name), host});
  return out;
}

Principal root(const PrincipalSeed& seed) {
  Principal out;
  out.kind = Callers::kPeople;
  out.name = "root";
  out.arn = fmt::format("arn:aws:iam::{}:root", seed.account);
  out.session_arn = out.arn;
  out.identity = Template(fmt::format(R"({{"type":"Root","principalId":"{0}","arn":"{1}","accountId":"{0}","accessKeyId":""}})", seed.account, out.arn));
  out.is_person = true;
  out.user_agent = kPersonAgents[0];
  out.session_length = 8h;
  for (std::size_t i = 0; i < kRegions; ++i) out.sessions.push_back({"root", address(seed.word)});
  return out;
}

}  // namespace trailwarden::generate
