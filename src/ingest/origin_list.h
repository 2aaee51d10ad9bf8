#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "event/decoder.h"
#include "ingest/byte_source.h"

namespace trailwarden::ingest {

/// One thing to be read: a file, a member of a tar archive, a stream; or what could not be listed.
struct Origin {
  enum class Kind : std::uint8_t { kFile, kMember, kStream, kFault };

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
/// stream is unpacked into an unlinked temporary file.
class OriginList {
 public:
  /// kNotFound with the path for one that is not there. Whatever else cannot be read becomes an origin of kind kFault.
  /// `tools` outlives the list.
  static Result<OriginList> list(const std::vector<std::string>& paths, ReadTools& tools);

  /// By position and then name, after `sort`.
  std::vector<Origin>& origins() { return origins_; }
  const std::vector<Origin>& origins() const { return origins_; }
  /// Puts them in order, and takes out what was named twice.
  void sort();

  /// Whether one origin goes before another at the same position.
  bool name_less(const Origin& a, const Origin& b) const;
  std::string name(const Origin& origin) const;

  /// The origin's bytes, inflated (`whole_bytes`: see there). A stream can be opened once. kMalformed if a packed
  /// archive was damaged, kIo for everything else.
  Result<std::unique_ptr<ByteSource>> open(const Origin& origin, std::size_t whole_bytes);

  /// Bytes as stored; 0 if there is a stream.
  std::uint64_t total_bytes() const;

 private:
  struct Place {
    std::string prefix;                  // a folder with its slash, or an archive with its colon
    std::shared_ptr<InputFile> archive;  // for members
  };

  explicit OriginList(ReadTools& tools) : tools_(&tools) {}

  Result<void> add_named(const std::string& path);
  void add_folder(std::string folder);
  void add_file(std::uint32_t place, std::string_view leaf, std::uint64_t size);
  void add_stream(int descriptor, std::string_view name);
  void add_archive(std::shared_ptr<InputFile> file, std::uint64_t size, const std::string& name);
  void add_unpacked(ByteSource& source, const std::string& name);
  void add_fault(std::string_view name, Error error);
  std::uint32_t place_of(std::string prefix);
  std::string_view keep(std::string_view text);

  ReadTools* tools_;
  std::vector<Origin> origins_;
  std::vector<Place> places_;
  std::map<std::string, std::uint32_t> place_numbers_;  // of folders
  event::Arena names_;
  std::vector<std::unique_ptr<HeadSource>> streams_;
  std::vector<Error> faults_;
};

}  // namespace trailwarden::ingest
