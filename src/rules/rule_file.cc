#include "rules/rule_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/read_file.h"
#include "core/text.h"
#include "rules/event_pattern.h"
#include "rules/expression.h"
#include "rules/json_value.h"
#include "rules/rule_words.h"
#include "rules/sigma_detection.h"
#include "rules/test_record.h"
#include "rules/timespan.h"
#include "rules/yaml_fields.h"
#include "rules/yaml_json.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {
namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 5> kSeverityNames{"informational", "low", "medium", "high", "critical"};
constexpr std::int64_t kMostCounted = 100'000;
constexpr std::size_t kMostWarnings = 1'000;  // of a file; suggestions cost, and nobody would read more

bool is_id(std::string_view id) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (id.empty() || id.size() > 128 || id.front() == '.' || id.back() == '.' || id.find("..") != std::string_view::npos) return false;
  return std::all_of(id.begin(), id.end(), [&](char c) { return is_word(c) || c == '.'; });
}

bool is_technique(std::string_view id) {
  const auto digits = [](std::string_view text, std::size_t count) { return text.size() == count && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }); };
  return id.starts_with("T") && (digits(id.substr(1), 4) || (id.size() == 9 && digits(id.substr(1, 4), 4) && id[5] == '.' && digits(id.substr(6), 3)));
}

/// A place that a message begins with ("12:7: ..."), taken off it.
std::optional<YamlPlace> take_place(std::string_view& message) {
  YamlPlace place;
  const char* const end = message.data() + message.size();
  const auto line = std::from_chars(message.data(), end, place.line);
  if (line.ec != std::errc{} || line.ptr == end || *line.ptr != ':') return std::nullopt;
  const auto column = std::from_chars(line.ptr + 1, end, place.column);
  if (column.ec != std::errc{} || end - column.ptr < 2 || std::string_view(column.ptr, 2) != ": ") return std::nullopt;
  message.remove_prefix(static_cast<std::size_t>(column.ptr + 2 - message.data()));
  return place;
}

/// A timespan, or none at all: "0s", "0d".
std::optional<seconds> timespan_or_none(std::string_view text) {
  constexpr std::string_view kUnits = "smhdw";
  if (text.size() == 2 && text[0] == '0' && kUnits.find(text[1]) != std::string_view::npos) return seconds{0};
  return parse_timespan(text);
}

/// Reads one document.
class Reader {
 public:
  Reader(const YamlNode& document, const RuleReading& reading, FileReport& report) : fields_(document, "a rule", report), reading_(reading), report_(report) {
    rule_.file = report.file;
    rule_.place = document.place;
  }

  Rule read() {
    static constexpr std::array<std::string_view, 23> kKeys{"id", "title", "sentence", "severity", "refused", "status", "behaviour", "attack", "cis", "false_positives", "references",
                                                            "when", "pattern", "sigma", "unless", "where", "decode", "entity", "quiet_for", "enrich", "correlate", "parameters", "tests"};
    fields_.only(kKeys);
    head();
    parameters();
    predicate();
    rule_.entity = fields_.text("entity").value_or("");
    rule_.enrich = fields_.texts("enrich");
    if (const auto quiet = fields_.text("quiet_for")) rule_.quiet_for = duration("quiet_for", *quiet);
    correlation();
    tests();
    for (const auto& [name, value] : parameters_) rule_.parameters.push_back(name);
    rule_.hash = xxh3_64(what_it_asks_);
    return std::move(rule_);
  }

 private:
  std::string required(std::string_view key) {
    const auto text = fields_.text(key);
    if (!text || text->empty()) fields_.error(key, fmt::format("a rule needs `{}`", key));
    return text.value_or("");
  }

  void head() {
    rule_.id = required("id");
    if (!rule_.id.empty() && !is_id(rule_.id)) fields_.error("id", fmt::format("id \"{}\": words of a-z, 0-9 and _ between dots, at most 128 characters", printable(rule_.id)));
    rule_.title = required("title");
    if (auto sentence = Sentence::parse(required("sentence")); sentence) rule_.sentence = *std::move(sentence);
    else fields_.error("sentence", "sentence: " + sentence.error().message);
    if (const auto severity = fields_.choice("severity", kSeverityNames)) rule_.severity = static_cast<event::Severity>(*severity);
    else if (!fields_.has("severity")) required("severity");
    refused();
    static constexpr std::array<std::string_view, 3> kStatus{"stable", "test", "experimental"}, kWhen{"succeeded", "failed", "any"};
    rule_.status = static_cast<RuleStatus>(fields_.choice("status", kStatus).value_or(0));
    rule_.is_enabled = rule_.status != RuleStatus::kExperimental;
    rule_.when = static_cast<When>(fields_.choice("when", kWhen).value_or(0));
    rule_.behaviour = fields_.text("behaviour").value_or("");
    rule_.attack = fields_.texts("attack");
    for (const std::string& technique : rule_.attack)
      if (!is_technique(technique)) fields_.error("attack", fmt::format("attack: \"{}\" is no technique; they look like T1562.008", printable(technique)));
    rule_.cis = fields_.texts("cis");
    rule_.false_positives = fields_.texts("false_positives");
    rule_.references = fields_.texts("references");
    ask(fields_.text("when").value_or(""));
  }

  void refused() {
    if (rule_.severity > event::Severity::kLow) rule_.refused = event::Severity::kLow;
    static constexpr std::array<std::string_view, 6> kChoices{"informational", "low", "medium", "high", "critical", "none"};
    const auto refused = fields_.choice("refused", kChoices);
    if (refused) rule_.refused = *refused == 5 ? std::nullopt : std::optional(static_cast<event::Severity>(*refused));
  }

  void parameters() {
    const YamlNode* const map = fields_.find("parameters");
    if (map == nullptr) return;
    const YamlFields read(*map, "parameters", report_);
    for (const YamlMember& member : map->members) {
      if (const auto integer = member.value.integer(); integer && *integer > 0) parameters_[member.key] = *integer;
      else if (const auto time = parse_timespan(member.value.text); time && member.value.is_scalar()) parameters_[member.key] = time->count();
      else report_.error(member.value.place, fmt::format("parameters: {}: expected a whole number above 0, or {}", printable(member.key), kTimespanForm));
    }
  }

  seconds duration(std::string_view key, std::string_view text) {
    if (const auto time = timespan_or_none(text)) return *time;
    fields_.error(key, fmt::format("{}: expected {}, or 0s", key, kTimespanForm));
    return seconds{0};
  }

  /// An event pattern, as a map or as JSON text.
  std::optional<Predicate> pattern(const YamlNode& node, std::string_view what) {
    const bool is_text = node.kind == YamlNode::Kind::kString;
    if (!is_text && node.kind != YamlNode::Kind::kMap) {
      report_.error(node.place, fmt::format("{}: expected an event pattern, as a map or as JSON text, not {}", what, describe(node.kind)));
      return std::nullopt;
    }
    const std::string json = is_text ? node.text : to_json(node);
    auto predicate = parse_event_pattern(json);
    if (predicate) {
      ask(compacted(json));
      predicate->decode = decode_;
      return *std::move(predicate);
    }
    std::string_view message = predicate.error().message;
    auto place = is_text ? std::nullopt : take_place(message);
    if (place) place->line += node.place.line - 1;
    report_.error(place.value_or(node.place), fmt::format("{}: {}{}", what, is_text ? "in its text, " : "", message));
    return std::nullopt;
  }

  void predicate() {
    decode_ = fields_.texts("decode");
    for (const std::string& path : decode_) ask("decode" + path);
    const YamlNode* const own = fields_.find("pattern");
    const YamlNode* const sigma = fields_.find("sigma");
    const bool has_sequence = fields_.has("correlate");
    if (own != nullptr && sigma != nullptr) fields_.error("sigma", "a rule has `pattern` or `sigma`, not both");
    else if (own != nullptr) rule_.pattern = pattern(*own, "pattern").value_or(Predicate{});
    else if (sigma != nullptr) read_sigma(*sigma);
    else if (!has_sequence) fields_.error("pattern", "a rule needs `pattern` or `sigma`");
    for (const YamlNode& node : fields_.items("unless")) {
      ask("unless");
      if (auto unless = pattern(node, "unless")) rule_.unless.push_back(*std::move(unless));
    }
    where();
  }

  void read_sigma(const YamlNode& node) {
    const YamlFields sigma(node, "sigma", report_);
    static constexpr std::array<std::string_view, 2> kKeys{"detection", "file"};
    sigma.only(kKeys);
    if (node.kind == YamlNode::Kind::kMap && sigma.has("detection") == sigma.has("file")) return report_.error(node.place, "sigma: expected `detection:`, or `file:` with the path of a Sigma rule");
    if (const YamlNode* const detection = sigma.find("detection")) read_detection(*detection, report_);
    else if (const auto file = sigma.text("file")) read_sigma_file(*file, sigma);
  }

  /// A Sigma rule in a file of its own, beside this one where the path is relative.
  void read_sigma_file(const std::string& file, const YamlFields& sigma) {
    FileReport report{(std::filesystem::path(report_.file).parent_path() / file).string(), {}, {}};
    const auto text = read_file(report.file, kMaxYamlBytes);
    if (!text) return sigma.error("file", "sigma: " + text.error().message);
    const auto documents = parse_yaml(*text);
    if (!documents) report.error(documents.error().place, documents.error().message);
    else if (documents->size() != 1 || documents->front().find("detection") == nullptr) sigma.error("file", fmt::format("sigma: {}: expected one Sigma rule, with a `detection`", printable(file)));
    else {
      read_detection(*documents->front().find("detection"), report);
      if (reading_.names != nullptr) check_words(documents->front(), *reading_.names, report);
    }
    report_.errors.add(report.errors);
    report_.warnings.add(report.warnings);
  }

  void read_detection(const YamlNode& detection, FileReport& report) {
    const auto selections = parse_sigma_detection(detection, {}, reading_, report);
    if (!selections) return;
    if (auto expression = sigma_expression(*selections, report)) {
      ask(compacted(to_json(detection)));
      rule_.pattern = {.expression = *std::move(expression), .combinations = {}, .decode = decode_};
    }
  }

  void where() {
    struct Word {
      std::string_view name;
      FieldComparison::How how;
      bool differs;
    };
    using How = FieldComparison::How;
    static constexpr std::array<Word, 6> kWords{{{"is", How::kEqual, false}, {"is_not", How::kEqual, true}, {"contains", How::kContains, false},
                                                 {"not_contains", How::kContains, true}, {"starts_with", How::kStartsWith, false}, {"not_starts_with", How::kStartsWith, true}}};
    static constexpr std::array<std::string_view, 7> kKeys{"field", "is", "is_not", "contains", "not_contains", "starts_with", "not_starts_with"};
    std::vector<Expression> parts{rule_.pattern.expression};
    for (const YamlNode& node : fields_.items("where")) {
      const YamlFields condition(node, "where", report_);
      condition.only(kKeys);
      const auto field = condition.text("field");
      const auto word = std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return condition.has(w.name); });
      if (!field || word == kWords.end() || node.members.size() != 2) {
        report_.error(node.place, "where: expected `{field: PATH, is: OTHER_PATH}`, or is_not, contains, not_contains, starts_with, not_starts_with");
        continue;
      }
      const std::string other = condition.text(word->name).value_or("");
      ask(fmt::format("where {} {} {}", *field, word->name, other));
      parts.push_back({.kind = Expression::Kind::kComparison, .comparison = {.how = word->how, .path = *field, .other = other, .ignore_case = true, .differs = word->differs}});
    }
    if (parts.size() > 1) rule_.pattern.expression = all_of(std::move(parts));
  }

  Quantity quantity(const YamlFields& fields, std::string_view key, bool is_duration) {
    const auto text = fields.text(key);
    if (!text) {
      fields.error(key, fmt::format("correlate needs `{}`", key));
      return {1, {}};
    }
    if (text->starts_with("$")) {
      const auto found = parameters_.find(text->substr(1));
      if (found != parameters_.end()) {
        ask(fmt::format("{} {}", key, found->second));
        return {found->second, found->first};
      }
      fields.error(key, fmt::format("{}: there is no parameter \"{}\"; `parameters:` names them", key, printable(text->substr(1))));
      return {1, {}};
    }
    ask(fmt::format("{} {}", key, *text));
    if (is_duration) return {fields.timespan(key).value_or(seconds{1}).count(), {}};
    return {fields.integer(key, 1, kMostCounted).value_or(1), {}};
  }

  std::vector<std::string> paths(const YamlFields& fields, std::string_view key, bool is_needed) {
    std::vector<std::string> out = fields.texts(key);
    if (is_needed && out.empty()) fields.error(key, fmt::format("correlate needs `{}`: a path or a list of them", key));
    for (std::string& path : out) {
      if (path == "principal") path = "principal_id";
      ask(fmt::format("{} {}", key, path));
    }
    return out;
  }

  void correlation() {
    const YamlNode* const node = fields_.find("correlate");
    if (node == nullptr) return;
    static constexpr std::array<std::string_view, 4> kKinds{"count", "distinct", "first_seen", "sequence"};
    const YamlFields outer(*node, "correlate", report_);
    outer.only(kKinds);
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](std::string_view name) { return outer.has(name); });
    if (kind == kKinds.end() || node->members.size() != 1) return report_.error(node->place, "correlate: expected one of count, distinct, first_seen and sequence");
    RuleCorrelation out;
    out.kind = static_cast<RuleCorrelation::Kind>(kind - kKinds.begin());
    ask(*kind);
    const YamlFields body(*outer.find(*kind), *kind, report_);
    switch (out.kind) {
      case RuleCorrelation::Kind::kCount: count(body, out, false); break;
      case RuleCorrelation::Kind::kDistinct: count(body, out, true); break;
      case RuleCorrelation::Kind::kFirstSeen: first_seen(body, out); break;
      case RuleCorrelation::Kind::kSequence: sequence(body, out); break;
      case RuleCorrelation::Kind::kSigma: break;  // has documents of its own
    }
    rule_.correlation = std::move(out);
  }

  void count(const YamlFields& body, RuleCorrelation& out, bool is_distinct) {
    static constexpr std::array<std::string_view, 4> kKeys{"at_least", "within", "by", "of"};
    body.only(std::span(kKeys).first(is_distinct ? 4 : 3));
    out.at_least = quantity(body, "at_least", false);
    out.within = quantity(body, "within", true);
    out.by = paths(body, "by", false);
    if (is_distinct) out.of = paths(body, "of", true);
  }

  void first_seen(const YamlFields& body, RuleCorrelation& out) {
    static constexpr std::array<std::string_view, 3> kKeys{"of", "by", "learn"};
    body.only(kKeys);
    out.of = paths(body, "of", true);
    out.by = paths(body, "by", false);
    out.learn = quantity(body, "learn", true);
  }

  void sequence(const YamlFields& body, RuleCorrelation& out) {
    static constexpr std::array<std::string_view, 3> kKeys{"within", "by", "steps"};
    body.only(kKeys);
    out.within = quantity(body, "within", true);
    out.by = paths(body, "by", false);
    const std::span<const YamlNode> steps = body.items("steps");
    if (steps.size() < 2) body.error("steps", "sequence: needs two steps or more");
    for (const YamlNode& node : steps) out.steps.push_back(step(node, out.steps));
    for (std::size_t i = 0; i + 1 < out.steps.size(); ++i)
      if (out.steps[i].is_absent) report_.error(steps[i].place, "sequence: only the last step may be absent");
    const bool has_own = fields_.has("pattern") || fields_.has("sigma");
    if (!out.steps.empty() && !has_own && !out.steps.front().pattern) body.error("steps", "sequence: the first step has no pattern, and the rule has none");
    if (!out.steps.empty() && has_own && out.steps.front().pattern) body.error("steps", "sequence: the rule's own pattern is the first step; leave that step's out, or the rule's");
  }

  SequenceStep step(const YamlNode& node, const std::vector<SequenceStep>& before) {
    const YamlFields fields(node, "a step", report_);
    static constexpr std::array<std::string_view, 4> kKeys{"name", "pattern", "join", "absent"};
    fields.only(kKeys);
    SequenceStep out;
    out.name = fields.text("name").value_or("");
    if (out.name.empty()) report_.error(node.place, "a step needs `name`");
    if (std::any_of(before.begin(), before.end(), [&](const SequenceStep& other) { return other.name == out.name; })) fields.error("name", fmt::format("two steps are called \"{}\"", printable(out.name)));
    if (const YamlNode* const own = fields.find("pattern")) out.pattern = pattern(*own, "pattern");
    else if (!before.empty()) report_.error(node.place, "a step behind the first needs `pattern`");
    out.is_absent = fields.boolean("absent").value_or(false);
    const YamlNode* const joins = fields.find("join");
    if (joins != nullptr) {
      const YamlFields checked(*joins, "join", report_);
      for (const YamlMember& member : joins->members) join(member, before, out);
    }
    ask(fmt::format("step {} {}", out.name, out.is_absent));
    return out;
  }

  void join(const YamlMember& member, const std::vector<SequenceStep>& before, SequenceStep& out) {
    const std::string& other = member.value.text;
    const std::size_t dot = other.find('.');
    const std::string name = other.substr(0, dot);
    const bool is_known = std::any_of(before.begin(), before.end(), [&](const SequenceStep& step) { return step.name == name; });
    if (!member.value.is_scalar() || dot == std::string::npos || !is_known)
      return report_.error(member.value.place, "join: expected `PATH: STEP.PATH`, where STEP is the name of a step before this one");
    ask(fmt::format("join {} {}", member.key, other));
    out.joins.push_back({member.key, name, other.substr(dot + 1)});
  }

  void tests() {
    bool fires = false, is_silent = false;
    for (const YamlNode& node : fields_.items("tests")) {
      const auto test = read_test(node);
      if (!test) continue;
      (test->findings > 0 ? fires : is_silent) = true;
      rule_.tests.push_back(*test);
    }
    if (!fires || !is_silent) fields_.warn("tests", "a rule should have a test that matches and one that does not");
  }

  std::optional<RuleTest> read_test(const YamlNode& node) {
    const YamlFields fields(node, "a test", report_);
    static constexpr std::array<std::string_view, 4> kKeys{"name", "event", "events", "expect"};
    fields.only(kKeys);
    RuleTest out;
    out.place = node.place;
    out.name = fields.text("name").value_or("");
    if (out.name.empty()) report_.error(node.place, "a test needs `name`");
    if (fields.has("event") == fields.has("events")) {
      report_.error(node.place, "a test has `event` or `events`");
      return std::nullopt;
    }
    if (const YamlNode* const event = fields.find("event")) add_record(*event, out);
    for (const YamlNode& event : fields.items("events")) add_record(event, out);
    expect(fields, out);
    return out;
  }

  void expect(const YamlFields& fields, RuleTest& out) {
    const std::string expected = fields.text("expect").value_or("");
    const auto severity = std::find(kSeverityNames.begin(), kSeverityNames.end(), expected);
    const auto number = fields.find("expect") == nullptr ? std::nullopt : fields.find("expect")->integer();
    if (number && *number >= 0) out.findings = static_cast<std::size_t>(*number);
    else if (expected == "nomatch") out.findings = 0;
    else if (severity != kSeverityNames.end()) out.severity = static_cast<event::Severity>(severity - kSeverityNames.begin());
    else if (expected != "match") fields.error("expect", "expect: expected match, nomatch, a severity or a number of findings");
  }

  void add_record(const YamlNode& node, RuleTest& out) {
    YamlNode members = node;
    RuleTest::Record record;
    const auto at = std::find_if(members.members.begin(), members.members.end(), [](const YamlMember& member) { return member.key == "at"; });
    if (at != members.members.end()) {
      const std::string& text = at->value.text;
      if (const auto time = timespan_or_none(text)) record.at = *time;
      else report_.error(at->value.place, fmt::format("at: expected {}, or 0s", kTimespanForm));
      members.members.erase(at);
    }
    if (node.kind != YamlNode::Kind::kMap) return report_.error(node.place, "a record of a test is a map of its members");
    auto json = complete_record(to_json(members), out.records.size() + 1, record.at.count());
    if (!json) return report_.error(node.place, json.error().message);
    record.json = *std::move(json);
    out.records.push_back(std::move(record));
  }

  /// Adds to what makes it the rule that it is.
  void ask(std::string_view what) { what_it_asks_.append(what).append("\n"); }

  YamlFields fields_;
  const RuleReading& reading_;
  FileReport& report_;
  Rule rule_;
  std::map<std::string, std::int64_t> parameters_;
  std::vector<std::string> decode_;
  std::string what_it_asks_ = "2\n";  // first the form in which state is saved: that of an older form is not this rule's
};

}  // namespace

std::string_view to_string(RuleStatus status) {
  static constexpr std::array<std::string_view, 4> kNames{"stable", "test", "experimental", "deprecated"};
  return kNames[static_cast<std::size_t>(status)];
}

std::optional<Rule> read_rule(const YamlNode& document, FileReport& report, const RuleReading& reading) {
  FileReport of_document{report.file, {}, {}};
  Rule rule = Reader(document, reading, of_document).read();
  if (reading.names != nullptr && report.warnings.size() < kMostWarnings) check_words(document, *reading.names, of_document);
  report.errors.add(of_document.errors);
  report.warnings.add(of_document.warnings);
  return of_document.errors.empty() ? std::optional(std::move(rule)) : std::nullopt;
}

std::vector<Rule> read_rule_file(std::string_view text, FileReport& report, const RuleReading& reading) {
  const auto documents = parse_yaml(text);
  std::vector<Rule> rules;
  if (!documents) report.error(documents.error().place, documents.error().message);
  else
    for (const YamlNode& document : *documents)
      if (auto rule = read_rule(document, report, reading)) rules.push_back(*std::move(rule));
  return rules;
}

}  // namespace trailwarden::rules
