// The archiver's way from messages to objects against what it cannot do without; its levels; validating a trail; memory while S3 is away; reading a bucket.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <libdeflate.h>
#include <nlohmann/json.hpp>

#include "archive/delivery.h"
#include "archive/epoch.h"
#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "core/hash.h"
#include "core/read_file.h"
#include "corpus.h"
#include "figure.h"
#include "ingest/record_reader.h"
#include "testing/memory_object_store.h"
#include "trail/digest_chain.h"
#include "trail/folder_store.h"
#include "trail/gzip.h"
#include "trail/member_deflater.h"
#include "trail/s3_store.h"
#include "trail/validate.h"
#include "trail/worker_threads.h"

namespace trailwarden::bench {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kRounds = 7;
const Timestamp kDay = *parse_event_time("2024-01-01T00:00:00Z");

using Messages = std::vector<stream::Message>;

/// `text` in messages of 256 KiB, as if they had been appended evenly over the day.
Messages messages_of(std::string_view text) {
  Messages all;
  MemoryLog log(text);
  stream::MessageBatch batch;
  while (*log.poll(batch)) all.insert(all.end(), batch.messages.begin(), batch.messages.end());
  for (std::size_t i = 0; i < all.size(); ++i) all[i].append_time = AppendTime(kDay) + std::chrono::milliseconds(24h) * i / all.size();
  return all;
}

/// Counts records and adds up the hashes of their texts, in whatever order they come.
class Tally final : public ingest::RecordSink {
 public:
  explicit Tally(bool hash) : hash_(hash) {}
  event::CloudTrailEvent& next() override { return event_; }
  void accept(std::uint64_t) override { take(event_.raw); }
  void refuse(event::Refusal, std::string_view raw, std::uint64_t) override { take(raw); }
  void skip(ingest::Skip, std::string_view raw, std::uint64_t) override { take(raw); }

  std::uint64_t records = 0, sum = 0;

 private:
  void take(std::string_view text) {
    ++records;
    if (hash_) sum += xxh3_64(text);
  }

  bool hash_;
  event::CloudTrailEvent event_;
};

/// Splits and decodes; with `hash` also looks at every text.
Tally read_all(const Messages& messages, bool hash = false) {
  ingest::RecordReader reader;
  event::Arena arena;
  Tally tally(hash);
  for (const stream::Message& message : messages) {
    arena.clear();
    reader.read(message, arena, tally);
  }
  return tally;
}

struct Archived {
  archive::ArchiveCounts counts;
  std::vector<archive::ManifestObject> objects;
};

/// What an archiver does between its log and its commits, on this thread. `length`: of an epoch; nothing: they end by their size alone, which is how one that is behind works.
Archived archive_all(const Messages& messages, const std::shared_ptr<trail::ObjectStore>& store, int level, std::optional<std::chrono::seconds> length = {}) {
  trail::TrailConfig trail;
  trail.name = "main";
  trail.home_region = "us-east-1";
  trail.compression_level = level;
  // Of what is read everything is kept: six in ten of the real records are data events, most of S3.
  trail.selectors = std::vector<trail::EventSelector>{
      {.data_resources = {{"AWS::S3::Object", {"arn:aws:s3"}}, {"AWS::Lambda::Function", {"arn:aws:lambda"}}, {"AWS::DynamoDB::Table", {"arn:aws:dynamodb"}}}}};
  std::vector<archive::Destination> destinations;
  destinations.emplace_back(trail, store);
  const archive::Delivery delivery(destinations, {.threads = 1, .now = [] { return 0ms; }, .sleep = [](std::chrono::milliseconds) {}});
  archive::Epoch epoch(destinations, {length.value_or(24h), trail.epoch.max_bytes}, "bench", 0);
  ingest::RecordReader reader;
  event::Arena arena;
  Archived done;
  const auto end = [&] {
    std::vector<archive::GatheredEpoch> ended(1);
    ended.front() = epoch.close();
    auto said = delivery.deliver(ended, false);
    if (!said) throw std::runtime_error(said.error().message);
    done.counts += ended.front().counts;
    done.objects.insert(done.objects.end(), said->begin(), said->end());
  };
  for (const stream::Message& message : messages) {
    if (epoch.ends_before(message.append_time)) end();
    epoch.take(message, reader, arena);
    if (epoch.is_full()) end();
  }
  if (!epoch.empty()) end();
  return done;
}

std::string inflated(trail::MemberInflater& inflater, const std::string& bytes) {
  std::string text;
  if (auto done = trail::gunzip(inflater, bytes, std::size_t{1} << 28, text); !done) throw std::runtime_error(done.error().message);
  return text;
}

/// The objects' texts, once it is known that they hold the text of every record once.
std::vector<std::string> checked_texts(const Messages& messages, int level) {
  const auto store = std::make_shared<testing::MemoryObjectStore>();
  const Archived done = archive_all(messages, store, level);
  const Tally in = read_all(messages, true);
  std::vector<std::string> texts;
  Messages objects;
  trail::MemberInflater inflater;
  for (const archive::ManifestObject& object : done.objects) {
    texts.push_back(inflated(inflater, store->objects.at(object.key).bytes));
    if (sha256_hex(texts.back()) != object.sha256) throw std::runtime_error(object.key + ": the manifest has another hash");
    texts.back().reserve(texts.back().size() + event::kPadding);
  }
  for (const std::string& text : texts) objects.push_back({.origin = "object", .value = text});
  const Tally out = read_all(objects, true);
  if (done.counts.archived != in.records || out.records != in.records || out.sum != in.sum)
    throw std::runtime_error(fmt::format("{} records went in, {} were archived ({} unwanted, {} skipped), and {} are in the objects{}", in.records, done.counts.archived,
                                         done.counts.unwanted, done.counts.skipped, out.records, out.sum == in.sum ? "" : ", with other texts"));
  return texts;
}

/// libdeflate over all the texts and nothing else; the compressed bytes.
std::size_t deflate_all(const std::vector<std::string>& texts, int level) {
  std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> gzip(libdeflate_alloc_compressor(level), &libdeflate_free_compressor);
  std::string room;
  std::size_t bytes = 0;
  for (const std::string& text : texts) {
    room.resize(std::max(room.size(), libdeflate_gzip_compress_bound(gzip.get(), text.size())));
    bytes += libdeflate_gzip_compress(gzip.get(), text.data(), text.size(), room.data(), room.size());
  }
  return bytes;
}

std::vector<Figure> archive_figures() {
  const int level = trail::TrailConfig().compression_level;
  const Lines lines = repeated(real_records(), std::size_t{128} << 20, 0);
  const Messages messages = messages_of(lines.view());
  const std::vector<std::string> texts = checked_texts(messages, level);
  const double megabytes = static_cast<double>(lines.size) / 1e6;
  const auto archive = [&](int at) { return cpu_seconds_of([&] { archive_all(messages, std::make_shared<testing::MemoryObjectStore>(), at); }); };
  const auto least = [&](int at) { return cpu_seconds_of([&] { read_all(messages), deflate_all(texts, at); }); };

  const Paired ours = pair_seconds(kRounds, [&] { return archive(level); }, [&] { return least(level); });
  const Paired fast = pair_seconds(kRounds, [&] { return archive(1); }, [&] { return least(1); });
  const auto remark = [&](const Paired& paired) { return fmt::format("{:.0f} MB/s beside {:.0f}, {} objects", megabytes / paired.best_a, megabytes / paired.best_b, texts.size()); };

  std::size_t text_bytes = 0;
  for (const std::string& text : texts) text_bytes += text.size();
  fmt::print("{:>5} {:>6} {:>22} {:>22}\n", "level", "ratio", "libdeflate alone MB/s", "archiver MB/s a core");
  for (const int at : {1, 2, 3, 4, 6, 9, 12}) {
    std::size_t bytes = 0;
    const double alone = cpu_seconds_of([&] { bytes = deflate_all(texts, at); });
    fmt::print("{:>5} {:>6.2f} {:>22.0f} {:>22.0f}\n", at, static_cast<double>(text_bytes) / static_cast<double>(bytes), megabytes / alone, megabytes / archive(at));
    std::fflush(stdout);
  }
  return {{"trail.archive_of_serial_limit", ours.ratio, fmt::format("of decoding, then libdeflate, level {}", level), 0.60, true, remark(ours)},
          {"trail.rate_level_1", megabytes / fast.best_a, "MB/s of records a core, level 1", 300, true, remark(fast)}};
}

/// A folder that is removed again.
class Folder {
 public:
  explicit Folder(const char* name) : path_(fs::temp_directory_path() / fmt::format("trailwarden-{}-bench-{}", name, getpid())) { fs::create_directories(path_); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Signs the day's digests of every account and Region, as the digest writer would.
void write_digests(const std::vector<archive::ManifestObject>& objects, trail::ObjectStore& store, const trail::DigestKey& key) {
  const trail::TrailNames names{.trail = "main", .home_region = "us-east-1"};
  std::map<trail::Place, trail::DigestChain> chains;
  for (const archive::ManifestObject& object : objects)
    chains.try_emplace(object.place, names, store.bucket(), object.place)
        .first->second.delivered({{object.bucket, object.key, object.sha256, object.oldest, object.newest}, object.delivered});
  trail::MemberDeflater deflater(6);
  for (auto& [place, chain] : chains) {
    while (const auto digest = chain.next(kDay + 25h)) {
      const trail::SealedDigest sealed = trail::seal(*digest, key, deflater);
      if (const auto put = store.put({.key = sealed.digest.key, .bytes = sealed.bytes, .metadata = sealed.metadata}); !put || !*put) throw std::runtime_error("a digest was not written");
      chain.written(sealed.digest, sealed.sha256, sealed.signature);
    }
  }
}

Figure validate_figure() {
  const Folder folder("validate");
  const auto opened = trail::FolderStore::open((folder.path() / "trails").string());
  if (!opened) throw std::runtime_error(opened.error().message);
  const std::shared_ptr<trail::ObjectStore> store = std::make_shared<testing::MemoryObjectStore>("trails");
  trail::FolderStore& disk = **opened;
  const Lines lines = repeated(real_records(), std::size_t{256} << 20, 0);
  const Archived done = archive_all(messages_of(lines.view()), store, 6, 30min);
  const trail::DigestKey key = trail::DigestKey::generate(kDay - 24h, kDay + 240h).value();
  write_digests(done.objects, *store, key);
  const auto& objects = static_cast<testing::MemoryObjectStore&>(*store).objects;
  for (const auto& [name, object] : objects)
    if (const auto put = disk.put({.key = name, .bytes = object.bytes, .metadata = object.metadata}); !put || !*put) throw std::runtime_error(name + " was not written");

  const auto validate = [&] {
    trail::KnownKeys keys({key.public_key()});
    auto report = trail::validate_trail(disk, keys, {.bucket = disk.bucket()});
    if (!report) throw std::runtime_error(report.error().message);
    return std::move(*report);
  };
  const trail::ValidationReport report = validate();
  std::uint64_t logs = 0;
  for (const trail::ChainReport& chain : report.chains) logs += chain.logs.valid;
  if (!report.intact() || logs != done.objects.size()) throw std::runtime_error(fmt::format("{} logs were written, {} are valid", done.objects.size(), logs));

  std::size_t bytes = 0;
  const auto least = [&] {
    trail::MemberInflater inflater;
    std::string room;
    for (const auto& [name, object] : objects) {
      const trail::OneMember member = trail::inflate_one(inflater, object.bytes, std::size_t{1} << 28, room);
      bytes += member.text.size() + sha256_bytes(member.text).size();
    }
  };
  const Paired paired = pair_seconds(kRounds, [&] { return cpu_seconds_of(validate); }, [&] { return cpu_seconds_of(least); });
  return {"trail.validate_of_serial_limit", paired.ratio, "of inflating and SHA-256 from memory", 0.80, true,
          fmt::format("{:.0f} MB/s of text beside {:.0f}; {} logs of {:.0f} kB, {} digests", static_cast<double>(report.bytes) / paired.best_a / 1e6,
                      static_cast<double>(report.bytes) / paired.best_b / 1e6, logs, static_cast<double>(report.bytes) / static_cast<double>(logs) / 1e3, objects.size() - logs)};
}

pid_t start(const std::vector<std::string>& arguments, const fs::path& out) {
  const std::string program = (fs::read_symlink("/proc/self/exe").parent_path() / "trailwarden").string();
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    ::setenv("AWS_ACCESS_KEY_ID", "bench", 0);
    ::setenv("AWS_SECRET_ACCESS_KEY", "bench", 0);
    if (freopen(out.c_str(), "w", stdout) == nullptr || freopen((out.string() + ".err").c_str(), "w", stderr) == nullptr) _exit(127);
    execv(program.c_str(), words.data());
    _exit(127);
  }
  return child;
}

/// Waits until the files of `folder` have not changed their sizes for `quiet`.
void wait_until_still(const fs::path& folder, std::chrono::seconds quiet, pid_t child) {
  std::uintmax_t size = 0;
  auto changed = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - changed < quiet) {
    std::this_thread::sleep_for(200ms);
    if (int status = 0; waitpid(child, &status, WNOHANG) == child) throw std::runtime_error(fmt::format("the service ended by itself with {}", status));
    std::uintmax_t now = 0;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator(folder, gone)) now += entry.file_size(gone);
    if (now != size) size = now, changed = std::chrono::steady_clock::now();
  }
}

/// What a process had resident at most so far, in MiB. Not `ru_maxrss`: that counts what the process was before it became this program, a copy of ours with all its input.
double most_resident(pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  throw std::runtime_error("the system does not say what is resident");
}

/// The embedded service with a bucket behind a port that nobody listens on. It is stopped when it has read everything and tried the store some times.
Figure memory_figure() {
  const Folder folder("store-down");
  const Lines lines = repeated(real_records(), 200'000'000, 0);
  fs::create_directories(folder.path() / "in");
  fs::create_directories(folder.path() / "data");
  std::ofstream(folder.path() / "in/records.jsonl", std::ios::binary) << lines.view();
  const std::string config = (folder.path() / "trailwarden.yaml").string();
  std::ofstream(config) << fmt::format(
      "version: 1\nhttp: {{listen: \"\"}}\nembedded: {{input: {0}/in, data: {0}/data}}\nroles: [detector, archiver]\n"
      "trails: [{{name: main, home_region: us-east-1, s3: {{bucket: nobody, region: us-east-1, endpoint: \"http://127.0.0.1:1\", path_style: true}}}}]\n",
      folder.path().string());
  const pid_t child = start({"run", "-c", config}, folder.path() / "run");
  wait_until_still(folder.path() / "data", 12s, child);
  const double resident = most_resident(child);
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);

  int tries = 0;
  std::ifstream log(folder.path() / "run.err");
  for (std::string line; std::getline(log, line);) tries += line.find("archive.delivery_blocked") != std::string::npos ? 1 : 0;
  if (tries < 2) throw std::runtime_error(fmt::format("the store was tried {} times", tries));
  int audited = 0;
  ::waitpid(start({"audit", "-c", config, "--json"}, folder.path() / "audit"), &audited, 0);
  std::uint64_t read = 0;
  const auto report = nlohmann::json::parse(std::ifstream(folder.path() / "audit"));
  for (const auto& partition : report.at("partitions")) read += partition.at("read").get<std::uint64_t>();
  if (status != 0 || audited != 0 || read != lines.records) throw std::runtime_error(fmt::format("the service ended with {}, its audit with {}; {} of {} records were read", status, audited, read, lines.records));
  return {"trail.memory_store_down", resident, "MiB resident at most, S3 away, 200 MB of input", 256, false, fmt::format("{} tries", tries)};
}

/// Fills a folder with objects as CloudTrail delivers them, of 256 KiB of records each (a busy account's five minutes), and a new bucket with the same.
void deliver(const Lines& lines, const fs::path& folder, trail::ObjectStore& bucket) {
  trail::MemberDeflater deflater(6);
  std::string member;
  std::vector<std::string> keys;
  for (std::size_t begin = 0; begin < lines.size;) {
    const std::size_t end = lines.view().find('\n', std::min(begin + (256 << 10), lines.size - 1)) + 1;
    std::string document = fmt::format("{{\"Records\":[{}]}}", lines.view().substr(begin, end - begin - 1));
    std::replace(document.begin(), document.end(), '\n', ',');
    std::string time = format_time(kDay + std::chrono::minutes{keys.size()});
    const std::string day = fmt::format("{}/{}/{}", time.substr(0, 4), time.substr(5, 2), time.substr(8, 2));
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    keys.push_back(fmt::format("AWSLogs/111122223333/CloudTrail/us-east-1/{}/111122223333_CloudTrail_us-east-1_{}Z_{:016}.json.gz", day, time.substr(0, 13), keys.size()));
    fs::create_directories((folder / keys.back()).parent_path());
    deflater.deflate(document, member);
    std::ofstream(folder / keys.back(), std::ios::binary) << member;
    begin = end;
  }
  trail::for_each_item(8, keys.size(), [&](unsigned, std::size_t i) {
    const std::string bytes = read_file((folder / keys[i]).string()).value();
    if (const auto put = bucket.put({.key = keys[i], .bytes = bytes}); !put || !*put) throw std::runtime_error(put ? keys[i] + " was there" : put.error().message);
  });
}

/// The alerts of a replay; its seconds are added to `seconds`.
std::string replay(const std::string& path, const fs::path& folder, double* seconds = nullptr) {
  const fs::path alerts = folder / "alerts.jsonl";
  int status = 0;
  const double took = seconds_of([&] { ::waitpid(start({"replay", path, "--alerts", alerts.string(), "--no-progress"}, folder / "replay"), &status, 0); });
  if (status != 0) throw std::runtime_error(fmt::format("replay {} ended with {}: {}", path, status, read_file((folder / "replay.err").string()).value_or("")));
  if (seconds != nullptr) *seconds = took;
  return read_file(alerts.string()).value();
}

std::string without(std::string text, const std::string& name) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) text.erase(at, name.size());
  return text;
}

/// `replay` of a bucket of a server on this machine against the same files in a folder, as the user waits for them.
Figure s3_figure(const std::string& endpoint) {
  const Folder folder("s3");
  aws::HttpClient http;
  aws::CredentialChain credentials(http, {.region = "us-east-1"});
  const std::string name = fmt::format("bench-{}-{}", getpid(), std::chrono::system_clock::now().time_since_epoch().count() / 1'000'000'000);
  auto bucket = trail::S3Store::create({.bucket = name, .endpoint = endpoint, .path_style = true, .bucket_owner_full_control = false}, http, credentials);
  if (!bucket) throw std::runtime_error(bucket.error().message);
  const std::string curl = fmt::format("curl -sS --fail-with-body --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X PUT {}/{} >/dev/null", endpoint, name);
  if (std::system(curl.c_str()) != 0) throw std::runtime_error("the bucket could not be made");
  ::setenv("AWS_ENDPOINT_URL_S3", endpoint.c_str(), 1);
  ::setenv("no_proxy", "127.0.0.1", 1);
  const Lines lines = repeated(real_records(), std::size_t{512} << 20, 0);
  deliver(lines, folder.path(), **bucket);

  const std::string files = (folder.path() / "AWSLogs").string() + "/", objects = "s3://" + name + "/AWSLogs/";
  const std::string expected = without(replay(files, folder.path()), folder.path().string() + "/");
  if (expected.empty() || without(replay(objects, folder.path()), "s3://" + name + "/") != expected) throw std::runtime_error("the bucket gives other alerts than the folder");
  const auto timed = [&](const std::string& path) {
    double seconds = 0;
    replay(path, folder.path(), &seconds);
    return seconds;
  };
  const Paired paired = pair_seconds(kRounds, [&] { return timed(objects); }, [&] { return timed(files); });
  const double megabytes = static_cast<double>(lines.size) / 1e6;
  return {"trail.s3_of_disk", paired.ratio, "of replaying the same files, versitygw on this machine", 0.80, true,
          fmt::format("{:.0f} MB/s of JSON beside {:.0f}; {} alerts", megabytes / paired.best_a, megabytes / paired.best_b, std::count(expected.begin(), expected.end(), '\n'))};
}

}  // namespace

std::vector<Figure> trail_figures() {
  std::vector<Figure> figures = archive_figures();
  figures.push_back(validate_figure());
  figures.push_back(memory_figure());
  if (const char* const endpoint = std::getenv("TRAILWARDEN_S3_VERSITYGW"); endpoint != nullptr && *endpoint != '\0') figures.push_back(s3_figure(endpoint));
  else fmt::print("trail.s3_of_disk is not measured: TRAILWARDEN_S3_VERSITYGW names no server\n");
  return figures;
}

}  // namespace trailwarden::bench
