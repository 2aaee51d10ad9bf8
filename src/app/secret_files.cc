#include "app/secret_files.h"

#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "core/log.h"

namespace trailwarden::app {

std::vector<SecretFile> secret_files(const Setup& setup) {
  const config::ServiceConfig& service = setup.config.service;
  std::vector<SecretFile> files{{"http.token_file", service.http.token.file}, {"http.tls.key_file", service.http.tls.key_file}};
  for (const config::ApiKey& key : service.api.keys) files.push_back({"api.keys.secret_file", key.secret.file});
  if (service.kafka) {
    const config::KafkaSecurity& security = service.kafka->security;
    for (const auto& [name, path] : {std::pair("key_file", security.key_file), {"key_password_file", security.key_password.file}, {"password_file", security.password.file}, {"token_file", security.token.file}})
      files.push_back({fmt::format("kafka.security.{}", name), path});
  }
  for (const trail::TrailConfig& trail : setup.trails.trails) files.push_back({"trails.digest.passphrase_file", trail.digest.passphrase.file});
  for (const notify::SinkConfig& sink : setup.notifications.sinks)
    for (const auto& [name, path] : {std::pair("url_file", sink.url_source.file), {"authorization_file", sink.authorization.file}, {"signing_secret_file", sink.signing_secret.file}, {"routing_key_file", sink.routing_key.file}, {"key_file", sink.key_file}})
      files.push_back({fmt::format("notifications.sinks.{}", name), path});
  std::erase_if(files, [](const SecretFile& file) { return file.path.empty(); });
  return files;
}

void warn_of_open_secrets(const Setup& setup) {
  for (const SecretFile& file : secret_files(setup)) {
    struct stat status {};
    if (::stat(file.path.c_str(), &status) != 0 || (status.st_mode & 07U) == 0) continue;  // one that is not there is an error of whoever reads it
    log::warn("secret.open", {{"key", file.key}, {"file", file.path}, {"mode", fmt::format("{:04o}", status.st_mode & 07777U)},
                              {"what_now", "every user of this machine may use it: chmod o= it, and if it has lain open, make a new one"}});
  }
}

}  // namespace trailwarden::app
