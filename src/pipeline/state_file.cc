#include "pipeline/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/read_file.h"
#include "core/text.h"
#include "core/write_all.h"
#include "detectors/insights.h"
#include "pipeline/shard.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::string_view kMagic = "TWST", kEnd = "TWSE";
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kTrailer = kEnd.size() + sizeof(std::uint64_t);
constexpr std::string_view kAdvice = "copy it again, or make it anew with `trailwarden warm` or `trailwarden state export`";

std::tuple<const std::string&, const std::string&> key_of(const SavedCell& cell) { return std::tie(cell.account, cell.region); }

tl::unexpected<Error> damaged(std::string what) { return fail(ErrorCode::kMalformed, fmt::format("{}; {}", what, kAdvice)); }

/// One cell behind its length and checksum.
Result<SavedCell> read_cell(ByteReader& in, std::size_t number, std::size_t at) {
  const auto length = in.number<std::uint64_t>(), checksum = in.number<std::uint64_t>();
  const std::string_view bytes = in.view(length);
  if (!in.ok()) return damaged(fmt::format("ends within cell {}, which begins at byte {}", number, at));
  if (xxh3_64(bytes) != checksum) return damaged(fmt::format("cell {} at byte {} does not fit its checksum", number, at));
  ByteReader reader(bytes);
  SavedCell cell{.account = reader.text(), .region = reader.text(), .newest = reader.time(), .state = {}};
  if (!reader.ok()) return damaged(fmt::format("cell {} at byte {} has no name", number, at));
  cell.state = reader.view(reader.remaining());
  return cell;
}

/// Whose descriptor is closed in the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool close() {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

}  // namespace

Result<SavedCells> in_order(SavedCells cells) {
  std::sort(cells.begin(), cells.end(), [](const SavedCell& a, const SavedCell& b) { return key_of(a) < key_of(b); });
  const auto twice = std::adjacent_find(cells.begin(), cells.end(), [](const SavedCell& a, const SavedCell& b) { return key_of(a) == key_of(b); });
  if (twice != cells.end()) return fail(ErrorCode::kInvalidArgument, fmt::format("cell {} is there twice", printable(twice->name())));
  return cells;
}

std::string to_state_file(std::span<const SavedCell> cells) {
  ByteWriter out;
  out.array(kMagic);
  out.number(kFormat);
  out.text(detectors::model_of_insights());
  out.number(static_cast<std::uint32_t>(cells.size()));
  for (const SavedCell& cell : cells) {
    ByteWriter bytes;
    bytes.text(cell.account);
    bytes.text(cell.region);
    bytes.time(cell.newest);
    bytes.array(cell.state);
    out.number(std::uint64_t{bytes.size()});
    out.number(xxh3_64(bytes.bytes()));
    out.array(bytes.bytes());
  }
  const std::uint64_t checksum = xxh3_64(out.bytes());
  out.array(kEnd);
  out.number(checksum);
  return std::move(out).bytes();
}

Result<SavedCells> parse_state_file(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.view(kMagic.size()) != kMagic) return fail(ErrorCode::kMalformed, "not a state file of trailwarden: those begin with TWST, and are made by `trailwarden warm` and `trailwarden state export`");
  const auto format = in.number<std::uint16_t>();
  if (in.ok() && format != kFormat)
    return fail(ErrorCode::kUnsupported, fmt::format("its format is {}, this version reads {}; use the version that made it, or make it anew", format, kFormat));
  const std::string constants = in.text();
  if (in.ok() && constants != detectors::model_of_insights())
    return fail(ErrorCode::kUnsupported, fmt::format("it was learned with the model's constants {}, and this version has {}: what one learned means nothing to the other. Make it anew with `trailwarden warm`",
                                                     printable(constants), detectors::model_of_insights()));
  const auto count = in.number<std::uint32_t>();
  SavedCells cells;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto cell = read_cell(in, i + 1, bytes.size() - in.remaining());
    if (!cell) return fail(std::move(cell).error());
    if (!cells.empty() && !(key_of(cells.back()) < key_of(*cell))) return damaged(fmt::format("cell {} ({}) is not behind the one before", i + 1, printable(cell->name())));
    cells.push_back(std::move(*cell));
  }
  if (!in.ok()) return damaged(fmt::format("ends after {} bytes, before its cells begin", bytes.size()));
  if (in.remaining() < kTrailer) return damaged(fmt::format("ends after {} bytes, before its trailer", bytes.size()));
  const std::size_t end = bytes.size() - in.remaining();
  if (in.view(kEnd.size()) != kEnd) return damaged(fmt::format("at byte {} its trailer should stand", end));
  if (in.number<std::uint64_t>() != xxh3_64(bytes.substr(0, end))) return damaged("the whole does not fit its checksum");
  if (in.remaining() > 0) return damaged(fmt::format("{} bytes too many stand behind its trailer", in.remaining()));
  return cells;
}

Result<SavedCells> read_state_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return fail(ErrorCode::kNotFound, path + ": no such file");
  if (std::filesystem::is_directory(path, error)) return fail(ErrorCode::kInvalidArgument, path + ": a folder, not a state file");
  const auto bytes = read_file(path);
  if (!bytes) return fail(bytes.error());
  auto cells = parse_state_file(*bytes);
  if (!cells) return fail(std::move(cells).error().during(path));
  return cells;
}

Result<void> write_state_file(const std::string& path, std::span<const SavedCell> cells) {
  const std::string beside = path + ".part";
  const auto refused = [&](std::string_view what) {
    const int number = errno;
    ::unlink(beside.c_str());
    return fail(io_error(what, path, number));
  };
  Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.number() < 0) return refused("make");
  if (!write_all(file.number(), to_state_file(cells)) || ::fsync(file.number()) != 0 || !file.close()) return refused("write");
  if (std::rename(beside.c_str(), path.c_str()) != 0) return refused("write");
  return {};
}

Result<SavedCells> cells_of_partition(std::string_view bytes) {
  ByteReader in(bytes);
  const Timestamp newest = in.time();
  return Shard::cells_of(in, newest);
}

}  // namespace trailwarden::pipeline
