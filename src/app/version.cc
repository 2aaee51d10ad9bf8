#include "app/version.h"

#include <link.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <vector>

#include <CLI/Version.hpp>
#include <Eigen/Core>
#include <boost/version.hpp>
#include <curl/curl.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <spdlog/version.h>
#include <sqlite3.h>
#include <tl/expected.hpp>
#include <unicode/uversion.h>
#include <xxhash.h>
#include <zlib.h>

#include "core/version.h"

namespace trailwarden::app {
namespace {

using Json = nlohmann::ordered_json;

/// The shared libraries of this process, as files, without links: /usr/lib/x86_64-linux-gnu/libre2.so.9.0.0.
std::vector<std::string> loaded_files() {
  std::vector<std::string> files;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        std::error_code error;
        const std::filesystem::path file = std::filesystem::canonical(info->dlpi_name, error);
        if (!error) static_cast<std::vector<std::string>*>(out)->push_back(file.string());
        return 0;
      },
      &files);
  std::sort(files.begin(), files.end());
  return files;
}

std::string icu_version() {
  UVersionInfo version;
  u_getVersion(version);
  char text[U_MAX_VERSION_STRING_LENGTH];
  u_versionToString(version, text);
  return text;
}

/// Of releases numbered major * `step`^2 + minor * `step` + patch.
std::string dotted(unsigned number, unsigned step) { return fmt::format("{}.{}.{}", number / (step * step), number / step % step, number % step); }

/// As the loaded library says.
Json loaded_versions() {
  const curl_version_info_data* const curl = curl_version_info(CURLVERSION_NOW);
  return {{"icu", icu_version()},
          {"libcurl", curl->version},
          {"libcurl-tls", curl->ssl_version == nullptr ? "none" : curl->ssl_version},
          {"librdkafka", rd_kafka_version_str()},
          {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"sqlite", sqlite3_libversion()},
          {"xxhash", dotted(XXH_versionNumber(), 100)},
          {"zlib", zlibVersion()}};
}

/// As the headers say that this was compiled with: of libraries that are headers only, or cannot tell.
Json compiled_versions() {
  return {{"boost", fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
          {"cli11", CLI11_VERSION},
          {"eigen", fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
          {"expected", fmt::format("{}.{}.{}", TL_EXPECTED_VERSION_MAJOR, TL_EXPECTED_VERSION_MINOR, TL_EXPECTED_VERSION_PATCH)},
          {"fmt", dotted(FMT_VERSION, 100)},
          {"libdeflate", LIBDEFLATE_VERSION_STRING},
          {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
          {"simdjson", fmt::format("{}.{}.{}", static_cast<int>(simdjson::SIMDJSON_VERSION_MAJOR), static_cast<int>(simdjson::SIMDJSON_VERSION_MINOR),
                                   static_cast<int>(simdjson::SIMDJSON_VERSION_REVISION))},
          {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)}};
}

}  // namespace

std::string version_line() { return fmt::format("trailwarden {} ({})", TRAILWARDEN_VERSION, TRAILWARDEN_REVISION); }

std::string version_json() {
  const Json out{{"version", TRAILWARDEN_VERSION},
                 {"revision", TRAILWARDEN_REVISION},
                 {"compiler", TRAILWARDEN_COMPILER},
                 {"build", TRAILWARDEN_BUILD},
                 {"architecture", TRAILWARDEN_ARCHITECTURE},
                 {"hardening", TRAILWARDEN_HARDENING},
                 {"simdjson", simdjson::get_active_implementation()->name()},
                 {"loaded", loaded_versions()},
                 {"compiled", compiled_versions()},
                 {"files", loaded_files()}};
  return out.dump(2);
}

}  // namespace trailwarden::app
