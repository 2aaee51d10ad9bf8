#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace trailwarden::event {

/// A principal that is to be forgotten, in every form that texts of ours name it by.
///
///   arn:aws:iam::1:user/alice                   that
///   arn:aws:sts::1:assumed-role/Deploy/ci-7     that, and the role without a session, as sketches name it: for them all its sessions are one
///   arn:aws:sts::1:assumed-role/Deploy          that, and all its sessions
///   arn:aws:iam::1:role/path/Deploy             that, the role as it calls, and all its sessions
///   anything else                               that
class ForgottenPrincipal {
 public:
  /// kInvalidArgument for a text that can be nobody's name.
  static Result<ForgottenPrincipal> of(std::string_view principal);

  /// Whether a text is one of the forms, or has one in it as a whole: `user/alice` is not in `user/alice2`. Slashes may be escaped, as JSON has them.
  bool is_named_by(std::string_view text) const;
  /// The forms, as texts that name nobody else.
  std::vector<std::string_view> names() const;
  /// It is the root user of this account, of whom states know without a name.
  bool is_root_of(std::string_view account) const;

 private:
  struct Form {
    std::string text;
    bool with_sessions = false;  // whatever follows it behind a slash is meant too
  };

  explicit ForgottenPrincipal(std::vector<Form> forms) : forms_(std::move(forms)) {}

  std::vector<Form> forms_;
};

}  // namespace trailwarden::event
