#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "event/decoder.h"
#include "rules/field_trie.h"
#include "rules/slot_values.h"

namespace trailwarden::rules {

/// Reads the values at the used paths out of a record in one pass that checks the whole of it (RFC 8259; UTF-8; at most `Decoder::kMaxDepth` levels; numbers may
/// have any size). Names and strings are unescaped; JSON documents inside strings are read where a rule decodes them.
///
/// Cost: that of `event::Decoder`, about 0.25 us for a record of 1.3 kB. Allocates nothing once it has seen the largest record. Not thread-safe.
class SlotReader {
 public:
  /// `trie` outlives the reader.
  explicit SlotReader(const FieldTrie& trie);
  ~SlotReader();
  SlotReader(SlotReader&&) noexcept;
  SlotReader& operator=(SlotReader&&) noexcept;

  /// Fills `values`, whose texts are valid until the next call and as long as `record`, which event::kPadding readable bytes follow. Not kNone: the text is not exactly one JSON object;
  /// `values` is then empty.
  event::Refusal read(std::string_view record, SlotValues& values);

  /// Clears `values`, for a record of which only some members are read.
  void begin(SlotValues& values);
  /// Adds what `read` would have found in one member of a record that the decoder has accepted: its value is `json`, `node` what its name leads to. Valid until the next
  /// `begin` or `read`. False: it is no JSON.
  bool read_member(FieldTrie::NodeId node, std::string_view json, SlotValues& values);

  std::size_t memory_bytes() const;

 private:
  const FieldTrie* trie_;
  event::Arena arena_;
  std::vector<std::unique_ptr<event::TokenIndex>> indexes_;  // of the record, of a document in it, of a document in that, ...
};

}  // namespace trailwarden::rules
