// A file of AWS's settings, of any bytes: what is taken from it can be written plainly and read again as the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "aws/profile_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trailwarden::aws;
  const Profiles profiles = parse_profiles({reinterpret_cast<const char*>(data), size});
  std::string plain;
  for (const auto& [name, profile] : profiles) {
    if (name.find('\n') != std::string::npos) std::abort();
    // Where a name begins with a sign of comments or has spaces, it could only be written as it stood.
    if (name.find_first_of("#; \t\r\v\f") != std::string::npos) return 0;
    plain += "[profile " + name + "]\n";
    for (const auto& [setting, value] : profile) {
      if ((setting + value).find('\n') != std::string::npos) std::abort();
      // A bracket at its beginning is a setting's only where it was a section's; it cannot be written again.
      if (setting.starts_with('[')) return 0;
      plain += setting + "=" + value + "\n";
    }
  }
  if (parse_profiles(plain) != profiles) std::abort();
  return 0;
}
