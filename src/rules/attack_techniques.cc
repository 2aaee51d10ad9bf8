#include "rules/attack_techniques.h"

#include <algorithm>
#include <array>

namespace trailwarden::rules {
namespace {

using event::AttackTechnique;

constexpr std::array kTechniques{
    AttackTechnique{"T1021.007", "Cloud Services", "Lateral Movement"},
    AttackTechnique{"T1021.008", "Direct Cloud VM Connections", "Lateral Movement"},
    AttackTechnique{"T1036", "Masquerading", "Defense Evasion"},
    AttackTechnique{"T1040", "Network Sniffing", "Credential Access"},
    AttackTechnique{"T1041", "Exfiltration Over C2 Channel", "Exfiltration"},
    AttackTechnique{"T1046", "Network Service Discovery", "Discovery"},
    AttackTechnique{"T1048", "Exfiltration Over Alternative Protocol", "Exfiltration"},
    AttackTechnique{"T1049", "System Network Connections Discovery", "Discovery"},
    AttackTechnique{"T1059.009", "Cloud API", "Execution"},
    AttackTechnique{"T1069.003", "Cloud Groups", "Discovery"},
    AttackTechnique{"T1071", "Application Layer Protocol", "Command and Control"},
    AttackTechnique{"T1074.002", "Remote Data Staging", "Collection"},
    AttackTechnique{"T1078.004", "Cloud Accounts", "Initial Access"},
    AttackTechnique{"T1078", "Valid Accounts", "Initial Access"},
    AttackTechnique{"T1087.004", "Cloud Account", "Discovery"},
    AttackTechnique{"T1087", "Account Discovery", "Discovery"},
    AttackTechnique{"T1090", "Proxy", "Command and Control"},
    AttackTechnique{"T1098.001", "Additional Cloud Credentials", "Persistence"},
    AttackTechnique{"T1098.003", "Additional Cloud Roles", "Persistence"},
    AttackTechnique{"T1098.004", "SSH Authorized Keys", "Persistence"},
    AttackTechnique{"T1098.005", "Device Registration", "Persistence"},
    AttackTechnique{"T1098.006", "Additional Container Cluster Roles", "Persistence"},
    AttackTechnique{"T1098", "Account Manipulation", "Persistence"},
    AttackTechnique{"T1110.003", "Password Spraying", "Credential Access"},
    AttackTechnique{"T1110.004", "Credential Stuffing", "Credential Access"},
    AttackTechnique{"T1110", "Brute Force", "Credential Access"},
    AttackTechnique{"T1119", "Automated Collection", "Collection"},
    AttackTechnique{"T1133", "External Remote Services", "Persistence"},
    AttackTechnique{"T1136.003", "Cloud Account", "Persistence"},
    AttackTechnique{"T1136", "Create Account", "Persistence"},
    AttackTechnique{"T1187", "Forced Authentication", "Credential Access"},
    AttackTechnique{"T1190", "Exploit Public-Facing Application", "Initial Access"},
    AttackTechnique{"T1199", "Trusted Relationship", "Initial Access"},
    AttackTechnique{"T1201", "Password Policy Discovery", "Discovery"},
    AttackTechnique{"T1204.003", "Malicious Image", "Execution"},
    AttackTechnique{"T1212", "Exploitation for Credential Access", "Credential Access"},
    AttackTechnique{"T1213", "Data from Information Repositories", "Collection"},
    AttackTechnique{"T1485.001", "Lifecycle-Triggered Deletion", "Impact"},
    AttackTechnique{"T1485", "Data Destruction", "Impact"},
    AttackTechnique{"T1486", "Data Encrypted for Impact", "Impact"},
    AttackTechnique{"T1489", "Service Stop", "Impact"},
    AttackTechnique{"T1490", "Inhibit System Recovery", "Impact"},
    AttackTechnique{"T1491", "Defacement", "Impact"},
    AttackTechnique{"T1496.001", "Compute Hijacking", "Impact"},
    AttackTechnique{"T1496.003", "SMS Pumping", "Impact"},
    AttackTechnique{"T1496.004", "Cloud Service Hijacking", "Impact"},
    AttackTechnique{"T1496", "Resource Hijacking", "Impact"},
    AttackTechnique{"T1498", "Network Denial of Service", "Impact"},
    AttackTechnique{"T1499", "Endpoint Denial of Service", "Impact"},
    AttackTechnique{"T1518.001", "Security Software Discovery", "Discovery"},
    AttackTechnique{"T1525", "Implant Internal Image", "Persistence"},
    AttackTechnique{"T1526", "Cloud Service Discovery", "Discovery"},
    AttackTechnique{"T1528", "Steal Application Access Token", "Credential Access"},
    AttackTechnique{"T1530", "Data from Cloud Storage", "Collection"},
    AttackTechnique{"T1531", "Account Access Removal", "Impact"},
    AttackTechnique{"T1535", "Unused/Unsupported Cloud Regions", "Defense Evasion"},
    AttackTechnique{"T1537", "Transfer Data to Cloud Account", "Exfiltration"},
    AttackTechnique{"T1538", "Cloud Service Dashboard", "Discovery"},
    AttackTechnique{"T1546", "Event Triggered Execution", "Persistence"},
    AttackTechnique{"T1548.005", "Temporary Elevated Cloud Access", "Privilege Escalation"},
    AttackTechnique{"T1548", "Abuse Elevation Control Mechanism", "Privilege Escalation"},
    AttackTechnique{"T1550.001", "Application Access Token", "Lateral Movement"},
    AttackTechnique{"T1550", "Use Alternate Authentication Material", "Lateral Movement"},
    AttackTechnique{"T1552.001", "Credentials In Files", "Credential Access"},
    AttackTechnique{"T1552.004", "Private Keys", "Credential Access"},
    AttackTechnique{"T1552.005", "Cloud Instance Metadata API", "Credential Access"},
    AttackTechnique{"T1552", "Unsecured Credentials", "Credential Access"},
    AttackTechnique{"T1555.006", "Cloud Secrets Management Stores", "Credential Access"},
    AttackTechnique{"T1555", "Credentials from Password Stores", "Credential Access"},
    AttackTechnique{"T1556.006", "Multi-Factor Authentication", "Credential Access"},
    AttackTechnique{"T1556.007", "Hybrid Identity", "Credential Access"},
    AttackTechnique{"T1556.009", "Conditional Access Policies", "Credential Access"},
    AttackTechnique{"T1556", "Modify Authentication Process", "Credential Access"},
    AttackTechnique{"T1562.001", "Disable or Modify Tools", "Defense Evasion"},
    AttackTechnique{"T1562.007", "Disable or Modify Cloud Firewall", "Defense Evasion"},
    AttackTechnique{"T1562.008", "Disable or Modify Cloud Logs", "Defense Evasion"},
    AttackTechnique{"T1562", "Impair Defenses", "Defense Evasion"},
    AttackTechnique{"T1564.008", "Email Hiding Rules", "Defense Evasion"},
    AttackTechnique{"T1566", "Phishing", "Initial Access"},
    AttackTechnique{"T1567.002", "Exfiltration to Cloud Storage", "Exfiltration"},
    AttackTechnique{"T1578.001", "Create Snapshot", "Defense Evasion"},
    AttackTechnique{"T1578.002", "Create Cloud Instance", "Defense Evasion"},
    AttackTechnique{"T1578.003", "Delete Cloud Instance", "Defense Evasion"},
    AttackTechnique{"T1578.004", "Revert Cloud Instance", "Defense Evasion"},
    AttackTechnique{"T1578.005", "Modify Cloud Compute Configurations", "Defense Evasion"},
    AttackTechnique{"T1578", "Modify Cloud Compute Infrastructure", "Defense Evasion"},
    AttackTechnique{"T1580", "Cloud Infrastructure Discovery", "Discovery"},
    AttackTechnique{"T1586.003", "Cloud Accounts", "Resource Development"},
    AttackTechnique{"T1588", "Obtain Capabilities", "Resource Development"},
    AttackTechnique{"T1606.002", "SAML Tokens", "Credential Access"},
    AttackTechnique{"T1606", "Forge Web Credentials", "Credential Access"},
    AttackTechnique{"T1609", "Container Administration Command", "Execution"},
    AttackTechnique{"T1610", "Deploy Container", "Execution"},
    AttackTechnique{"T1613", "Container and Resource Discovery", "Discovery"},
    AttackTechnique{"T1619", "Cloud Storage Object Discovery", "Discovery"},
    AttackTechnique{"T1621", "Multi-Factor Authentication Request Generation", "Credential Access"},
    AttackTechnique{"T1648", "Serverless Execution", "Execution"},
    AttackTechnique{"T1649", "Steal or Forge Authentication Certificates", "Credential Access"},
    AttackTechnique{"T1651", "Cloud Administration Command", "Execution"},
    AttackTechnique{"T1654", "Log Enumeration", "Discovery"},
    AttackTechnique{"T1657", "Financial Theft", "Impact"},
    AttackTechnique{"T1666", "Modify Cloud Resource Hierarchy", "Defense Evasion"},
    AttackTechnique{"T1671", "Cloud Application Integration", "Persistence"},
};

const AttackTechnique* find(std::string_view id) {
  const auto at = std::lower_bound(kTechniques.begin(), kTechniques.end(), id, [](const AttackTechnique& technique, std::string_view wanted) { return technique.id < wanted; });
  return at != kTechniques.end() && at->id == id ? &*at : nullptr;
}

}  // namespace

std::span<const AttackTechnique> attack_techniques() { return kTechniques; }

std::optional<AttackTechnique> attack_technique(std::string_view id) {
  const AttackTechnique* known = find(id);
  if (known == nullptr) known = find(id.substr(0, id.find('.')));
  return known == nullptr ? std::nullopt : std::optional(*known);
}

}  // namespace trailwarden::rules
