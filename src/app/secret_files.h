#pragma once

#include <string>
#include <vector>

#include "app/setup.h"

namespace trailwarden::app {

/// The files of a configuration in which secrets stand: tokens, passwords, private keys. By their keys in it.
struct SecretFile {
  std::string key, path;
};
std::vector<SecretFile> secret_files(const Setup& setup);

/// Says in the log which of them every user of this machine may read or change. Only that: a secret that Kubernetes mounts is readable for everybody within its container, so to
/// refuse it, as a digest key of our own making is refused, would refuse what is common and well kept.
void warn_of_open_secrets(const Setup& setup);

}  // namespace trailwarden::app
