#include "core/result.h"

#include <cerrno>
#include <system_error>

namespace trailwarden {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid_argument";
    case ErrorCode::kMalformed: return "malformed";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kUnsupported: return "unsupported";
  }
  return "unknown";
}

Error Error::during(std::string_view doing) && {
  message.insert(0, ": ").insert(0, doing);
  return std::move(*this);
}

Error io_error(std::string_view what, std::string_view path, int error_number) {
  std::string message(what);
  message.append(" ").append(path).append(": ").append(std::generic_category().message(error_number));
  return Error{error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, std::move(message)};
}

}  // namespace trailwarden
