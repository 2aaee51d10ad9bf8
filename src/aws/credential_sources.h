#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/http_client.h"
#include "core/result.h"

namespace trailwarden::aws {

/// Where credentials are looked for.
struct Surroundings {
  HttpClient* http = nullptr;                                  // outlives this
  std::function<std::string(const char* name)> environment{};  // empty text: no such variable
  std::string region{};                                        // for AWS's token service; empty: AWS_REGION, AWS_DEFAULT_REGION, else the global one
  std::string profile{};                                       // empty: AWS_PROFILE, else "default"
};

/// The sources that AWS's own tools know, each by itself. nullopt: nobody set it up. An error: it was set up and does not give any; then the ones after it are
/// not asked, or a workload would go on as somebody else.
using FoundCredentials = Result<std::optional<Credentials>>;

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_CREDENTIAL_EXPIRATION, if somebody says when they expire.
FoundCredentials from_environment(const Surroundings& around);

/// AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: a token, as Kubernetes writes it for a service account (IRSA), is given to AWS's token service
/// (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, or that of the Region) for the role's credentials. The file is read each time: the token is replaced now and then.
FoundCredentials from_web_identity(const Surroundings& around);

/// A profile of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE (~/.aws/config): its keys, or its role_arn with
/// web_identity_token_file. kUnsupported for one that wants another role, a process or single sign-on; kNotFound for one that was named and is not there.
FoundCredentials from_profile(const Surroundings& around);

/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, as ECS and EKS Pod Identity set them, with AWS_CONTAINER_AUTHORIZATION_TOKEN or _TOKEN_FILE. A full URI
/// must be https, this machine's own or one of the fixed addresses of these services, or the token could go anywhere.
FoundCredentials from_container(const Surroundings& around);

/// The role of an EC2 instance, asked for at 169.254.169.254 (AWS_EC2_METADATA_SERVICE_ENDPOINT) by IMDSv2, for a second at the most. nullopt also where nobody answers.
/// AWS_EC2_METADATA_DISABLED=true: not asked.
FoundCredentials from_instance(const Surroundings& around);

/// Name below which AWS's services of a Region are: `amazonaws.com`, `amazonaws.com.cn`.
std::string_view domain_of(std::string_view region);

}  // namespace trailwarden::aws
