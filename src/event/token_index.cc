#include <algorithm>
#include <cstring>

#include <simdjson.h>

#include "core/check.h"
#include "event/decoder.h"

namespace trailwarden::event {

static_assert(simdjson::SIMDJSON_PADDING <= kPadding, "every text is padded for simdjson");

// Stage 1 is reached through `simdjson::internal`: On-Demand and DOM, the public faces, both do more than is needed here. The virtual function
// has kept its signature from 1.0 (2021) to 4.x.
struct TokenIndex::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  std::size_t capacity = 0;

  void reserve(std::size_t bytes) {
    if (bytes <= capacity) return;
    // In powers of two, so that a run of slowly growing texts does not allocate for each.
    std::size_t wanted = std::max<std::size_t>(capacity, 64 * 1024);
    while (wanted < bytes) wanted *= 2;
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, Decoder::kMaxDepth, parser);
    TRAILWARDEN_CHECK(error == simdjson::SUCCESS, "memory for the token index");
    capacity = wanted;
  }
};

TokenIndex::TokenIndex() : impl_(std::make_unique<Impl>()) {}
TokenIndex::~TokenIndex() = default;
TokenIndex::TokenIndex(TokenIndex&&) noexcept = default;
TokenIndex& TokenIndex::operator=(TokenIndex&&) noexcept = default;

Refusal TokenIndex::build(std::string_view text) {
  impl_->reserve(text.size());
  text_ = text;
  tokens_ = {};
  if (text.empty()) return Refusal::kNotJson;
  backslash_from_ = 0;
  backslash_ = 0;
  find_backslash(0);
  const auto error = impl_->parser->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), simdjson::stage1_mode::regular);
  switch (error) {
    case simdjson::SUCCESS: break;
    case simdjson::UTF8_ERROR: return Refusal::kInvalidUtf8;
    case simdjson::UNCLOSED_STRING: return Refusal::kTruncated;
    default: return Refusal::kNotJson;
  }
  tokens_ = {impl_->parser->structural_indexes.get(), impl_->parser->n_structural_indexes};
  return Refusal::kNone;
}

std::size_t TokenIndex::find_backslash(std::size_t position) {
  const auto* const found = static_cast<const char*>(std::memchr(text_.data() + position, '\\', text_.size() - position));
  backslash_from_ = position;
  backslash_ = found == nullptr ? text_.size() : static_cast<std::size_t>(found - text_.data());
  return backslash_;
}

}  // namespace trailwarden::event
