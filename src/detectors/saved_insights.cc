// The saved form of Insights: its sections, behind those of the cell's baseline. docs/baseline.md, "Saved form".

#include <cmath>

#include <fmt/format.h>

#include "baseline/saved_order.h"
#include "baseline/section_frame.h"
#include "core/check.h"
#include "detectors/insights_state.h"

namespace trailwarden::detectors {
namespace {

using baseline::SectionKind;
using baseline::SeriesId;

constexpr SectionKind kTexts{8, 1, "texts"};          // that sketches and calls name, ascending; their numbers stand for them
constexpr SectionKind kSketches{9, 1, "sketches"};    // series u32, a sketch for each dimension
constexpr SectionKind kIncidents{10, 2, "incidents"};
constexpr SectionKind kPending{11, 1, "calls kept"};  // a row is a minute: runs u32 of calls that are alike: series u32, values 3 u32, how many u8
constexpr SectionKind kRecent{12, 1, "record ids"};   // series u32, newest minute, ids u8 of length u8 and characters, oldest first

constexpr std::uint8_t kLongestRun = 255;       // bounds what a byte of a saved state can unfold to
constexpr std::int64_t kLongestReach = 240;     // minutes from the onset of an incident to its decision: the longest window
constexpr double kMostCalls = 1e18;             // printed as a whole number of 64 bits

Result<void> malformed(std::string what) { return fail(ErrorCode::kMalformed, std::move(what)); }

bool is_count(double value) { return value >= 0 && value < kMostCalls; }

}  // namespace

/// Writes one cell.
class Insights::Saving {
 public:
  explicit Saving(const Insights& from, const baseline::DroppedRows* dropped = nullptr)
      : from_(from), order_(from.baseline_, dropped), texts_(from.texts_->sorted(from.texts_in_use())), text_numbers_(from.texts_->numbers()) {
    for (std::uint32_t number = 0; number < texts_.size(); ++number) text_numbers_[texts_[number]] = number;
  }

  void to(ByteWriter& out) const {
    baseline::SectionWriter sections(out);
    from_.baseline_.save(sections, order_);
    sections.add(kTexts, texts_.size(), [this](ByteWriter& bytes) {
      for (const std::uint32_t number : texts_) bytes.text(from_.texts_->text(number));
    });
    sections.add(kSketches, from_.baselines_.size(), [this](ByteWriter& bytes) {
      for (const auto& [number, sketches] : in_order(from_.baselines_, [](const auto& entry) { return unpacked(entry.first); })) {
        bytes.number(number);
        save(bytes, sketches->second);
      }
    });
    sections.add(kIncidents, from_.incidents_.size(), [this](ByteWriter& bytes) {
      for (const auto& [number, entry] : in_order(from_.incidents_, [](const auto& entry) { return entry.first; })) {
        bytes.number(number);
        save(bytes, entry->second);
      }
    });
    const auto [first, last] = from_.kept_minutes();
    sections.add(kPending, static_cast<std::size_t>(last - first), [this, first, last](ByteWriter& bytes) {
      for (std::int64_t minute = first; minute < last; ++minute) save(bytes, from_.pending_of(minute));
    });
    sections.add(kRecent, from_.recent_.size(), [this](ByteWriter& bytes) {
      for (const auto& [number, recent] : in_order(from_.recent_, [](const Recent& recent) { return unpacked(recent.series); })) {
        bytes.number(number);
        save(bytes, *recent);
      }
    });
  }

 private:
  template <class Item>
  using InOrder = std::vector<std::pair<std::uint32_t, const Item*>>;

  /// The items of a container by the saved number of their series; those of one series as they stand.
  template <class Container, class SeriesOf>
  InOrder<typename Container::value_type> in_order(const Container& items, SeriesOf series_of) const {
    InOrder<typename Container::value_type> out;
    out.reserve(items.size());
    for (const auto& item : items) out.emplace_back(order_.number_of(series_of(item)), &item);
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return out;
  }

  void save(ByteWriter& out, const Sketches& sketches) const {
    for (const Sketch& sketch : sketches) sketch.save(out, [this](std::uint32_t text) { return text_numbers_[text]; });
  }

  void save(ByteWriter& out, const Incident& incident) const {
    out.number(static_cast<std::uint8_t>(incident.direction));
    out.signed_number(incident.decided);
    out.signed_number(incident.onset.minute);
    out.real(incident.onset.count);
    out.real(incident.rate);
    out.signed_number(incident.extent.onset());
    incident.extent.save(out);
    out.number(incident.baseline_calls);
    save(out, incident.sketches);
  }

  void save(ByteWriter& out, const std::vector<Pending>& calls) const {
    struct Run {
      std::uint32_t series;
      Values values;
      std::uint8_t calls;
    };
    std::vector<Run> runs;
    for (const auto& [number, call] : in_order(calls, [](const Pending& pending) { return pending.series; })) {
      if (!runs.empty() && runs.back().series == number && runs.back().values == call->values && runs.back().calls < kLongestRun) ++runs.back().calls;
      else runs.push_back({number, call->values, 1});
    }
    out.number(static_cast<std::uint32_t>(runs.size()));
    for (const Run& run : runs) {
      out.number(run.series);
      for (const std::uint32_t text : run.values) out.number(text_numbers_[text]);
      out.number(run.calls);
    }
  }

  void save(ByteWriter& out, const Recent& recent) const {
    const std::vector<std::string> ids = recent.oldest_first();
    out.signed_number(recent.newest);
    out.number(static_cast<std::uint8_t>(ids.size()));
    for (const std::string& id : ids) {
      out.number(static_cast<std::uint8_t>(id.size()));
      out.array(id);
    }
  }

  const Insights& from_;
  const baseline::SavedOrder order_;
  const std::vector<std::uint32_t> texts_;   // numbers of the texts in use, by text
  std::vector<std::uint32_t> text_numbers_;  // saved number of each
};

/// Fills a fresh cell.
class Insights::Loading {
 public:
  explicit Loading(Insights& into) : into_(into) {}

  Result<void> from(ByteReader& in) {
    auto sections = baseline::SectionReader::open(in);
    if (!sections) return fail(std::move(sections).error());
    const auto read = [&](const SectionKind& kind, auto load_one) {
      return [&, load_one] {
        return sections->read(kind, [&](ByteReader& bytes, std::uint32_t rows) -> Result<void> {
          for (std::uint32_t row = 0; row < rows && bytes.ok(); ++row)
            if (auto loaded = (this->*load_one)(bytes); !loaded) return loaded;
          return {};
        });
      };
    };
    const auto read_pending = [&] { return sections->read(kPending, [this](ByteReader& bytes, std::uint32_t rows) { return load_pending(bytes, rows); }); };
    return into_.baseline_.load(*sections)
        .and_then(read(kTexts, &Loading::load_text))
        .and_then(read(kSketches, &Loading::load_baseline_sketches))
        .and_then(read(kIncidents, &Loading::load_incident))
        .and_then(read_pending)
        .and_then(read(kRecent, &Loading::load_recent));
  }

 private:
  std::optional<std::uint32_t> text_at(std::uint32_t number) const {
    return number < into_.texts_->numbers() ? std::optional(number) : std::nullopt;
  }

  Result<void> load_text(ByteReader& in) {
    const std::string text = in.text();
    const auto number = static_cast<std::uint32_t>(into_.texts_->numbers());
    if (number > 0 && text <= into_.texts_->text(number - 1)) return malformed("texts that do not ascend");
    into_.texts_->number_of(text);
    return {};
  }

  Result<void> load_sketches(ByteReader& in, Sketches& sketches) const {
    for (Sketch& sketch : sketches)
      if (auto loaded = sketch.load(in, [this](std::uint32_t number) { return text_at(number); }); !loaded) return loaded;
    return {};
  }

  Result<void> load_baseline_sketches(ByteReader& in) {
    const auto series = into_.baseline_.series_at(in.number<std::uint32_t>());
    if (!series) return malformed("a series that there is not");
    const auto [place, is_new] = into_.baselines_.try_emplace(packed(*series), fresh_sketches());
    if (!is_new) return malformed("a series twice");
    return load_sketches(in, place->second);
  }

  Result<void> load_incident(ByteReader& in) {
    const auto series = into_.baseline_.series_at(in.number<std::uint32_t>());
    const auto direction = in.number<std::uint8_t>();
    if (!series || direction > 1) return malformed("a series or a direction that there is not");
    Incident incident{*series, static_cast<baseline::Direction>(direction), in.signed_number(), {}, 0, {}, 0, fresh_sketches()};
    incident.onset.minute = in.signed_number();
    incident.onset.count = in.real<double>();
    incident.rate = in.real<double>();
    const std::int64_t measured_from = in.signed_number();
    const std::int64_t newest = std::max(into_.baseline_.newest(), into_.baseline_.first_open() - 1);
    if (incident.onset.minute < 0 || incident.decided < incident.onset.minute || incident.decided > newest || incident.decided - incident.onset.minute > kLongestReach)
      return malformed("an incident at minutes that no window holds");
    if (!is_count(incident.onset.count) || !is_count(incident.rate)) return malformed("an incident whose calls are no number");
    if (measured_from < incident.onset.minute - 2 * kLongestReach || measured_from > newest) return malformed("an incident that is measured from a minute that is not its");
    incident.extent = baseline::Extent(measured_from, incident.rate, incident.direction);
    if (auto loaded = incident.extent.load(in); !loaded) return loaded;
    incident.baseline_calls = in.number<std::uint64_t>();
    if (auto loaded = load_sketches(in, incident.sketches); !loaded) return loaded;
    if (!into_.incidents_.try_emplace(*series, std::move(incident)).second) return malformed("a series twice");
    return {};
  }

  Result<void> load_pending(ByteReader& in, std::uint32_t minutes) {
    const auto [first, last] = into_.kept_minutes();
    if (minutes != last - first) return malformed(fmt::format("{} minutes where there are {}", minutes, last - first));
    for (std::int64_t minute = first; minute < last; ++minute) {
      const auto runs = in.number<std::uint32_t>();
      for (std::uint32_t i = 0; i < runs && in.ok(); ++i)
        if (auto loaded = load_run(in, into_.pending_of(minute)); !loaded) return loaded;
    }
    return {};
  }

  Result<void> load_run(ByteReader& in, std::vector<Pending>& calls) {
    const auto series = into_.baseline_.series_at(in.number<std::uint32_t>());
    Values values;
    in.array(values);
    const auto count = in.number<std::uint8_t>();
    if (!series || count == 0 || !std::all_of(values.begin(), values.end(), [this](std::uint32_t number) { return text_at(number).has_value(); }))
      return malformed("a call of a series or with a text that there is not");
    calls.insert(calls.end(), count, {*series, values, into_.order_of(values)});
    return {};
  }

  Result<void> load_recent(ByteReader& in) {
    const auto series = into_.baseline_.series_at(in.number<std::uint32_t>());
    if (!series) return malformed("a series that there is not");
    const std::size_t known = into_.recent_.size();
    Recent& recent = into_.recent_of(packed(*series));
    recent.newest = in.signed_number();
    const auto ids = in.number<std::uint8_t>();
    if (into_.recent_.size() == known || ids > kRecentIds) return malformed("a series twice, or with too many ids");
    for (std::uint8_t i = 0; i < ids; ++i) {
      const std::string_view id = in.view(in.number<std::uint8_t>());
      if (id.size() > kIdBytes) return malformed("an id that is too long");
      recent.add(id);
    }
    return {};
  }

  Insights& into_;
};

/// The minutes whose calls are kept: the last closed ones and the open ones, up to the newest that has a call. Their number is within `pending_`.
std::pair<std::int64_t, std::int64_t> Insights::kept_minutes() const {
  if (baseline_.first_open() == baseline::CellBaseline::kNever) return {0, 0};
  const std::int64_t first = baseline_.first_open() - kKeptClosedMinutes;
  return {first, std::max(first, baseline_.newest() + 1)};
}

void Insights::save(ByteWriter& out) const { Saving(*this).to(out); }

Result<void> Insights::load(ByteReader& in) { return Loading(*this).from(in); }

/// Rows have numbers that everything else refers to. What is saved has them anew, so rows are forgotten by saving the others.
void Insights::make_room() {
  if (!baseline_.is_crowded()) return;
  const baseline::DroppedRows dropped = baseline_.crowded_out([this](SeriesId series) { return incidents_.contains(series); });
  if (dropped.count() == 0) return;
  std::erase_if(baselines_, [&](const auto& entry) { return dropped.contains(unpacked(entry.first)); });
  std::erase_if(recent_, [&](const Recent& recent) { return dropped.contains(unpacked(recent.series)); });
  for (auto& minute : pending_) std::erase_if(minute, [&](const Pending& pending) { return dropped.contains(pending.series); });
  ByteWriter rest;
  Saving(*this, &dropped).to(rest);
  Insights fresh(settings_, account_, region_);
  ByteReader in(rest.bytes());
  TRAILWARDEN_CHECK(fresh.load(in).has_value(), "what was saved can be loaded");
  fresh.baseline_.go_on_from(baseline_, dropped.count());
  std::swap(baseline_settings_, fresh.baseline_settings_);
  std::swap(baseline_, fresh.baseline_);
  std::swap(texts_, fresh.texts_);
  std::swap(incidents_, fresh.incidents_);
  std::swap(pending_, fresh.pending_);
  std::swap(baselines_, fresh.baselines_);
  std::swap(recent_, fresh.recent_);
  std::swap(recent_index_, fresh.recent_index_);
}

}  // namespace trailwarden::detectors
