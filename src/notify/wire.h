#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "core/result.h"

namespace trailwarden::notify {

/// Where a stream of bytes goes.
struct StreamTo {
  std::string address;  // HOST:PORT
  bool tls = true;      // the server's certificate is checked, its name too
  std::string ca_file;  // empty: the system's authorities
  std::string certificate_file, key_file;
  std::chrono::seconds timeout{10};  // for all of it
  const std::atomic<bool>* cancelled = nullptr;
};

/// Connects, sends `bytes`, says that this was all, and waits until the other side ends the connection too. An error: it may not have read everything.
Result<void> send_stream(const StreamTo& to, std::string_view bytes);
/// One datagram.
Result<void> send_datagram(const std::string& address, std::string_view bytes);

}  // namespace trailwarden::notify
