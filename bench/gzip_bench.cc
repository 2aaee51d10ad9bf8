#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <libdeflate.h>

#include "config/config.h"
#include "core/time.h"
#include "corpus.h"
#include "detectors/registry.h"
#include "figure.h"
#include "ingest/file_source.h"
#include "pipeline/engine.h"
#include "stream/file_log.h"

namespace trailwarden::bench {
namespace {

namespace fs = std::filesystem;

/// The n-th minute of 2024-01-01 on, as CloudTrail writes it into names. (Records of the n-th object are from about then: their times do not
/// matter here, only that objects are delivered in order.)
std::string stamp_of(std::size_t n) {
  std::string time = format_time(*parse_event_time("2024-01-01T00:00:00Z") + std::chrono::minutes{n});
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return time.substr(0, 13);
}

/// A folder of delivered objects, about 170 records each, that is removed again.
class Objects {
 public:
  explicit Objects(const Lines& lines) : folder_(fs::temp_directory_path() / fmt::format("trailwarden-gzip-bench-{}", getpid())) {
    fs::create_directories(folder_);
    std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> gzip(libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
    const std::string_view text = lines.view();
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = std::min(begin + (1 << 18), text.size());
      end = std::min(text.find('\n', end - 1), text.size() - 1) + 1;
      std::string document = "{\"Records\":[" + std::string(text.substr(begin, end - begin - 1)) + "]}";
      for (char& c : document) c = c == '\n' ? ',' : c;
      std::string bytes(libdeflate_gzip_compress_bound(gzip.get(), document.size()), '\0');
      bytes.resize(libdeflate_gzip_compress(gzip.get(), document.data(), document.size(), bytes.data(), bytes.size()));
      std::ofstream(folder_ / fmt::format("111122223333_CloudTrail_us-east-1_{}Z_{:016}.json.gz", stamp_of(files_.size()), files_.size()), std::ios::binary) << bytes;
      files_.push_back(std::move(bytes));
      inflated_.push_back(document.size());
      begin = end;
    }
  }
  ~Objects() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  std::string folder() const { return folder_.string(); }

  /// Inflates everything with libdeflate, one buffer reused: the first half of the serial limit.
  void inflate() const {
    std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> gzip(libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
    std::string out(2 << 20, '\0');
    for (std::size_t i = 0; i < files_.size(); ++i) {
      std::size_t size = 0;
      if (libdeflate_gzip_decompress(gzip.get(), files_[i].data(), files_[i].size(), out.data(), out.size(), &size) != LIBDEFLATE_SUCCESS ||
          size != inflated_[i])
        throw std::runtime_error("libdeflate cannot read what it wrote");
    }
  }

 private:
  fs::path folder_;
  std::vector<std::string> files_;
  std::vector<std::size_t> inflated_;
};

pipeline::Totals replay(const std::string& folder) {
  auto source = ingest::FileSource::open({folder}, {});
  if (!source) throw std::runtime_error(source.error().message);
  stream::FileLog log(std::move(*source));
  pipeline::EngineObserver nobody;
  pipeline::EngineOptions options;
  const config::Config config = config::default_config();
  pipeline::Engine engine(log, options, detectors::configure(config.detectors), nobody);
  const std::atomic<bool> stop = false;
  auto totals = engine.run(stop);
  if (!totals) throw std::runtime_error(totals.error().message);
  return std::move(*totals);
}

}  // namespace

std::vector<Figure> gzip_figures() {
  const Lines lines = repeated(real_records(), std::size_t{256} << 20, 0);
  const Objects objects(lines);
  const pipeline::Totals totals = replay(objects.folder());
  if (totals.judged != lines.records) throw std::runtime_error(fmt::format("{} records went in; {} were read, {} judged, {} duplicates, {} refused", lines.records, totals.read, totals.judged,
                                         totals.duplicate, totals.refused_in_all()));
  const Paired paired = pair_up(5, [&] { replay(objects.folder()); },
                                [&] {
                                  objects.inflate();
                                  read_ten_fields(lines.view());
                                });
  return {{"gzip.of_serial_limit", paired.ratio, "of libdeflate, then simdjson reading ten fields", 0.60, true,
           fmt::format("{:.0f} MB/s of JSON, one thread", static_cast<double>(lines.size) / paired.best_a / 1e6)}};
}

}  // namespace trailwarden::bench
