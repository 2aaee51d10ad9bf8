#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/config.h"
#include "core/hash.h"
#include "detectors/insights.h"
#include "detectors/registry.h"
#include "pipeline/cell.h"
#include "pipeline/state_file.h"

namespace {

using namespace trailwarden;

const pipeline::CellSettings& settings() {
  static const pipeline::CellSettings kSettings = [] {
    pipeline::CellSettings out{.detectors = detectors::configure(config::default_config().detectors), .lateness = std::chrono::minutes{15}, .settle = false};
    out.insights.open_minutes = out.open_minutes() + 1;
    return out;
  }();
  return kSettings;
}

/// `bytes` with the checksums of a state file made good as far as its lengths lead, and the constants of today, so that damage gets past them.
std::string sealed(std::string bytes) {
  constexpr std::size_t kConstantsAt = 10;
  const std::string constants = detectors::model_of_insights();
  std::size_t at = kConstantsAt + constants.size() + sizeof(std::uint32_t);
  if (bytes.size() < at) return bytes;
  bytes.replace(kConstantsAt, constants.size(), constants);
  const auto put = [&bytes](std::size_t place, std::uint64_t number) {
    const auto written = little_endian(number);
    bytes.replace(place, written.size(), written.data(), written.size());
  };
  while (at + 16 <= bytes.size() && bytes.compare(at, 4, "TWSE") != 0) {
    ByteReader head(std::string_view(bytes).substr(at));
    const auto length = head.number<std::uint64_t>();
    if (length > bytes.size() - at - 16) return bytes;
    put(at + 8, xxh3_64(std::string_view(bytes).substr(at + 16, length)));
    at += 16 + length;
  }
  if (at + 12 <= bytes.size()) put(at + 4, xxh3_64(std::string_view(bytes).substr(0, at)));
  return bytes;
}

/// What is accepted comes back as the same bytes; a cell that can be loaded can be saved, forget somebody, and be loaded again.
void read(const std::string& bytes) {
  const auto cells = pipeline::parse_state_file(bytes);
  if (!cells) return;
  if (pipeline::to_state_file(*cells) != bytes) std::abort();
  const auto nobody = event::ForgottenPrincipal::of("arn:aws:iam::111122223333:user/alice");
  for (const pipeline::SavedCell& saved : *cells) {
    pipeline::Cell cell(settings(), saved.account, saved.region);
    ByteReader state(saved.state);
    if (!cell.load(state) || !state.finish()) continue;
    static_cast<void>(cell.forget(*nobody));
    ByteWriter out;
    cell.save(out);
    pipeline::Cell again(settings(), saved.account, saved.region);
    ByteReader saved_again(out.bytes());
    if (!again.load(saved_again) || !saved_again.finish()) std::abort();
    if (again.forget(*nobody) != 0) std::abort();
    ByteWriter twice;
    again.save(twice);
    if (twice.bytes() != out.bytes()) std::abort();
  }
}

}  // namespace

// State files: as they come, and with their checksums made good so that damage gets to the cells.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read(bytes);
  read(sealed(bytes));
  return 0;
}
