// The compiled matcher against Event Ruler, on the same rules and records in the same run; how time grows with the number of rules; what compiling costs.

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/setup.h"
#include "core/hash.h"
#include "corpus.h"
#include "detectors/rules.h"
#include "event/decoder.h"
#include "figure.h"
#include "rules/event_pattern.h"
#include "rules/rule_set.h"

namespace trailwarden::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 31;
constexpr std::size_t kRecords = 4'000;

/// Lines one behind the other, as they stand in a file.
struct PaddedRecords {
  std::string text;
  std::vector<std::size_t> begins{0};

  std::size_t size() const { return begins.size() - 1; }
  std::string_view operator[](std::size_t i) const { return std::string_view(text).substr(begins[i], begins[i + 1] - begins[i] - 1); }
};

PaddedRecords padded(const std::vector<std::string>& lines, std::size_t step = 1, std::size_t most = static_cast<std::size_t>(-1)) {
  PaddedRecords out;
  for (std::size_t i = 0; i < lines.size() && out.size() < most; i += step) {
    out.text += lines[i] + '\n';
    out.begins.push_back(out.text.size());
  }
  out.text.append(event::kPadding, ' ');
  return out;
}

/// Real records, spread over the whole of what there is.
PaddedRecords sample_records() {
  const std::vector<std::string>& all = real_records().lines;
  return padded(all, std::max<std::size_t>(1, all.size() / kRecords), kRecords);
}

struct NamedRules {
  std::vector<std::string> names;
  std::vector<rules::Predicate> predicates;

  void add(const std::string& name, const std::string& pattern) {
    auto predicate = rules::parse_event_pattern(pattern);
    if (!predicate) throw std::runtime_error(name + ": " + predicate.error().message);
    names.push_back(name);
    predicates.push_back(std::move(*predicate));
  }
};

NamedRules read_rules(const fs::path& file) {
  NamedRules rules;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto rule = nlohmann::ordered_json::parse(line);
    rules.add(rule.at("name"), rule.at("pattern").dump());
  }
  if (rules.names.empty()) throw std::runtime_error("no rules in " + file.string());
  return rules;
}

rules::Matcher matcher_of(const NamedRules& rules, std::size_t first_rules = static_cast<std::size_t>(-1)) {
  auto set = rules::RuleSet::compile(std::span(rules.predicates).first(std::min(first_rules, rules.predicates.size())));
  if (!set) throw std::runtime_error(set.error().message);
  return rules::Matcher(std::move(*set));
}

std::uint64_t pass(rules::Matcher& matcher, const PaddedRecords& records) {
  std::uint64_t found = 0;
  std::vector<std::uint32_t> matches;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (matcher.match(records[i], matches) != event::Refusal::kNone) throw std::runtime_error("a record is refused");
    found += matches.size();
  }
  return found;
}

/// Event Ruler in a Java of its own: warmed, then one pass over the records whenever it is asked.
class EventRuler {
 public:
  EventRuler(const fs::path& rules, const PaddedRecords& records) {
    const char* const classpath = std::getenv("TRAILWARDEN_EVENT_RULER");
    if (classpath == nullptr) throw std::runtime_error("rules: no Event Ruler; scripts/bench rules fetches it and names its jars in TRAILWARDEN_EVENT_RULER");
    folder_ = fs::temp_directory_path() / fmt::format("trailwarden-ruler-{}", ::getpid());
    fs::create_directories(folder_);
    std::ofstream lines(folder_ / "records");
    lines << std::string_view(records.text).substr(0, records.begins.back());
    lines.close();
    start({"java", "-Xms2g", "-XX:+UseSerialGC", "-cp", classpath, fs::path(TRAILWARDEN_SOURCE_DIR) / "bench/rules/RulerBench.java", rules, folder_ / "records", folder_ / "matches"});
    if (answer() != "ready") throw std::runtime_error("rules: Event Ruler did not start");
  }
  EventRuler(const EventRuler&) = delete;
  EventRuler& operator=(const EventRuler&) = delete;
  ~EventRuler() {
    std::fclose(questions_);
    std::fclose(answers_);
    waitpid(child_, nullptr, 0);
    fs::remove_all(folder_);
  }

  double seconds_of_a_pass() {
    std::fputc('\n', questions_);
    std::fflush(questions_);
    return 1e-9 * std::stod(answer());
  }

  /// Names of the rules that match, with commas, a line a record.
  std::vector<std::string> matches() const {
    std::vector<std::string> lines;
    std::ifstream in(folder_ / "matches");
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  void start(const std::vector<std::string>& command) {
    std::array<int, 2> down{}, up{};
    if (::pipe(down.data()) != 0 || ::pipe(up.data()) != 0) throw std::runtime_error("rules: no pipes");
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(down[0], STDIN_FILENO);
      ::dup2(up[1], STDOUT_FILENO);
      for (const int end : {down[0], down[1], up[0], up[1]}) ::close(end);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(down[0]);
    ::close(up[1]);
    questions_ = ::fdopen(down[1], "w");
    answers_ = ::fdopen(up[0], "r");
  }

  std::string answer() {
    std::array<char, 256> line{};
    if (std::fgets(line.data(), line.size(), answers_) == nullptr) throw std::runtime_error("rules: Event Ruler stopped");
    std::string text(line.data());
    text.pop_back();
    return text;
  }

  fs::path folder_;
  pid_t child_ = -1;
  std::FILE* questions_ = nullptr;
  std::FILE* answers_ = nullptr;
};

void check_equal(const std::vector<std::string>& expected, rules::Matcher& matcher, const NamedRules& rules, const PaddedRecords& records) {
  std::vector<std::uint32_t> matches;
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (matcher.match(records[i], matches) != event::Refusal::kNone) throw std::runtime_error("a record is refused");
    std::set<std::string> names;
    for (const std::uint32_t rule : matches) names.insert(rules.names[rule]);
    found += names.size();
    if (const std::string got = fmt::format("{}", fmt::join(names, ",")); i >= expected.size() || got != expected[i])
      throw std::runtime_error(fmt::format("record {}: Event Ruler finds [{}], we find [{}]: {}", i, i < expected.size() ? expected[i] : "", got, records[i]));
  }
  if (found == 0) throw std::runtime_error("no rule matches any record: nothing is compared");
}

Figure against_event_ruler(const std::string& name, const fs::path& file, double goal, const PaddedRecords& records) {
  const fs::path path = fs::path(TRAILWARDEN_SOURCE_DIR) / "bench/rules" / file;
  const NamedRules rules = read_rules(path);
  rules::Matcher matcher = matcher_of(rules);
  EventRuler ruler(path, records);
  check_equal(ruler.matches(), matcher, rules, records);
  const Paired paired = pair_seconds(kRounds, [&] { return cpu_seconds_of([&] { pass(matcher, records); }); }, [&] { return ruler.seconds_of_a_pass(); });
  const double each = 1e9 / static_cast<double>(records.size());
  return {name, paired.ratio, "x Event Ruler", goal, true,
          fmt::format("{} rules: {:.0f} ns a record beside {:.0f}; every byte validated", rules.names.size(), paired.best_a * each, paired.best_b * each)};
}

/// Rules of the forms that published ones have, over the APIs of the records and three times as many that never come.
NamedRules many_rules(std::size_t count, const PaddedRecords& records) {
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto record = nlohmann::json::parse(records[i]);
    seen.emplace(record.at("eventSource"), record.at("eventName"));
  }
  const std::vector<std::pair<std::string, std::string>> apis(seen.begin(), seen.end());
  NamedRules rules;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t random = splitmix64(i);
    const auto& [source, event] = apis[random % apis.size()];
    // Most actions of AWS are never called in one account.
    const std::string name = random >> 32 & 3 ? event + "V" + std::to_string(random >> 40 & 0xff) : event;
    const std::string api = fmt::format(R"("eventSource":["{}"],"eventName":["{}"])", source, name);
    std::string pattern;
    switch (i % 10) {
      case 0: pattern = fmt::format(R"("eventName":[{{"prefix":"{}2"}}],"eventSource":["{}"])", name, source); break;
      case 1: pattern = api + R"(,"errorCode":[{"exists":false}])"; break;
      case 2: pattern = api + R"(,"userIdentity":{"type":["Root","IAMUser"]})"; break;
      case 3: pattern = fmt::format(R"("eventSource":["{}"],"userAgent":[{{"wildcard":"*tool-{}*"}}])", source, i); break;
      case 4: pattern = api + R"(,"requestParameters":{"userName":[{"anything-but":["automation","backup"]}]})"; break;
      case 5: pattern = api + fmt::format(R"(,"userIdentity":{{"arn":[{{"wildcard":"*:user/u{}*"}}]}})", i); break;
      case 6: pattern = api + R"(,"sourceIPAddress":[{"cidr":"198.51.100.0/24"}])"; break;
      default: pattern = api;
    }
    rules.add("rule-" + std::to_string(i), "{" + pattern + "}");
  }
  return rules;
}

std::vector<Figure> growth_figures(const PaddedRecords& records) {
  constexpr std::size_t kMany = 3'000, kFew = 10;
  const NamedRules rules = many_rules(kMany, records);
  double compiling = 1e300;
  std::size_t bytes = 0;
  for (int round = 0; round < 3; ++round)
    compiling = std::min(compiling, cpu_seconds_of([&] { bytes = rules::RuleSet::compile(rules.predicates)->memory_bytes(); }));
  rules::Matcher few = matcher_of(rules, kFew), many = matcher_of(rules);
  const std::uint64_t found = pass(many, records);
  if (found <= pass(few, records)) throw std::runtime_error("3,000 rules find no more than 10");
  const Paired paired = pair_seconds(kRounds, [&] { return cpu_seconds_of([&] { pass(few, records); }); }, [&] { return cpu_seconds_of([&] { pass(many, records); }); });
  const double each = 1e9 / static_cast<double>(records.size());
  return {{"rules.growth", paired.ratio, "x 10 rules, with 3,000", 1.3, false,
           fmt::format("{:.0f} ns a record beside {:.0f}; {:.2f} rules match a record", paired.best_b * each, paired.best_a * each,
                       static_cast<double>(found) / static_cast<double>(records.size()))},
          {"rules.compile", compiling, "s for 3,000 rules", 1.0, false, ""},
          {"rules.bytes_per_rule", static_cast<double>(bytes) / kMany / 1e3, "kB", 20, false, ""}};
}

/// What judging decoded events adds to decoding them.
Figure event_figure(const PaddedRecords& records) {
  const NamedRules rules = read_rules(fs::path(TRAILWARDEN_SOURCE_DIR) / "bench/rules/sigma_like.jsonl");
  rules::Matcher matcher = matcher_of(rules);
  event::Decoder decoder;
  event::Arena arena;
  event::CloudTrailEvent event;
  std::vector<std::uint32_t> matches;
  const auto decode_all = [&](bool judge) {
    for (std::size_t i = 0; i < records.size(); ++i) {
      arena.clear();
      if (decoder.decode(records[i], arena, event) != event::Refusal::kNone) throw std::runtime_error("a record is refused");
      if (judge) matcher.match(event, matches);
    }
  };
  const Paired paired = pair_seconds(kRounds, [&] { return cpu_seconds_of([&] { decode_all(false); }); }, [&] { return cpu_seconds_of([&] { decode_all(true); }); });
  const double each = 1e9 / static_cast<double>(records.size());
  return {"rules.on_events", paired.best_a * each * (paired.ratio - 1), "ns an event over decoding", 80, false,
          fmt::format("{} rules; decoding {:.0f} ns", rules.names.size(), paired.best_a * each)};
}

/// The rules that ship, as a service has them, over one cell for each account and Region.
class PackRun {
 public:
  explicit PackRun(const PaddedRecords& records) : records_(records) {
    auto setup = app::load_setup("");
    if (!setup) throw std::runtime_error(setup.error().message);
    settings_ = setup->rule_settings;
    lateness_ = setup->config.time.lateness;
    std::map<std::pair<std::string, std::string>, std::uint32_t> numbers;
    event::Arena arena;
    for (std::size_t i = 0; i < records.size(); ++i) {
      const event::CloudTrailEvent event = decoded(i, arena);
      const auto [at, is_new] = numbers.emplace(std::pair(event.account(), event.region()), static_cast<std::uint32_t>(numbers.size()));
      cell_of_.push_back(at->second);
    }
    cells_ = numbers.size();
  }

  std::size_t rules() const { return settings_->book->rules().size(); }

  /// Seconds that decoding all records takes, and, if they are judged, what is found.
  double seconds(bool judge, std::uint64_t* findings = nullptr) {
    std::vector<std::unique_ptr<detectors::Rules>> cells;
    for (std::size_t i = 0; i < cells_; ++i) cells.push_back(std::make_unique<detectors::Rules>(settings_));
    CountFindings found;
    Timestamp watermark = kBeginningOfTime;
    event::Arena arena;
    ::malloc_trim(0);  // what the cells of the round before left is tidied away before the clock runs
    const double seconds = cpu_seconds_of([&] {
      for (std::size_t i = 0; i < records_.size(); ++i) {
        const event::CloudTrailEvent event = decoded(i, arena);
        if (!judge) continue;
        if (event.event_time - lateness_ > watermark + std::chrono::minutes{1}) {
          watermark = event.event_time - lateness_;
          for (const auto& cell : cells) cell->advance(watermark, found);
        }
        detectors::Rules& cell = *cells[cell_of_[i]];
        if (cell.wants(event)) cell.observe(event, found);
      }
    });
    if (findings != nullptr) *findings = found.count;
    return seconds;
  }

 private:
  struct CountFindings final : event::Emit {
    void operator()(event::Finding) override { ++count; }
    std::uint64_t count = 0;
  };

  event::CloudTrailEvent decoded(std::size_t i, event::Arena& arena) {
    arena.clear();
    event::CloudTrailEvent event;
    if (decoder_.decode(records_[i], arena, event) != event::Refusal::kNone) throw std::runtime_error("a record is refused");
    return event;
  }

  const PaddedRecords& records_;
  std::shared_ptr<const detectors::RuleSettings> settings_;
  std::chrono::seconds lateness_{};
  event::Decoder decoder_;
  std::vector<std::uint32_t> cell_of_;
  std::size_t cells_ = 0;
};

Figure pack_figure() {
  const PaddedRecords records = padded(real_records().lines);
  PackRun run(records);
  std::uint64_t first = 0, again = 0;
  run.seconds(true, &first);
  run.seconds(true, &again);
  if (first == 0 || first != again) throw std::runtime_error(fmt::format("the pack finds {} and then {}", first, again));
  const Paired paired = pair_seconds(kRounds, [&] { return run.seconds(false); }, [&] { return run.seconds(true); });
  const double each = 1e9 / static_cast<double>(records.size());
  return {"rules.pack", paired.best_a * each * (paired.ratio - 1), "ns an event over decoding", 80, false,
          fmt::format("{} rules with their correlations; decoding {:.0f} ns; {} findings in {} records", run.rules(), paired.best_a * each, first, records.size())};
}

}  // namespace

std::vector<Figure> rule_figures() {
  const PaddedRecords records = sample_records();
  std::vector<Figure> figures = growth_figures(records);
  figures.push_back(event_figure(records));
  figures.push_back(pack_figure());
  figures.push_back(against_event_ruler("rules.exact_5", "exact.jsonl", 5, records));
  figures.push_back(against_event_ruler("rules.sigma_69", "sigma_like.jsonl", 5, records));
  figures.push_back(against_event_ruler("rules.wildcards_20", "wildcards.jsonl", 20, records));
  return figures;
}

}  // namespace trailwarden::bench
