#pragma once

#include <cstdint>
#include <string>

#include "generate/account.h"
#include "generate/call.h"
#include "generate/random.h"

namespace trailwarden::generate {

/// Fills the holes of one record's templates; `RecordWriter` says what each letter stands for.
class RecordFiller {
 public:
  RecordFiller(const Account& account, const Call& call);

  void fill(char hole, std::string& out);

  const Principal::Session& session() const { return *session_; }
  Random& random() { return random_; }

 private:
  using Fill = void (*)(RecordFiller&, char hole, std::string&);
  static Fill fill_of(char hole);
  static void name_after_service(RecordFiller& self, char hole, std::string& out);

  /// A word that depends on the record and the letter: the same thing has the same name throughout a record.
  std::uint64_t word(char hole) const;
  /// The name of one of `count` things of a kind in the cell, as a word: there are not ever new ones.
  std::uint64_t thing(char hole, std::size_t count) const;
  std::string_view service(char hole) const;
  std::size_t number(char hole, std::size_t bound) const { return Random(word(hole)).below(bound); }
  /// What tells apart the temporary credentials of the principal's session.
  std::uint64_t credentials() const;

  const Account& account_;
  const Call& call_;
  const Api& api_;
  const Principal& principal_;
  const Principal::Session* session_ = nullptr;
  Random random_;
};

}  // namespace trailwarden::generate
