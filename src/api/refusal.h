#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace trailwarden::api {

/// An error as AWS's API gives it: clients branch on `type`, the message is for a person.
struct Refusal {
  unsigned status = 400;  // of HTTP
  std::string type;       // TrailNotFoundException
  std::string message;
};

inline tl::unexpected<Refusal> refuse(std::string type, std::string message, unsigned status = 400) {
  return tl::unexpected(Refusal{status, std::move(type), std::move(message)});
}

}  // namespace trailwarden::api
