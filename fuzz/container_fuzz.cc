// Containers and framing over arbitrary bytes: what is told lies in the text, in order and without overlap; the
// splitter agrees with a plain reading; slices do not depend on how the bytes are read.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/document_stream.h"
#include "ingest/json_splitter.h"
#include "ingest/unwrap.h"

namespace {

using namespace trailwarden;
using namespace trailwarden::ingest;

void must(bool condition) {
  if (!condition) std::abort();
}

/// The plain reading: brackets outside strings, one byte after the other.
std::size_t slow_end(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false, escaped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool quote = text[i] == '"' && !escaped;
    escaped = text[i] == '\\' && !escaped;
    if (quote) in_string = !in_string;
    if (in_string) continue;
    if (text[i] == '{' || text[i] == '[') ++depth;
    if ((text[i] == '}' || text[i] == ']') && depth > 0) --depth;
    if (depth == 0) return i + 1;
  }
  return JsonSplitter::kNotYet;
}

void check_splitter(std::string_view text, std::size_t cut) {
  const std::size_t expected = slow_end(text);
  JsonSplitter splitter;
  std::size_t end = splitter.feed(text.substr(0, cut));
  if (end == JsonSplitter::kNotYet && cut < text.size()) {
    end = splitter.feed(text.substr(cut));
    if (end != JsonSplitter::kNotYet) end += cut;
  }
  must(text.empty() || end == expected);
}

class Checking final : public LeafSink {
 public:
  explicit Checking(std::string_view text) : text_(text) {}

  void leaf(const Leaf& leaf) override { check(leaf.text, leaf.offset); }
  void skip(Skip, std::string_view raw, std::uint64_t offset) override { check(raw, offset); }

  std::vector<std::string> told;

 private:
  static constexpr std::uint64_t kBase = 1000;  // what `unwrap` is told of the text's offset

 public:
  static constexpr std::uint64_t base() { return kBase; }

 private:
  void check(std::string_view part, std::uint64_t offset) {
    must(offset >= last_offset_ && offset <= kBase + text_.size());
    last_offset_ = offset;
    told.emplace_back(part);
    if (std::less<>{}(part.data(), text_.data()) ||
        !std::less_equal<>{}(part.data() + part.size(), text_.data() + text_.size()))
      return;
    must(offset == kBase + static_cast<std::uint64_t>(part.data() - text_.data()) ||
         offset < kBase + static_cast<std::uint64_t>(part.data() - text_.data()));
    must(static_cast<std::size_t>(part.data() - text_.data()) >= last_end_);
    last_end_ = static_cast<std::size_t>(part.data() - text_.data()) + part.size();
  }

  std::string_view text_;
  std::uint64_t last_offset_ = 0;
  std::size_t last_end_ = 0;
};

class Pieces final : public ByteSource {
 public:
  Pieces(std::string_view text, std::size_t piece) : text_(text), piece_(piece) {}
  Result<std::size_t> read(std::span<char> room) override {
    const std::size_t size = std::min({room.size(), piece_, text_.size()});
    std::copy_n(text_.data(), size, room.data());
    text_.remove_prefix(size);
    return size;
  }
  std::uint64_t expected() override { return 0; }
  std::uint64_t taken() const override { return 0; }

 private:
  std::string_view text_;
  std::size_t piece_;
};

std::vector<std::string> slices(std::string_view text, std::size_t piece) {
  BufferPool pool;
  DocumentStream stream(std::make_unique<Pieces>(text, piece), pool, {.max_document_bytes = 200});
  std::vector<std::string> out;
  Slice slice;
  std::uint64_t end = 0;
  while (stream.next(slice, 50)) {
    must(slice.byte_offset >= end && slice.byte_offset + slice.value.size() <= text.size());
    must(text.substr(slice.byte_offset, slice.value.size()) == slice.value);
    end = slice.byte_offset + slice.value.size();
    out.push_back(std::string(slice.value) + "@" + std::to_string(slice.byte_offset) + slice.fault_detail);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string padded(reinterpret_cast<const char*>(data), size);
  padded.append(event::kPadding, ' ');
  const std::string_view text = std::string_view(padded).substr(0, size);

  check_splitter(text, size == 0 ? 0 : data[0] % size);
  event::Arena arena;
  Checking sink(text);
  unwrap(text, Checking::base(), arena, sink);
  Checking elements(text);
  must(unwrap_elements(text, Checking::base(), arena, elements) <= size);
  must(slices(text, 7) == slices(text, 100'000));
  return 0;
}
