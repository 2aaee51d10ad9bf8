#pragma once

#include <span>
#include <string>
#include <vector>

#include "generate/account.h"
#include "generate/call.h"
#include "generate/text_template.h"

namespace trailwarden::generate {

/// Writes calls as CloudTrail records of version 1.10. The same call gives the same bytes.
///
/// Holes of the templates, besides those of `Principal`: A account, R Region, S service, N API, P the caller's ARN, T its time,
/// X an hour later; i instance, g security group, v volume, e network interface, b bucket, r role, u user, z a user of its own,
/// f function, l log group, c cluster, q queue, d table, o service or stack, k key, p policy, a Auto Scaling group, w alarm,
/// y private range, m 1 to 99, Y the unique part of an id, U a UUID, x 8 hexadecimal digits, B 80 letters, $ a dollar sign. But for
/// U, x and B, a letter is the same wherever it stands in one record.
///
/// Cost: about 1 us a record, no allocation but `out`'s. Thread-safe.
class RecordWriter {
 public:
  /// `accounts` must outlive the writer.
  explicit RecordWriter(std::span<const Account> accounts);

  void append(const Call& call, std::string& out) const;

 private:
  struct Texts {
    Template request, response, error;
    std::string names;  // `"eventSource":"...","eventName":"..."`
    std::string tail;   // from readOnly on, up to the account
  };

  std::span<const Account> accounts_;
  std::vector<Texts> texts_;  // by API
};

/// `YYYY-MM-DDTHH:MM:SSZ` at the end of `out`.
void append_time(Timestamp time, std::string& out);

}  // namespace trailwarden::generate
