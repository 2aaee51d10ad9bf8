#include "app/explain.h"

#include <cmath>
#include <fstream>
#include <iostream>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/setup.h"
#include "app/state_report.h"
#include "app/time_option.h"
#include "core/text.h"
#include "detectors/insights.h"
#include "pipeline/cell.h"

namespace trailwarden::app {
namespace {

using baseline::Direction;
using baseline::Evidence;
using baseline::Explanation;
using baseline::kWindowCount;
using nlohmann::ordered_json;
using Why = detectors::Insights::Why;

/// What is to be explained.
struct Question {
  std::string account, region, event_source, event_name, error_code;
  std::optional<bool> is_data;
  std::int64_t minute = 0;
  ordered_json alert;  // what the alert said of it, its member `trailwarden`; null without
  bool was_open = false;
};

struct Answer {
  const Question& question;
  const baseline::CellBaseline& cell;
  const Why& why;
  /// An alert that was said early is about the minute as it stood; else closing decides.
  bool shows_now() const { return !why.closing || question.was_open; }
  const Explanation& shown() const { return shows_now() ? why.now : *why.closing; }
  bool is_downwards() const { return shown().best[1].false_alarms < shown().best[0].false_alarms; }
  const Evidence& best() const { return shown().best[is_downwards() ? 1 : 0]; }
  bool is_insight() const { return shown().alarms(is_downwards() ? Direction::kDown : Direction::kUp); }
};

std::string minute_text(std::int64_t minute) { return format_time(Timestamp{std::chrono::minutes{minute}}); }

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::kInvalidArgument, std::move(what)); }

Result<Question> question_of(const ordered_json& alert, const std::string& place) {
  try {
    const auto& details = alert.at("detail").at("insightDetails");
    const auto& said = alert.at("trailwarden");
    if (details.at("state") != "Start") return wrong(place + ": an End; its Start has what decided");
    Question question{.account = said.at("account"), .region = said.at("region"), .event_source = details.at("eventSource"), .event_name = details.at("eventName"),
                      .error_code = details.value("errorCode", ""), .is_data = details.value("sourceEventCategory", "") == "Data", .alert = said, .was_open = said.at("minuteStillOpen")};
    std::string at = said.at("decidedAt");
    // A call that comes out of order may decide for a minute behind its own: the last that the alert tells of.
    if (said.contains("history") && !said["history"].empty()) at = said["history"].back().at("from");
    const auto time = parse_event_time(at);
    if (!time) return wrong(fmt::format("{}: {} is no time", place, printable(at)));
    question.minute = minute_of(*time);
    return question;
  } catch (const nlohmann::json::exception& error) {
    return wrong(fmt::format("{}: not an Insight as `replay --alerts` writes it: {}", place, error.what()));
  }
}

Result<Question> read_insight(const std::string& path, const std::string& id) {
  std::ifstream file(path);
  if (!file && path != "-") return fail(ErrorCode::kNotFound, path + ": cannot be read");
  std::istream& in = path == "-" ? std::cin : file;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto alert = ordered_json::parse(line, nullptr, false);
    const std::string place = fmt::format("{}:{}", path, number);
    if (!alert.is_object()) return wrong(place + ": not an alert; this reads what `trailwarden replay --alerts FILE` wrote");
    if (alert.value("source", "") != "aws.cloudtrail" || !alert.contains("detail")) continue;
    const auto& details = alert["detail"];
    const bool is_it = id.empty() ? details.contains("insightDetails") && details["insightDetails"].value("state", "") == "Start"
                                  : alert.value("id", "") == id || details.value("eventID", "") == id;
    if (is_it) return question_of(alert, place);
  }
  return fail(ErrorCode::kNotFound, id.empty() ? path + ": no Start of an Insight is in it" : fmt::format("{}: no Insight has the id {}", path, printable(id)));
}

Result<Question> question_of(const ExplainArguments& arguments) {
  if (arguments.alerts.empty() == arguments.series.empty()) return wrong("give an alerts file (--insight), or a series (--series SOURCE:NAME[:CODE]) with --account, --region and --at");
  if (!arguments.alerts.empty()) return read_insight(arguments.alerts, arguments.id);
  if (arguments.account.empty() || arguments.region.empty() || arguments.at.empty()) return wrong("--series wants --account, --region and --at, too");
  const std::size_t colon = arguments.series.find(':');
  if (colon == std::string::npos) return wrong(fmt::format("--series {}: SOURCE:NAME or SOURCE:NAME:CODE, e.g. ec2.amazonaws.com:RunInstances", printable(arguments.series)));
  const std::size_t second = std::min(arguments.series.find(':', colon + 1), arguments.series.size());
  const auto time = time_option("--at", arguments.at);
  if (!time) return fail(time.error());
  return Question{.account = arguments.account, .region = arguments.region, .event_source = arguments.series.substr(0, colon), .event_name = arguments.series.substr(colon + 1, second - colon - 1),
                  .error_code = second < arguments.series.size() ? arguments.series.substr(second + 1) : "", .minute = minute_of(**time)};
}

Result<const pipeline::SavedCell*> cell_of(const pipeline::SavedCells& cells, const Question& question) {
  for (const pipeline::SavedCell& cell : cells)
    if (cell.account == question.account && cell.region == question.region) return &cell;
  return fail(ErrorCode::kNotFound, fmt::format("none of its {} cells is {}/{}; `trailwarden state inspect` lists them", cells.size(), printable(question.account), printable(question.region)));
}

std::string series_text(const Question& question) {
  return fmt::format("{}{} of {}", question.error_code.empty() ? "" : printable(question.error_code) + " failures of ", printable(question.event_name), printable(question.event_source));
}

Result<baseline::SeriesId> series_of(const baseline::CellBaseline& cell, const Question& question) {
  const baseline::SeriesName name{question.event_source, question.event_name, question.error_code};
  for (const bool is_data : {false, true}) {
    if (question.is_data && *question.is_data != is_data) continue;
    if (const auto series = cell.series_named(name, is_data)) return *series;
  }
  std::vector<std::string_view> names;
  for (std::uint32_t row = 0; row < cell.rows(baseline::SeriesKind::kCalls); ++row) names.push_back(cell.name_of({baseline::SeriesKind::kCalls, row}).event_name);
  const std::string_view nearest = closest(question.event_name, names);
  const std::string hint = nearest.empty() || nearest == question.event_name ? "" : fmt::format("; did you mean {}?", printable(nearest));
  return fail(ErrorCode::kNotFound, fmt::format("{} is not known there{}", series_text(question), hint));
}

/// Refuses a time that the state knows nothing of any more, or not yet.
Result<void> check_time(const baseline::CellBaseline& cell, std::int64_t minute) {
  const auto [first, last] = cell.known_minutes();
  if (minute >= first && minute <= last) return {};
  if (first > last) return fail(ErrorCode::kNotFound, "this account and Region has no calls in the state");
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is not in what the state knows minute by minute: from {} to {}. `trailwarden warm AWSLogs/ --until {} --state FILE` with the same -c makes one that fits: it holds everything before, "
                          "and the minute is still open in it",
                          minute_text(minute), minute_text(first), minute_text(last), minute_text(minute + 3)));
}

// What is printed.

std::string_view name_of(std::size_t channel) { return to_string(detectors::kind_of(channel)); }

std::string rate_text(double per_week) { return std::isfinite(per_week) ? fmt::format("{:.3g}", per_week) : "-"; }

std::string line(std::string_view name, const std::string& text) { return fmt::format("{:<13}{}\n", name, text); }

std::string windows_table(const Explanation& why) {
  std::string out = fmt::format("\n{:<14}{:>10}{:>11}{:>9}{:>9}{:>12}{:>10}\n", "Window", "calls X", "expected M", "phi", "S [nat]", "tail a week", "record R");
  for (std::size_t w = 0; w < kWindowCount; ++w) {
    const Explanation::Window& window = why.windows[w];
    out += fmt::format("{:<14}", name_of(w));
    if (!window.is_judged) {
      out += "  not judged: not whole yet, an incident ended in it, or no longer known\n";
      continue;
    }
    const Evidence& e = window.evidence;
    out += fmt::format("{:>10.0f}{:>11.4g}{:>9.3g}{:>9}{:>12}{:>10.0f}\n", e.count, e.mean, e.dispersion, e.score > 0 ? fmt::format("{:.3g}{}", e.score, e.count < e.mean ? " dn" : "") : "-", rate_text(e.tail), window.record);
  }
  return out + "\n";
}

std::string channels_text(const Explanation& why, bool is_calls) {
  const auto tail = [&](std::size_t channel) { return std::isfinite(why.channels[channel].tail) ? fmt::format(", tail {} a week", rate_text(why.channels[channel].tail)) : std::string(); };
  std::string out = line("Drift", fmt::format("up {:.3g} nat{}{}; worth something from 5 on", why.drift[0], tail(baseline::kCusumUpChannel),
                                              is_calls ? fmt::format(", down {:.3g} nat{}", why.drift[1], tail(baseline::kCusumDownChannel)) : ""));
  if (!is_calls) return out;
  out += line("Gap", fmt::format("{:.0f} minutes without a call, {:.0f} the longest on record; score {:.3g} nat{}", why.gap_minutes, why.longest_gap, why.gap_score, tail(baseline::kGapChannel)));
  const Evidence& days = why.channels[baseline::kDayChannel];
  out += line("28 hours", why.fewest_of_28_hours <= 0 ? "not known for long enough" : fmt::format("{:.0f} calls or more, for weeks{}", why.fewest_of_28_hours,
                          days.score > 0 ? fmt::format("; now {:.0f}: score {:.3g} nat{}", days.count, days.score, tail(baseline::kDayChannel)) : ""));
  return out;
}

std::string evidence_text(const Explanation& why, bool downwards) {
  const Evidence& best = why.best[downwards ? 1 : 0];
  if (!std::isfinite(best.false_alarms)) return line("Decided by", "nothing: no channel found it unusual");
  std::string out = line("Record", downwards ? fmt::format("e = {:.3g}: {}", best.record, best.record > 0 ? "two decades for a fall" : "calls have paused as long before")
                                             : fmt::format("e = {:.3g}: {}", best.record, best.record > 0 ? "more than it has done before" : "it has done as much before"));
  if (!downwards) out += line("Who called", fmt::format("c = {:.3g}: {}", best.caller, best.caller > 0 ? "new here" : best.caller < 0 ? "at work on several APIs" : "nothing to say"));
  out += line("Decided by", fmt::format("{}, {}: tail {} a week", name_of(best.channel), downwards ? "downwards" : "upwards", rate_text(best.tail)));
  return out;
}

/// Why nothing can be said, whatever the numbers; empty: it can.
std::string hindrance(const Answer& answer) {
  const auto& standing = answer.why.standing;
  if (!standing.is_judged) return "not judged: a read of management events, or switched off by its scope";
  if (!standing.is_warm) return fmt::format("warming up: watched for {:.0f} of {:.0f} minutes", standing.watched_minutes, standing.warm_up_minutes);
  return "";
}

std::string verdict_text(const Answer& answer) {
  const Explanation& shown = answer.shown();
  const double a = answer.best().false_alarms;
  std::string out = line("A", fmt::format("{} false alarms a week of one series; threshold {:.3g}{}", rate_text(a), shown.alpha,
                                          shown.line < shown.alpha ? fmt::format(", {:.3g} while the minute is open", shown.line) : ""));
  const std::string obstacle = hindrance(answer);
  if (!answer.shows_now() && std::isfinite(answer.why.now.best[0].false_alarms))
    out += line("At once", fmt::format("upwards, as the minute stands: A {}, against {:.3g}", rate_text(answer.why.now.best[0].false_alarms), answer.why.now.line));
  if (!obstacle.empty()) return out + line("So", "no Insight: " + obstacle);
  if (!answer.is_insight()) return out + line("So", std::isfinite(a) ? fmt::format("no Insight: {:.3g} times too often", a / shown.line) : "no Insight");
  return out + line("So", fmt::format("an Insight{}{}", answer.shows_now() && answer.why.is_open ? ", at once" : answer.why.is_open ? " when the minute closes, if no more calls come" : "",
                                      answer.why.is_incident ? "; a Start has been said" : ""));
}

std::string more_calls_text(const Answer& answer) {
  const auto& why = answer.why;
  if (!why.calls_to_alarm || *why.calls_to_alarm == 0 || answer.is_insight()) return "";
  return line("Missing", fmt::format("{} more {} in that minute would have been an Insight{}", with_commas(*why.calls_to_alarm), *why.calls_to_alarm == 1 ? "call" : "calls",
                                     why.is_open ? " at once" : ""));
}

std::string who_text(const Why& why) {
  std::string out;
  for (const event::Attribution& attribution : why.insight.attributions) {
    const auto shares = [](const std::vector<event::AttributedRate>& rates) {
      std::string text;
      for (const event::AttributedRate& rate : rates) text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", rate.value.empty() ? "(none)" : printable(rate.value, 80), rate.share * 100);
      return text.empty() ? std::string("nobody") : text;
    };
    out += line(attribution.attribute == "userIdentityArn" ? "Who" : attribution.attribute == "userAgent" ? "With" : "Errors",
                fmt::format("{}; before: {}", shares(attribution.insight), shares(attribution.baseline)));
  }
  return out;
}

/// An alert prints six digits.
bool is_same(double a, double b) { return std::abs(a - b) <= 1e-5 * std::max(std::abs(a), std::abs(b)); }

struct Comparison {
  const char* name;
  double said, here;
};
std::vector<Comparison> comparisons(const Answer& answer) {
  const auto& said = answer.question.alert;
  if (said.is_null()) return {};
  const Evidence& best = answer.best();
  return {{"observedCalls", said.value("observedCalls", 0.0), best.count}, {"expectedCalls", said.value("expectedCalls", 0.0), best.mean}, {"scoreNats", said.value("scoreNats", 0.0), best.score},
          {"expectedFalseAlarmsPerWeek", said.value("expectedFalseAlarmsPerWeek", 0.0), best.false_alarms}, {"threshold", said.value("threshold", 0.0), answer.shown().alpha}};
}

std::string comparison_text(const Answer& answer) {
  const auto all = comparisons(answer);
  if (all.empty()) return "";
  std::string off;
  for (const Comparison& one : all)
    if (!is_same(one.said, one.here)) off += fmt::format("{}{} {:.6g}, not {:.6g}", off.empty() ? "" : "; ", one.name, one.said, one.here);
  if (off.empty()) return line("The alert", "said the same");
  const bool was_before = answer.question.was_open && all[0].said < all[0].here;
  return line("The alert", fmt::format("said {}{}", off, was_before ? ": it left with a call before these" : !answer.why.is_open ? ": levels have learned since" : ": the state, or the configuration, is another"));
}

std::string text_of(const Answer& answer) {
  const Question& question = answer.question;
  const Why& why = answer.why;
  const Explanation& shown = answer.shown();
  const bool is_calls = question.error_code.empty();
  std::string out = fmt::format("{} in {} of account {}, minute {}\n\n", series_text(question), printable(question.region), printable(question.account), minute_text(question.minute));
  out += line("The state", fmt::format("knows {} to {}; the minute is {}", minute_text(answer.cell.known_minutes().first), minute_text(answer.cell.known_minutes().second),
                                       why.is_open ? shown.is_at_closing ? "open, and seen as if it closed now" : "open" : "closed: levels are those of now, and only rises are looked at"));
  out += line("Expected", fmt::format("{:.4g} calls in the minute: {:.4g} a minute +- {:.0f} %, times {:.3g} for the hour of the week{}", shown.mean, shown.level, shown.level_error * 100, shown.profile,
                                      is_calls ? "" : fmt::format("; or {:.3g} of the API's calls", shown.error_share)));
  out += windows_table(shown);
  out += channels_text(shown, is_calls);
  out += evidence_text(shown, answer.is_downwards());
  out += verdict_text(answer) + more_calls_text(answer) + who_text(why) + comparison_text(answer);
  return out;
}

ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json json_of(const Evidence& e) {
  if (!std::isfinite(e.false_alarms)) return nullptr;
  return {{"channel", name_of(e.channel)}, {"scoreNats", e.score}, {"tailPerWeek", number(e.tail)}, {"record", e.record}, {"caller", e.caller}, {"expectedFalseAlarmsPerWeek", e.false_alarms},
          {"observedCalls", e.count}, {"expectedCalls", e.mean}, {"dispersion", e.dispersion}};
}

ordered_json json_of(const Explanation& why) {
  ordered_json windows = ordered_json::array(), channels = ordered_json::array();
  for (std::size_t w = 0; w < kWindowCount; ++w) {
    const Explanation::Window& window = why.windows[w];
    ordered_json one{{"window", name_of(w)}, {"judged", window.is_judged}};
    if (window.is_judged)
      one.update({{"observedCalls", window.evidence.count}, {"expectedCalls", window.evidence.mean}, {"dispersion", window.evidence.dispersion}, {"scoreNats", window.evidence.score},
                  {"tailPerWeek", number(window.evidence.tail)}, {"recordCalls", window.record}});
    windows.push_back(std::move(one));
  }
  for (std::size_t channel = 0; channel < why.channels.size(); ++channel)
    if (std::isfinite(why.channels[channel].tail))
      channels.push_back({{"channel", name_of(channel)}, {"direction", channel == baseline::kCusumUpChannel || channel < kWindowCount ? "up" : "down"}, {"scoreNats", why.channels[channel].score},
                          {"tailPerWeek", why.channels[channel].tail}});
  return {{"exact", why.is_exact}, {"levelPerMinute", why.level}, {"levelError", why.level_error}, {"profile", why.profile}, {"expectedCallsInMinute", why.mean}, {"errorShare", why.error_share},
          {"windows", windows}, {"unusual", channels}, {"driftNats", {{"up", why.drift[0]}, {"down", why.drift[1]}}},
          {"gap", {{"minutes", why.gap_minutes}, {"longestMinutes", why.longest_gap}, {"scoreNats", why.gap_score}}}, {"fewestOf28Hours", why.fewest_of_28_hours},
          {"up", json_of(why.best[0])}, {"down", json_of(why.best[1])}, {"threshold", why.alpha}, {"line", why.line}};
}

std::string json_text_of(const Answer& answer) {
  const Question& question = answer.question;
  const Why& why = answer.why;
  const auto [first, last] = answer.cell.known_minutes();
  ordered_json out{{"account", question.account}, {"region", question.region}, {"eventSource", question.event_source}, {"eventName", question.event_name}};
  if (!question.error_code.empty()) out["errorCode"] = question.error_code;
  out.update({{"minute", minute_text(question.minute)}, {"minuteOpen", why.is_open}, {"knownFrom", minute_text(first)}, {"knownTo", minute_text(last)}});
  out["standing"] = {{"judged", why.standing.is_judged}, {"pastWarmUp", why.standing.is_warm}, {"watchedMinutes", why.standing.watched_minutes}, {"incidentOpen", why.is_incident}};
  out["insight"] = answer.is_insight() && hindrance(answer).empty();
  out["decidedBy"] = answer.shows_now() ? "now" : "closing";
  out["now"] = json_of(why.now);
  out["closing"] = why.closing ? json_of(*why.closing) : ordered_json(nullptr);
  out["callsToAlarm"] = why.calls_to_alarm ? ordered_json(*why.calls_to_alarm) : ordered_json(nullptr);
  out["attributions"] = ordered_json::array();
  for (const event::Attribution& attribution : why.insight.attributions) {
    const auto shares = [](const std::vector<event::AttributedRate>& rates) {
      ordered_json list = ordered_json::array();
      for (const event::AttributedRate& rate : rates) list.push_back({{"value", rate.value}, {"share", rate.share}});
      return list;
    };
    out["attributions"].push_back({{"attribute", attribution.attribute}, {"now", shares(attribution.insight)}, {"before", shares(attribution.baseline)}});
  }
  if (!question.alert.is_null()) {
    for (const Comparison& one : comparisons(answer)) out["alert"][one.name] = {{"said", one.said}, {"here", number(one.here)}, {"same", is_same(one.said, one.here)}};
  }
  out["model"] = detectors::model_of_insights();
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

int explain(const ExplainArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  const auto question = question_of(arguments);
  if (!question) return complain(question.error(), exit_code_of(question.error()));
  const auto cells = pipeline::read_state_file(arguments.state);
  if (!cells) return complain(cells.error(), kFailed);
  const auto refuse = [&](const Error& error) { return complain(Error(error).during(arguments.state), exit_code_of(error)); };
  const auto saved = cell_of(*cells, *question);
  if (!saved) return refuse(saved.error());
  const pipeline::CellSettings settings = roomy_settings(*setup);
  const auto cell = load_cell(settings, **saved);
  if (!cell) return refuse(cell.error());
  const detectors::Insights& insights = *(*cell)->insights();
  if (auto known = check_time(insights.baseline(), question->minute); !known) return refuse(known.error());
  const auto series = series_of(insights.baseline(), *question);
  if (!series) return refuse(series.error());
  baseline::MinutePass pass;
  const auto why = insights.explain(*series, question->minute, pass);
  if (!why) return refuse(why.error());
  const Answer answer{*question, insights.baseline(), *why};
  fmt::print("{}{}", arguments.as_json ? json_text_of(answer) : text_of(answer), arguments.as_json ? "\n" : "");
  return kFine;
}

}  // namespace trailwarden::app
