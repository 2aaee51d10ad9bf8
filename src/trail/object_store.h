#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace trailwarden::trail {

/// Names (lower-case letters, digits and `-`) and values (printable ASCII, no space at either end) that are kept with an object: S3's user metadata,
/// without `x-amz-meta-`. 2 KB in all.
using ObjectMetadata = std::map<std::string, std::string>;

/// An object that is to be written.
struct NewObject {
  std::string_view key;
  std::string_view bytes;
  ObjectMetadata metadata;
  /// An earlier try may have written it: after a restart, or an answer that was lost. It is then looked for first, for not every server
  /// that says it wrote an object only if there was none has looked.
  bool may_exist = false;
};

struct StoredObject {
  std::string bytes;
  ObjectMetadata metadata;
  std::string etag{};  // S3's name for this content, without quotes; empty: the store has none
};

struct ListedObject {
  std::string key;
  std::uint64_t bytes = 0;
  /// As long as this is the same, the content is: S3's ETag; of a folder's file when its inode was changed, which only who sets the machine's clock can forge. Empty: not known.
  std::string version{};
};

/// What there is directly below a prefix, each in byte order.
struct ListedFolder {
  std::vector<ListedObject> objects;  // whose keys have no `/` behind the prefix
  std::vector<std::string> folders;   // what the other keys begin with, up to and with the first `/` behind the prefix
};

/// Why a store did not do what it was asked.
enum class StoreFault : std::uint8_t {
  kNotFound,   // no such object
  kNotNow,     // the network, a busy or failing server, credentials that are about to be renewed: try again
  kRefused,    // denied, no such bucket, wrong Region, clock skew, a policy or lock that does not agree: tried again too, but somebody has to mend it
  kImpossible, // trying again cannot help: a key that is no path, an object that is too large
};

/// In snake_case, without the k.
std::string_view to_string(StoreFault fault);

struct StoreError {
  StoreFault fault = StoreFault::kNotNow;
  std::string code;     // S3's (`SlowDown`, `AccessDenied`), or the name of an errno
  std::string message;  // for people: what was tried where, what came back and what to do
};

template <class T>
using StoreResult = tl::expected<T, StoreError>;

/// Why no store takes this key: kImpossible unless it is 1 to 1,024 bytes of UTF-8 whose parts between slashes are neither empty nor `.` or `..`, and
/// has no control characters. S3 itself would take some of these; a folder, a URL or the AWS CLI on the way would make another key of them.
std::optional<StoreError> problem_with_key(std::string_view key);

/// The same of a whole new object: its key, and metadata as above.
std::optional<StoreError> problem_with(const NewObject& object);

/// A key behind all those in a folder, to list on from there: `folder`, which ends with `/`, and the last character there is.
std::string last_in_folder(std::string_view folder);

/// Where a trail's objects are kept: an S3 bucket, or a folder. An object never changes once it is there.
///
/// Every member may be called from several threads at a time, and blocks until it knows. None tries again by itself but for what the caller could not
/// see, as a connection that was closed while it lay idle.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Writes an object if there is none of that key: true. False: there is one, which stays as it is, whatever is in it. Whole or not at all.
  virtual StoreResult<bool> put(const NewObject& object) = 0;

  virtual StoreResult<StoredObject> get(std::string_view key) = 0;
  /// At most `bytes` > 0 of it from byte `offset` on, which must be within the object. A store that cannot do better reads all of it.
  virtual StoreResult<std::string> get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes);
  virtual StoreResult<ObjectMetadata> head(std::string_view key) = 0;

  /// At most 1,000 objects whose keys begin with `prefix` and are greater than `after`, in byte order. Fewer than 1,000 only if these are all.
  virtual StoreResult<std::vector<ListedObject>> list(std::string_view prefix, std::string_view after) = 0;

  /// All that there is directly below `prefix`, whatever the folders hold. A store that cannot do better makes a list of each folder's first objects.
  virtual StoreResult<ListedFolder> list_folder(std::string_view prefix);

  /// What a person calls it: `s3://bucket`, or a path.
  virtual std::string name() const = 0;
  /// The bucket, as digests name it; of a folder its last name.
  virtual std::string bucket() const = 0;
};

}  // namespace trailwarden::trail
