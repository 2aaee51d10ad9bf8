#include "ingest/document_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace trailwarden::ingest {
namespace {

using stream::SourceFault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Framing = DocumentStream::Framing;

/// A text that comes in pieces of any size, and may end with an error.
class Pieces final : public ByteSource {
 public:
  Pieces(std::string text, std::uint32_t seed, std::optional<Error> error = std::nullopt)
      : text_(std::move(text)), random_(seed), error_(std::move(error)) {}

  Result<std::size_t> read(std::span<char> room) override {
    if (at_ == text_.size() && error_) return fail(*error_);
    const std::size_t size = std::min({room.size(), text_.size() - at_, std::size_t{random_() % 100'000 + 1}});
    std::copy_n(text_.data() + at_, size, room.data());
    at_ += size;
    return size;
  }
  std::uint64_t expected() override { return 0; }
  std::uint64_t taken() const override { return at_; }

 private:
  std::string text_;
  std::size_t at_ = 0;
  std::mt19937 random_;
  std::optional<Error> error_;
};

struct Told {
  Framing framing = Framing::kValues;
  std::vector<std::string> values;  // a fault is "<detail> value"
  std::vector<std::uint64_t> offsets;
};

Told read(const std::string& text, std::size_t target = DocumentStream::kChunkBytes,
          std::size_t max_document = std::size_t{1} << 20, std::uint32_t seed = 1,
          std::optional<Error> error = std::nullopt) {
  BufferPool pool;
  DocumentStream stream(std::make_unique<Pieces>(text, seed, std::move(error)), pool,
                        {.max_document_bytes = max_document});
  Told told{stream.framing(), {}, {}};
  Slice slice;
  while (stream.next(slice, target)) {
    told.values.push_back((slice.fault == SourceFault::kNone ? "" : "<" + slice.fault_detail + "> ") +
                          std::string(slice.value));
    told.offsets.push_back(slice.byte_offset);
    EXPECT_EQ(text.substr(slice.byte_offset, slice.value.size()), slice.value);
  }
  return told;
}

struct FramingCase {
  const char* name;
  std::string text;
  Framing framing;
};
void PrintTo(const FramingCase& c, std::ostream* out) { *out << c.text; }

class FindFraming : public ::testing::TestWithParam<FramingCase> {};

TEST_P(FindFraming, LooksAtTheContent) { EXPECT_EQ(read(GetParam().text).framing, GetParam().framing); }

const std::string kGood = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";

INSTANTIATE_TEST_SUITE_P(
    Table, FindFraming,
    ::testing::Values(FramingCase{"Lines", kGood, Framing::kLines},
                      FramingCase{"LinesOfDos", "{\"a\":1}\r\n{\"a\":2}\r\n", Framing::kLines},
                      FramingCase{"LinesWithSpaceAround", "\n\n  {\"a\":1} \n\n {\"a\":2}", Framing::kLines},
                      FramingCase{"LinesBehindAByteOrderMark", "\xef\xbb\xbf" + kGood, Framing::kLines},
                      FramingCase{"LinesOfStrings", "\"{}\"\n\"{}\"\n", Framing::kLines},
                      FramingCase{"OneLine", "{\"Records\":[]}\n \n", Framing::kValues},
                      FramingCase{"Pretty", "{\n  \"Records\": [\n    {\n    }\n  ]\n}\n", Framing::kValues},
                      FramingCase{"RecordsInLinesOfAnObject", "{\"Records\":[\n{\"a\":1},\n{\"a\":2}\n]}\n",
                                  Framing::kValues},
                      FramingCase{"RecordsInLinesOfAnArray", "[\n{\"a\":1},\n{\"a\":2}\n]\n", Framing::kValues},
                      FramingCase{"OneRecordInALineOfAnObject", "{\"Records\":[\n{\"a\":1}\n]}\n", Framing::kValues},
                      FramingCase{"ValueBehindAColon", "{\"Records\":\n{\n\"a\":1}\n}\n", Framing::kValues},
                      FramingCase{"ValuesInOneLine", "{\"a\":1}{\"a\":2}\n{\"a\":3}{\"a\":4}\n", Framing::kValues},
                      FramingCase{"LookupEventsInLines",
                                  "{\"Events\":[{\"CloudTrailEvent\":\"{}\"}]}\n{\"Events\":[]}\n", Framing::kValues},
                      FramingCase{"FirstLineCutInAString", "{\"a\":\"b\n" + kGood, Framing::kLines},
                      FramingCase{"FirstLineCutBehindAValue", "{\"a\":{\"b\":1\n" + kGood, Framing::kLines},
                      FramingCase{"FirstLineCutBehindAComma", "{\"a\":1,\n" + kGood, Framing::kLines},
                      FramingCase{"FirstLineCutBehindAColon", "{\"a\":\n" + kGood, Framing::kLines},
                      FramingCase{"FirstLineCutBehindABracket", "{\"a\":[\n" + kGood, Framing::kLines},
                      FramingCase{"FirstLineWithABraceTooMany", "{\"a\":1}},\"b\":2}\n" + kGood, Framing::kLines},
                      FramingCase{"FirstLineNoJson", "# exported\n" + kGood, Framing::kLines},
                      FramingCase{"Csv", "file,stamp\na,b\nc,d\n", Framing::kForeign},
                      FramingCase{"QuotedCsv", "\"file\",\"stamp\"\n\"a\",\"b\"\n", Framing::kForeign},
                      FramingCase{"Number", "12345\n", Framing::kForeign},
                      FramingCase{"Cut", "{\"Records\":[{\"a\":\"", Framing::kValues},
                      FramingCase{"Nothing", "", Framing::kValues}, FramingCase{"Space", " \n\n", Framing::kValues}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(DocumentStream, CutsLinesAtTheTargetWhateverThePiecesItReads) {
  std::mt19937 random(5);
  std::string text;
  while (text.size() < 3'000'000)
    text += R"({"n":")" + std::string(random() % (random() % 50 == 0 ? 400'000 : 3000), 'x') + "\"}\n";
  const Told told = read(text);
  std::string joined;
  for (const std::string& value : told.values) {
    joined += value;
    EXPECT_EQ(value.back(), '\n');
    EXPECT_TRUE(value.size() <= DocumentStream::kChunkBytes || std::count(value.begin(), value.end(), '\n') == 1);
  }
  EXPECT_EQ(joined, text);
  for (std::uint32_t seed = 2; seed < 6; ++seed)
    EXPECT_EQ(read(text, DocumentStream::kChunkBytes, 1 << 20, seed).values, told.values);
}

TEST(DocumentStream, GivesWholeValuesWhateverThePiecesItReads) {
  std::mt19937 random(6);
  std::string text;
  while (text.size() < 2'000'000)
    text += "{\n \"n\":\"" + std::string(random() % 40'000, 'x') + "\"\n}" + (random() % 2 == 0 ? "\n" : "");
  const Told told = read(text, 100'000);
  for (const std::string& value : told.values) {
    EXPECT_TRUE(value.front() == '{' && value.back() == '}');
    EXPECT_LE(value.size(), 100'000U);
  }
  for (std::uint32_t seed = 2; seed < 6; ++seed) EXPECT_EQ(read(text, 100'000, 1 << 20, seed).values, told.values);
}

const std::string kTooLargeLine =
    "<this line is larger than 1.00 kB (input.max_document); raise the option, or deliver one record a line> ";
const std::string kTooLargeDocument =
    "<this document is larger than 1.00 kB (input.max_document); raise the option, or deliver one record a line> ";

TEST(DocumentStream, PassesOverALineThatIsTooLarge) {
  const std::string large = "{\"a\":\"" + std::string(5000, 'x') + "\"}\n";
  const std::string text = kGood + large + kGood + large + "{\"last\":1}";
  for (std::uint32_t seed = 1; seed < 4; ++seed) {
    const Told told = read(text, 100, 1000, seed);
    EXPECT_THAT(told.values, ElementsAre(kGood, kTooLargeLine, kGood, kTooLargeLine, "{\"last\":1}"));
    EXPECT_EQ(told.offsets[1], kGood.size());
  }
}

TEST(DocumentStream, PassesOverADocumentThatIsTooLarge) {
  const std::string large = "{\n  \"a\": \"" + std::string(300'000, '}') + "\"\n}";
  const Told told = read("{\n  \"a\": 1\n}" + large + "{\n  \"b\": 2\n}\n", 100, 1000);
  EXPECT_THAT(told.values, ElementsAre("{\n  \"a\": 1\n}", kTooLargeDocument, "{\n  \"b\": 2\n}"));
}

TEST(DocumentStream, DoesNotTakeADamagedDocumentForALargeOne) {
  const std::string open = "{\n  \"a\": \"\n}\n";
  std::string good;
  for (int i = 0; i < 200; ++i) good += "{\n  \"b\": 2\n}\n";
  const Told told = read(open + good, 100, 1000);
  EXPECT_EQ(told.values.front(), open);
  std::string joined;
  for (const std::string& value : told.values) joined += value + "\n";
  EXPECT_EQ(std::count(joined.begin(), joined.end(), 'b'), 200);
}

TEST(DocumentStream, GivesTheBracketsTooManyWithTheirValue) {
  EXPECT_THAT(read("{\"Records\":[{\"a\":{}}},{\"a\":1}]}\n").values,
              ElementsAre("{\"Records\":[{\"a\":{}}},{\"a\":1}]}\n"));
}

TEST(DocumentStream, GivesTheFirstLineOfWhatIsNoJson) {
  EXPECT_THAT(read("file,stamp\na,b\n").values, ElementsAre("file,stamp"));
  EXPECT_THAT(read(std::string(100'000, 'x')).values, ElementsAre(std::string(4096, 'x')));
}

TEST(DocumentStream, GivesEverythingBeforeADamageAndThenTheDamage) {
  const Error damage{ErrorCode::kMalformed, "CRC mismatch"}, refused{ErrorCode::kIo, "no"};
  EXPECT_THAT(read(kGood + "{\"a\":", 1000, 1000, 1, damage).values, ElementsAre(kGood, "<CRC mismatch> {\"a\":"));
  EXPECT_THAT(read("{\"Records\":[{},{\"a", 1000, 1000, 1, refused).values,
              ElementsAre("{\"Records\":[{},{\"a", "<no> "));
  EXPECT_THAT(read("", 1000, 1000, 1, refused).values, ElementsAre("<no> "));
  EXPECT_THAT(read("csv\n", 1000, 1000, 1, damage).values, ElementsAre("csv", HasSubstr("CRC")));
}

}  // namespace
}  // namespace trailwarden::ingest
