#include "ingest/origin_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "ingest/tar.h"
#include "ingest/temporary_file.h"
#include "trail/gzip.h"
#include "trail/object_name.h"

namespace trailwarden::ingest {
namespace {

namespace fs = std::filesystem;

/// Downloaded at a time: of an object with a stamp, which is read on its own, and of others, of which many may be open.
constexpr std::uint64_t kStampedPiece = std::uint64_t{8} << 20, kOtherPiece = std::uint64_t{1} << 20;

std::uint64_t piece_bytes(const Origin& origin) { return origin.stamped ? kStampedPiece : kOtherPiece; }

/// Whether a gzip stream holds a tar archive, by its first bytes.
bool looks_like_packed_tar(std::string_view head) {
  if (!trail::looks_like_gzip(head)) return false;
  std::string start(kTarBlock, '\0');
  const auto step = trail::GzipReader().read(head, start);
  return looks_like_tar(std::string_view(start).substr(0, step.produced));
}

bool is_hidden(std::string_view leaf) { return leaf.starts_with('.'); }

/// Whether some part of a member's path is hidden.
bool is_hidden_path(std::string_view path) { return is_hidden(path) || path.find("/.") != std::string_view::npos; }

/// A member's name without the `./` that tar writes when a folder was packed from inside.
std::string_view without_dot(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  return name;
}

/// `a1` + `a2` before `b1` + `b2`, byte by byte, without putting them together.
bool joined_less(std::string_view a1, std::string_view a2, std::string_view b1, std::string_view b2) {
  while (true) {
    if (a1.empty()) std::swap(a1, a2);
    if (b1.empty()) std::swap(b1, b2);
    const std::size_t common = std::min(a1.size(), b1.size());
    if (common == 0) return a1.empty() && !b1.empty();
    if (const int order = a1.substr(0, common).compare(b1.substr(0, common)); order != 0) return order < 0;
    a1.remove_prefix(common);
    b1.remove_prefix(common);
  }
}

}  // namespace

Result<OriginList> OriginList::list(const std::vector<std::string>& paths, ReadTools& tools, const BucketReading& buckets) {
  OriginList list(tools);
  for (const std::string& path : paths) {
    if (auto added = list.add_named(path, buckets); !added) return fail(std::move(added).error());
  }
  if (list.ahead_) list.unpack_object_archives();
  return list;
}

Result<void> OriginList::add_named(const std::string& path, const BucketReading& buckets) {
  if (const auto bucket = parse_bucket_path(path)) return add_bucket(*bucket, buckets);
  if (path == "-") {
    add_stream(STDIN_FILENO, path);
    return {};
  }
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return fail(ErrorCode::kNotFound, path + ": no such file or folder");
  if (error) {
    add_fault(path, {ErrorCode::kIo, path + ": " + error.message()});
  } else if (fs::is_directory(status)) {
    add_folder(path.ends_with('/') ? path : path + "/");
  } else if (fs::is_regular_file(status)) {
    const std::size_t slash = path.rfind('/') + 1;
    add_file(place_of(path.substr(0, slash)), std::string_view(path).substr(slash), fs::file_size(path, error));
  } else {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
      add_fault(path, io_error("open", path, errno));
    else
      add_stream(descriptor, path);
  }
  return {};
}

void OriginList::add_folder(std::string folder) {
  std::vector<std::string> waiting{std::move(folder)};  // prefixes, with their slash
  while (!waiting.empty()) {
    const std::string prefix = std::move(waiting.back());
    waiting.pop_back();
    std::error_code error;
    const std::uint32_t place = place_of(prefix);
    for (auto entry = fs::directory_iterator(prefix, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      const std::string leaf = entry->path().filename().string();
      std::error_code problem;
      if (is_hidden(leaf)) continue;
      if (entry->is_directory(problem)) {
        if (!entry->is_symlink(problem)) waiting.push_back(prefix + leaf + "/");
      } else if (entry->is_regular_file(problem)) {
        add_file(place, leaf, entry->file_size(problem));
      } else if (entry->is_symlink(problem)) {
        add_fault(prefix + leaf, {ErrorCode::kIo, prefix + leaf + ": a link that leads nowhere"});
      }
    }
    if (error) add_fault(prefix, {ErrorCode::kIo, prefix + ": " + error.message()});
  }
}

Result<void> OriginList::add_bucket(const BucketPath& path, const BucketReading& buckets) {
  const std::string root = "s3://" + path.bucket + "/";
  if (!buckets.open) return fail(ErrorCode::kInvalidArgument, root + path.prefix + ": no bucket can be read here");
  std::shared_ptr<trail::ObjectStore>& store = stores_[path.bucket];
  if (!store) {
    auto opened = buckets.open(path.bucket);
    if (!opened) return fail(std::move(opened).error());
    store = std::move(*opened);
  }
  if (!ahead_) ahead_ = std::make_unique<ObjectReadAhead>();
  const std::size_t before = origins_.size();
  auto listed_all = list_objects(*store, path.prefix, buckets, [&](const trail::ListedObject& listed) {
    const std::string_view key = listed.key;
    const std::size_t leaf = key.rfind('/') + 1;
    const std::uint32_t place = place_of(root + std::string(key.substr(0, leaf)));
    places_[place].store = store;
    places_[place].key_at = root.size();
    Origin origin{.leaf = keep(key.substr(leaf)), .size = listed.bytes, .place = place, .kind = Origin::Kind::kObject};
    if (const auto name = trail::parse_object_name(key)) {
      origin.position = name->stamp;
      origin.stamped = true;
    }
    origins_.push_back(origin);
  });
  // They came in whatever order.
  std::sort(origins_.begin() + static_cast<std::ptrdiff_t>(before), origins_.end(), [this](const Origin& a, const Origin& b) { return name_less(a, b); });
  return listed_all;
}

/// Tar archives among the objects give way to their members.
void OriginList::unpack_object_archives() {
  read_ahead(Which::kWithoutStamp, HeadSource::kHeadBytes);
  std::vector<ObjectToRead> archives;
  const auto is_archive = [&](const Origin& origin) {
    if (origin.kind != Origin::Kind::kObject || origin.stamped) return false;
    const auto number = static_cast<std::uint32_t>(&origin - origins_.data());
    const auto head = ahead_->take(number, object(origin, HeadSource::kHeadBytes));
    if (!head || (!looks_like_tar(*head) && !looks_like_packed_tar(*head))) return false;  // who opens it says what is wrong with it
    archives.push_back(object(origin, kStampedPiece));
    return true;
  };
  std::vector<Origin> others;
  for (const Origin& origin : origins_)
    if (!is_archive(origin)) others.push_back(origin);
  will_open_none();
  origins_ = std::move(others);
  for (const ObjectToRead& archive : archives) {
    const std::string name = "s3://" + archive.store->bucket() + "/" + archive.key;
    auto first = download_first(archive);
    auto source = first ? HeadSource::over(read_object(archive, std::move(*first))) : fail(std::move(first).error());
    if (!source)
      add_fault(name, std::move(source).error());
    else
      add_unpacked(*inflated(std::move(*source), *tools_, 0), name);
  }
}

ObjectToRead OriginList::object(const Origin& origin, std::uint64_t piece_bytes) const {
  const Place& place = places_[origin.place];
  return {place.store.get(), name(origin).substr(place.key_at), origin.size, piece_bytes};
}

void OriginList::read_ahead(Which which, std::uint64_t piece_bytes) {
  if (!ahead_) return;
  std::vector<std::uint32_t> order;
  for (std::uint32_t number = 0; number < origins_.size(); ++number)
    if (origins_[number].kind == Origin::Kind::kObject && (which == Which::kAll || !origins_[number].stamped)) order.push_back(number);
  ahead_->plan(std::move(order), [this, piece_bytes](std::uint32_t number) {
    const Origin& origin = origins_[number];
    return object(origin, piece_bytes != 0 ? piece_bytes : ingest::piece_bytes(origin));
  });
}

void OriginList::will_open(Which which) { read_ahead(which, 0); }

void OriginList::will_open_none() {
  if (ahead_) ahead_->plan({}, nullptr);
}

Result<std::unique_ptr<HeadSource>> OriginList::open_object(const Origin& origin) {
  ObjectToRead wanted = object(origin, piece_bytes(origin));
  auto first = ahead_->take(static_cast<std::uint32_t>(&origin - origins_.data()), wanted);
  if (!first) return fail(std::move(first).error());
  return HeadSource::over(read_object(std::move(wanted), std::move(*first)));
}

void OriginList::add_file(std::uint32_t place, std::string_view leaf, std::uint64_t size) {
  Origin origin{.leaf = keep(leaf), .size = size, .place = place};
  if (const auto name = trail::parse_object_name(leaf)) {
    origin.position = name->stamp;
    origin.stamped = true;
    origins_.push_back(origin);
    return;
  }
  const std::string path = places_[place].prefix + std::string(leaf);
  auto file = InputFile::open(path);
  if (!file) return add_fault(path, std::move(file).error());
  auto source = HeadSource::over(read_range(*file, 0, (*file)->size()));
  if (!source) return add_fault(path, std::move(source).error());
  if (looks_like_tar((*source)->head())) return add_archive(*file, (*file)->size(), path);
  if (looks_like_packed_tar((*source)->head())) return add_unpacked(*inflated(std::move(*source), *tools_, 0), path);
  origins_.push_back(origin);
}

void OriginList::add_stream(int descriptor, std::string_view name) {
  for (const Origin& other : origins_)
    if (other.kind == Origin::Kind::kStream && other.leaf == name) return;
  auto source = HeadSource::over(read_stream(descriptor, std::string(name == "-" ? "standard input" : name)));
  if (!source) return add_fault(name, std::move(source).error());
  const std::string_view head = (*source)->head();
  if (looks_like_tar(head) || looks_like_packed_tar(head))
    return add_unpacked(*inflated(std::move(*source), *tools_, 0), std::string(name));
  origins_.push_back(
      {.leaf = keep(name), .offset = streams_.size(), .place = place_of(""), .kind = Origin::Kind::kStream});
  streams_.push_back(std::move(*source));
}

/// Copies what `source` holds into a temporary file and lists that. Damage costs what is behind it.
void OriginList::add_unpacked(ByteSource& source, const std::string& name) {
  auto unpacked = TemporaryFile::create();
  if (!unpacked) return add_fault(name, std::move(unpacked).error());
  const Buffer buffer = tools_->pool.take(256 * 1024);
  while (true) {
    auto got = source.read({buffer.data, buffer.size});
    if (!got) add_fault(name, got.error());
    if (!got || *got == 0) break;
    if (auto written = unpacked->append({buffer.data, *got}); !written) {
      add_fault(name, std::move(written).error().during("unpack " + name));
      break;
    }
  }
  add_archive(unpacked->file(), unpacked->size(), name);
}

void OriginList::add_archive(std::shared_ptr<InputFile> file, std::uint64_t size, const std::string& name) {
  TarIndex index = index_tar(*file, size);
  const auto place = static_cast<std::uint32_t>(places_.size());
  places_.push_back({name + ":", std::move(file)});
  for (const TarMember& member : index.members) {
    const std::string_view leaf = without_dot(member.name);
    if (is_hidden_path(leaf)) continue;
    Origin origin{.leaf = keep(leaf),
                  .offset = member.offset,
                  .size = member.size,
                  .place = place,
                  .kind = Origin::Kind::kMember};
    if (const auto parsed = trail::parse_object_name(leaf)) {
      origin.position = parsed->stamp;
      origin.stamped = true;
    }
    origins_.push_back(origin);
  }
  if (!index.damage.empty()) add_fault(name, {ErrorCode::kIo, std::move(index.damage)});
}

void OriginList::add_fault(std::string_view name, Error error) {
  origins_.push_back(
      {.leaf = keep(name), .offset = faults_.size(), .place = place_of(""), .kind = Origin::Kind::kFault});
  faults_.push_back(std::move(error));
}

std::uint32_t OriginList::place_of(std::string prefix) {
  const auto [found, added] = place_numbers_.try_emplace(prefix, static_cast<std::uint32_t>(places_.size()));
  if (added) places_.push_back({std::move(prefix), nullptr});
  return found->second;
}

std::string_view OriginList::keep(std::string_view text) {
  char* const kept = names_.allocate(text.size());
  std::memcpy(kept, text.data(), text.size());
  return {kept, text.size()};
}

bool OriginList::name_less(const Origin& a, const Origin& b) const {
  if (a.place == b.place) return a.leaf < b.leaf;
  return joined_less(places_[a.place].prefix, a.leaf, places_[b.place].prefix, b.leaf);
}

std::string OriginList::name(const Origin& origin) const {
  return places_[origin.place].prefix + std::string(origin.leaf);
}

void OriginList::sort() {
  std::sort(origins_.begin(), origins_.end(), [this](const Origin& a, const Origin& b) {
    if (a.position != b.position) return a.position < b.position;
    if (name_less(a, b)) return true;
    return !name_less(b, a) && std::pair(a.kind, a.offset) < std::pair(b.kind, b.offset);
  });
  const auto same = [](const Origin& a, const Origin& b) {
    return a.place == b.place && a.leaf == b.leaf && a.kind == b.kind && a.offset == b.offset;
  };
  origins_.erase(std::unique(origins_.begin(), origins_.end(), same), origins_.end());
}

void OriginList::leave_out(const std::function<bool(std::string_view name, std::uint64_t bytes)>& which) {
  std::erase_if(origins_, [&](const Origin& origin) {
    return origin.kind != Origin::Kind::kStream && origin.kind != Origin::Kind::kFault && which(name(origin), origin.size);
  });
}

Result<std::unique_ptr<ByteSource>> OriginList::open(const Origin& origin, std::size_t whole_bytes) {
  const auto number = static_cast<std::size_t>(origin.offset);
  if (origin.kind == Origin::Kind::kFault) return fail(faults_[number]);
  if (origin.kind == Origin::Kind::kStream) return inflated(std::move(streams_[number]), *tools_, whole_bytes);
  if (origin.kind == Origin::Kind::kObject) {
    auto source = open_object(origin);
    if (!source) return fail(std::move(source).error());
    return inflated(std::move(*source), *tools_, whole_bytes);
  }
  std::shared_ptr<InputFile> file = places_[origin.place].archive;
  std::uint64_t offset = origin.offset, size = origin.size;
  if (origin.kind == Origin::Kind::kFile) {
    auto opened = InputFile::open(name(origin));
    if (!opened) return fail(std::move(opened).error());
    file = std::move(*opened);
    offset = 0;
    size = file->size();
  }
  auto source = HeadSource::over(read_range(std::move(file), offset, size));
  if (!source) return fail(std::move(source).error());
  return inflated(std::move(*source), *tools_, whole_bytes);
}

std::uint64_t OriginList::total_bytes() const {
  std::uint64_t total = 0;
  for (const Origin& origin : origins_) {
    if (origin.kind == Origin::Kind::kStream) return 0;
    total += origin.size;
  }
  return total;
}

}  // namespace trailwarden::ingest
