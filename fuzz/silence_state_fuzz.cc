#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/bytes.h"
#include "detectors/silence.h"

namespace {

using trailwarden::detectors::Silence;

class Nobody final : public trailwarden::detectors::SilenceOutput {
 public:
  void say(trailwarden::event::Finding, std::string_view, std::string_view) override {}
  void freeze(std::string_view, std::string_view, std::int64_t, std::int64_t) override {}
};

}  // namespace

// The saved form of Silence: what is accepted is what is saved again, byte for byte. The checksum before it is looked at elsewhere.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view state(reinterpret_cast<const char*>(data), size);
  Silence silence({}, {});
  Nobody nobody;
  trailwarden::ByteReader in(state);
  if (!silence.load(in, nobody) || !in.finish()) return 0;
  trailwarden::ByteWriter out;
  silence.save(out);
  if (out.bytes() != state) std::abort();
  return 0;
}
