#include "app/state.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/logs.h"
#include "app/setup.h"
#include "app/state_report.h"
#include "core/text.h"
#include "pipeline/by_operator.h"
#include "pipeline/snapshot.h"
#include "pipeline/state_file.h"
#include "stream/topic_scan.h"

namespace trailwarden::app {
namespace {

using pipeline::SavedCell;
using pipeline::SavedCells;

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kNamed = 5;  // cells in a message

using Shelves = std::map<std::pair<std::string, std::int32_t>, pipeline::SnapshotShelf>;  // by owner and partition

Result<Shelves> read_shelves(stream::Topics& topics) {
  Shelves shelves;
  auto done = stream::for_each_record(topics, stream::kStateTopic, [&](const stream::Message& message) {
    const auto key = pipeline::parse_state_key(message.key);
    if (key) shelves.try_emplace({std::string(key->owner), key->partition}, std::string(key->owner), key->partition).first->second.take(message);
  });
  if (!done) return fail(std::move(done).error());
  return shelves;
}

int print_snapshots(const Setup& setup) {
  auto topics = open_topics(setup);
  if (!topics) return complain(topics.error(), exit_code_of(topics.error()));
  const auto shelves = read_shelves(**topics);
  if (!shelves) return complain(shelves.error(), kFailed);
  fmt::print("{:<40} {:>9} {:>12} {:>14} {:>7}\n", "group/topic", "partition", "offset", "bytes", "chunks");
  for (const auto& [name, shelf] : *shelves)
    for (const auto& entry : shelf.entries())
      fmt::print("{:<40} {:>9} {:>12} {:>14} {:>7}  {}\n", printable(name.first), name.second, entry.offset, entry.bytes, fmt::format("{}/{}", entry.chunks_there, entry.chunks),
                 entry.problem.empty() ? "whole" : entry.problem);
  return kFine;
}

int print_cells(const Setup& setup, const std::string& file) {
  const auto cells = pipeline::read_state_file(file);
  if (!cells) return complain(cells.error(), kFailed);
  const pipeline::CellSettings settings = roomy_settings(setup);
  Learned all;
  fmt::print("{:<14} {:<16} {:>8} {:>13} {:>10}  {:<40} {:>9}\n", "account", "Region", "series", "past warm-up", "incidents", "calls from, to", "bytes");
  for (const SavedCell& saved : *cells) {
    const auto cell = load_cell(settings, saved);
    if (!cell) return complain(Error(cell.error()).during(file), kFailed);
    Learned learned;
    learned.add(**cell, setup.insights.warm_up);
    all.add(learned);
    fmt::print("{:<14} {:<16} {:>8} {:>13} {:>10}  {:<40} {:>9}\n", printable(saved.account), printable(saved.region), with_commas(learned.series), with_commas(learned.past_warm_up),
               learned.incidents, span_in_words(learned), format_bytes(static_cast<double>(saved.state.size())));
  }
  fmt::print("{} cells, {} series, {} of them past warm-up; model {}\n", with_commas(cells->size()), with_commas(all.series), with_commas(all.past_warm_up), detectors::model_of_insights());
  return kFine;
}

/// The cells in the newest whole snapshot of each of the service's partitions.
Result<SavedCells> cells_of_service(const Setup& setup) {
  auto topics = open_topics(setup);
  if (!topics) return fail(std::move(topics).error());
  const auto shelves = read_shelves(**topics);
  if (!shelves) return fail(shelves.error());
  SavedCells cells;
  std::map<std::string, std::string> where;  // cells that were found
  for (const auto& [name, shelf] : *shelves) {
    if (!name.first.starts_with((*topics)->group() + "/")) continue;
    const auto entries = shelf.entries();
    const auto newest = std::find_if(entries.begin(), entries.end(), [](const auto& entry) { return entry.problem.empty(); });
    const std::string place = fmt::format("{} partition {}", printable(name.first), name.second);
    if (newest == entries.end()) return fail(ErrorCode::kNotFound, fmt::format("{}: no snapshot can be used; `trailwarden state inspect` says why", place));
    const auto bytes = shelf.bytes(newest->offset);
    auto found = bytes ? pipeline::cells_of_partition(*bytes) : fail(bytes.error());
    if (!found) return fail(std::move(found).error().during(place));
    for (SavedCell& cell : *found) {
      const auto [before, is_new] = where.emplace(cell.name(), place);
      if (!is_new) return fail(ErrorCode::kInvalidArgument, fmt::format("cell {} is in {} and in {}: one file has room for one of them", printable(cell.name()), before->second, place));
      cells.push_back(std::move(cell));
    }
    fmt::print(stderr, "{}: {} cells as of offset {}\n", place, with_commas(found->size()), newest->offset);
  }
  return pipeline::in_order(std::move(cells));
}

bool is_chosen(const std::string& glob, const std::string& text) { return glob.empty() || glob_match(glob, text); }

int write_cells(const std::string& out, const SavedCells& cells) {
  if (auto written = pipeline::write_state_file(out, cells); !written) return complain(written.error(), kFailed);
  fmt::print("{}: {} cells\n", out, with_commas(cells.size()));
  return kFine;
}

/// "a/b, c/d and 3 more".
std::string enumerate(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kNamed);
  const std::string first = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return names.size() > shown ? fmt::format("{} and {} more", first, names.size() - shown) : first;
}

/// `cells` into a partition: kInvalidArgument, and nothing is changed, if some are there and may not be replaced.
Result<bool> take_in(pipeline::Partition& partition, const SavedCells& cells, bool replace) {
  std::vector<std::string> there;
  for (const SavedCell& cell : cells)
    if (partition.cells().has(cell.account, cell.region)) there.push_back(printable(cell.name()));
  if (!there.empty() && !replace)
    return fail(ErrorCode::kInvalidArgument, fmt::format("the service has {}: --replace puts the file's in their place, and `trailwarden run --state` takes only the others", enumerate(there)));
  const auto taken = partition.bring(cells, true);
  if (!taken) return fail(taken.error());
  return *taken > 0;
}

int print_forgotten(std::size_t places, const StateArguments& arguments) {
  fmt::print("{}: {} {} cleaned{}\n", printable(arguments.principal), with_commas(places), places == 1 ? "place" : "places", places == 0 ? ": nothing named it" : "");
  return kFine;
}

int forget_in_file(const Setup& setup, const event::ForgottenPrincipal& principal, const StateArguments& arguments) {
  auto cells = pipeline::read_state_file(arguments.file);
  if (!cells) return complain(cells.error(), kFailed);
  const pipeline::CellSettings settings = roomy_settings(setup);
  std::size_t places = 0;
  for (SavedCell& saved : *cells) {
    const auto cell = load_cell(settings, saved);
    if (!cell) return complain(Error(cell.error()).during(arguments.file), kFailed);
    const std::size_t cleaned = (*cell)->forget(principal);
    if (cleaned == 0) continue;
    places += cleaned;
    ByteWriter out;
    (*cell)->save(out);
    saved.state = std::move(out).bytes();
  }
  if (auto written = pipeline::write_state_file(arguments.out, *cells); !written) return complain(written.error(), kFailed);
  return print_forgotten(places, arguments);
}

}  // namespace

int inspect_state(const StateArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  return arguments.file.empty() ? print_snapshots(*setup) : print_cells(*setup, arguments.file);
}

int export_state(const StateArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  auto cells = arguments.file.empty() ? cells_of_service(*setup) : pipeline::read_state_file(arguments.file);
  if (!cells) return complain(cells.error(), kFailed);
  const std::size_t all = cells->size();
  std::erase_if(*cells, [&](const SavedCell& cell) { return !is_chosen(arguments.account, cell.account) || !is_chosen(arguments.region, cell.region); });
  if (cells->empty()) return complain({ErrorCode::kNotFound, fmt::format("none of {} cells is one of these accounts and Regions; `trailwarden state inspect` lists those of a file", all)}, kFailed);
  return write_cells(arguments.out, *cells);
}

int import_state(const StateArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  if (setup->config.service.kafka)
    return complain({ErrorCode::kInvalidArgument, "state import is for the embedded service. On Kafka start the service with `trailwarden run -c CONFIG --state FILE`: each partition takes in the cells of the file that "
                                                  "it does not have, before it judges its first message"}, kWrongUsage);
  const auto cells = pipeline::read_state_file(arguments.file);
  if (!cells) return complain(cells.error(), kFailed);
  auto log = open_stopped(*setup);
  if (!log) return complain(log.error(), kFailed);
  auto done = pipeline::change_state(**log, partition_settings(*setup), fingerprint(*setup), [&](pipeline::Partition& partition) { return take_in(partition, *cells, arguments.replace); }, kPatience);
  if (!done) return complain(std::move(done).error().during(arguments.file), kFailed);
  fmt::print("{} cells of {} are the service's now\n", with_commas(cells->size()), arguments.file);
  return kFine;
}

int merge_states(const StateArguments& arguments) {
  SavedCells cells;
  std::map<std::string, std::string> where;  // whose file each is of
  for (const std::string& file : arguments.files) {
    auto more = pipeline::read_state_file(file);
    if (!more) return complain(more.error(), kFailed);
    for (SavedCell& cell : *more) {
      const auto [before, is_new] = where.emplace(cell.name(), file);
      if (!is_new)
        return complain({ErrorCode::kInvalidArgument, fmt::format("cell {} is in {} and in {}: what two have learned of one account and Region cannot be added up. `state export --account --region` takes a file apart",
                                                                  printable(cell.name()), before->second, file)}, kFailed);
      cells.push_back(std::move(cell));
    }
  }
  auto sorted = pipeline::in_order(std::move(cells));
  if (!sorted) return complain(sorted.error(), kFailed);
  return write_cells(arguments.out, *sorted);
}

int forget_principal(const StateArguments& arguments) {
  const auto principal = event::ForgottenPrincipal::of(arguments.principal);
  if (!principal) return complain(principal.error(), kWrongUsage);
  if (arguments.file.empty() != arguments.out.empty()) return complain({ErrorCode::kInvalidArgument, "a state file is read from --state and written to --out: give both, or the service's -c"}, kWrongUsage);
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  if (!arguments.file.empty()) return forget_in_file(*setup, *principal, arguments);
  if (setup->config.service.kafka)
    return complain({ErrorCode::kInvalidArgument, "state forget changes the embedded service, or a state file. On Kafka: stop the service, `state export`, `state forget --state --out`, and let a new `kafka.group` begin at "
                                                  "the same offsets with `run --state`"}, kWrongUsage);
  if (const auto there = open_topics(*setup); !there) return complain(there.error(), kFailed);  // an import makes a service's state, this does not
  auto log = open_stopped(*setup);
  if (!log) return complain(log.error(), kFailed);
  std::size_t places = 0;
  auto done = pipeline::change_state(**log, partition_settings(*setup), fingerprint(*setup), [&](pipeline::Partition& partition) -> Result<bool> {
    places = partition.forget(*principal);
    return places > 0;
  }, kPatience);
  if (!done) return complain(done.error(), kFailed);
  return print_forgotten(places, arguments);
}

}  // namespace trailwarden::app
