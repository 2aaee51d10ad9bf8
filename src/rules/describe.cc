#include "rules/describe.h"

#include <cmath>

#include <fmt/format.h>

namespace trailwarden::rules {
namespace {

struct InWords {
  std::string operator()(const AnyValue&) const { return "is present"; }
  std::string operator()(const Literal& literal) const {
    switch (literal) {
      case Literal::kNull: return "is null";
      case Literal::kTrue: return "is true";
      case Literal::kFalse: break;
    }
    return "is false";
  }
  std::string operator()(const Glob& glob) const {
    std::string text = glob.runs.front();
    for (std::size_t i = 0; i < glob.gaps.size(); ++i) text.append(glob.gaps[i].at_least, '?').append(glob.gaps[i].any_more ? "*" : "").append(glob.runs[i + 1]);
    return fmt::format("{} \"{}\"{}", glob.gaps.empty() ? "is" : "is like", text, glob.ignore_case ? " in any case" : "");
  }
  std::string operator()(const NumberRange& range) const {
    if (range.low == range.high) return fmt::format("is the number {}", range.low);
    if (std::isinf(range.low)) return fmt::format("is {} {}", range.high_closed ? "at most" : "below", range.high);
    if (std::isinf(range.high)) return fmt::format("is {} {}", range.low_closed ? "at least" : "above", range.low);
    return fmt::format("is {} {} and {} {}", range.low_closed ? "at least" : "above", range.low, range.high_closed ? "at most" : "below", range.high);
  }
  std::string operator()(const NumberSpelling& number) const { return "is the number " + number.text; }
  std::string operator()(const AddressBlock& block) const {
    if (!block.v6) return fmt::format("is an address in {}.{}.{}.{}/{}", block.address[0], block.address[1], block.address[2], block.address[3], block.bits);
    std::string out;
    for (std::size_t i = 0; i < 16; i += 2) out += fmt::format("{}{:x}", i == 0 ? "" : ":", block.address[i] << 8 | block.address[i + 1]);
    return fmt::format("is an address in {}/{}", out, block.bits);
  }
  std::string operator()(const Regex& regex) const { return fmt::format("has /{}/{}", regex.pattern, regex.ignore_case ? "i" : ""); }
  std::string operator()(const TimePart& part) const {
    static constexpr const char* kParts[] = {"minute", "hour", "day", "week", "month", "year"};
    return fmt::format("has {} {}", kParts[static_cast<std::size_t>(part.part)], part.value);
  }
  std::string operator()(const AnythingBut& but) const {
    std::string out = "is present, and none of:";
    for (const LeafTest& test : but.tests) out += fmt::format(" {};", describe(test));
    return out;
  }
};

}  // namespace

std::string describe(const LeafTest& test) { return std::visit(InWords{}, test.what); }

}  // namespace trailwarden::rules
