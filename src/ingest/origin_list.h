#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "event/decoder.h"
#include "ingest/byte_source.h"
#include "ingest/object_listing.h"
#include "ingest/object_read_ahead.h"

namespace trailwarden::ingest {

/// One thing to be read: a file, an object of a bucket, a member of a tar archive, a stream; or what could not be listed.
struct Origin {
  enum class Kind : std::uint8_t { kFile, kObject, kMember, kStream, kFault };

  std::string_view leaf;                  // the end of its name
  Timestamp position = kBeginningOfTime;  // in the merge: the stamp, or the first eventTime
  std::uint64_t offset = 0;               // of a member's bytes in its archive; number of a stream or fault
  std::uint64_t size = 0;                 // bytes as stored
  std::uint32_t place = 0;                // what the name begins with
  Kind kind = Kind::kFile;
  bool stamped = false;  // CloudTrail named it: its position is when it was delivered
};

/// Everything below the paths a user names, listed once. About 150 bytes an origin.
///
/// Folders are walked whatever their depth; links to files are followed, links to folders are not (so there are no
/// loops), except those named by the user. Hidden files and folders, and what is no regular file, are left out, again
/// except when named. Tar archives, packed or not, are known by their content; one that is packed or comes through a
/// stream or from a bucket is unpacked into an unlinked temporary file. Of a bucket, see `list_objects`; objects with a
/// stamp are not looked into, of others the first 4 KiB are.
class OriginList {
 public:
  /// kNotFound with the path for one that is not there. Whatever else cannot be read becomes an origin of kind kFault.
  /// kInvalidArgument, kNotFound or kIo for a bucket that cannot be listed. `tools` outlives the list.
  static Result<OriginList> list(const std::vector<std::string>& paths, ReadTools& tools, const BucketReading& buckets = {});

  /// By position and then name, after `sort`.
  std::vector<Origin>& origins() { return origins_; }
  const std::vector<Origin>& origins() const { return origins_; }
  /// Puts them in order, and takes out what was named twice.
  void sort();
  /// Takes out files, objects and members of which `which` is true, by name and stored bytes.
  void leave_out(const std::function<bool(std::string_view name, std::uint64_t bytes)>& which);

  /// Whether one origin goes before another at the same position.
  bool name_less(const Origin& a, const Origin& b) const;
  std::string name(const Origin& origin) const;

  /// The origin's bytes, inflated (`whole_bytes`: see there). A stream can be opened once. kMalformed if a packed
  /// archive was damaged, kIo for everything else.
  Result<std::unique_ptr<ByteSource>> open(const Origin& origin, std::size_t whole_bytes);

  /// From now on the origins, or those without a stamp, are opened in their order, so that objects are downloaded before
  /// they are (`ObjectReadAhead`). Nothing is moved, sorted or added to the list meanwhile.
  enum class Which : std::uint8_t { kAll, kWithoutStamp };
  void will_open(Which which);
  /// No longer so.
  void will_open_none();

  /// Bytes as stored; 0 if there is a stream.
  std::uint64_t total_bytes() const;

 private:
  struct Place {
    std::string prefix;                  // a folder with its slash, or an archive with its colon
    std::shared_ptr<InputFile> archive;  // for members
    std::shared_ptr<trail::ObjectStore> store{};  // for objects
    std::size_t key_at = 0;                       // in their names: behind `s3://BUCKET/`
  };

  explicit OriginList(ReadTools& tools) : tools_(&tools) {}

  Result<void> add_named(const std::string& path, const BucketReading& buckets);
  void add_folder(std::string folder);
  Result<void> add_bucket(const BucketPath& path, const BucketReading& buckets);
  void unpack_object_archives();
  void add_file(std::uint32_t place, std::string_view leaf, std::uint64_t size);
  void add_stream(int descriptor, std::string_view name);
  void add_archive(std::shared_ptr<InputFile> file, std::uint64_t size, const std::string& name);
  void add_unpacked(ByteSource& source, const std::string& name);
  void add_fault(std::string_view name, Error error);
  std::uint32_t place_of(std::string prefix);
  std::string_view keep(std::string_view text);
  void read_ahead(Which which, std::uint64_t piece_bytes);
  ObjectToRead object(const Origin& origin, std::uint64_t piece_bytes) const;
  Result<std::unique_ptr<HeadSource>> open_object(const Origin& origin);

  ReadTools* tools_;
  std::vector<Origin> origins_;
  std::vector<Place> places_;
  std::map<std::string, std::uint32_t> place_numbers_;  // of folders
  event::Arena names_;
  std::vector<std::unique_ptr<HeadSource>> streams_;
  std::vector<Error> faults_;
  std::map<std::string, std::shared_ptr<trail::ObjectStore>> stores_;  // by bucket
  std::unique_ptr<ObjectReadAhead> ahead_;                             // with a bucket; last, for it reads the others
};

}  // namespace trailwarden::ingest
