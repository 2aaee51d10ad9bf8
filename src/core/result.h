#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace trailwarden {

/// What a program can branch on; the message is for a person.
enum class ErrorCode {
  kInvalidArgument,  // the caller asked for something that makes no sense
  kMalformed,        // bytes from outside do not have the form they claim
  kNotFound,         // a file, folder or key is not there
  kTooLarge,         // over a stated bound
  kIo,               // the operating system refused
  kUnsupported,      // understood, and not done by this version
};

std::string_view to_string(ErrorCode code);

/// Why something did not happen. Each layer adds what it was doing with `during`, so that the
/// message reads as a path: `load config: rules.yaml:12:7: unknown key "sevrity"`.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;

  /// The same error with "`doing`: " in front of its message.
  Error during(std::string_view doing) &&;
};

/// `tl::expected` has the interface of C++23's `std::expected`, which g++ 12 lacks in C++20 mode.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// An `Io` error that says what was tried on which path and what errno means.
Error io_error(std::string_view what, std::string_view path, int error_number);

}  // namespace trailwarden
