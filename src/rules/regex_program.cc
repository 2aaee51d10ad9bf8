#include "rules/regex_program.h"

#include <algorithm>
#include <string>

#include <re2/re2.h>

#include "core/text.h"

namespace trailwarden::rules {

RegexProgram::RegexProgram(std::unique_ptr<re2::RE2> program) : program_(std::move(program)) {}
RegexProgram::~RegexProgram() = default;
RegexProgram::RegexProgram(RegexProgram&&) noexcept = default;
RegexProgram& RegexProgram::operator=(RegexProgram&&) noexcept = default;

Result<RegexProgram> RegexProgram::compile(const Regex& regex, std::size_t max_memory_bytes) {
  RE2::Options options;
  options.set_max_mem(static_cast<std::int64_t>(std::min<std::size_t>(max_memory_bytes, std::size_t{1} << 30)));
  options.set_log_errors(false);
  options.set_case_sensitive(!regex.ignore_case);
  options.set_dot_nl(regex.dot_all);
  // RE2 has the flag m only inside the expression.
  const std::string pattern = regex.multi_line ? "(?m:" + regex.pattern + ")" : regex.pattern;
  auto program = std::make_unique<re2::RE2>(pattern, options);
  if (!program->ok()) {
    const bool too_large = program->error_code() == RE2::ErrorPatternTooLarge;
    return fail(too_large ? ErrorCode::kTooLarge : ErrorCode::kMalformed,
                "regular expression \"" + printable(regex.pattern, 80) + "\": " + program->error() + "; it is read as RE2 (no look-around, no back references)");
  }
  return RegexProgram(std::move(program));
}

bool RegexProgram::found_in(std::string_view text) const { return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *program_); }

std::size_t RegexProgram::memory_bytes() const { return static_cast<std::size_t>(program_->options().max_mem()); }

}  // namespace trailwarden::rules
