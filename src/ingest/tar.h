#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "ingest/byte_source.h"

namespace trailwarden::ingest {

/// How many bytes `looks_like_tar` wants to see.
inline constexpr std::size_t kTarBlock = 512;

/// Whether `head` begins as a tar archive does: the word `ustar` in its place and a header whose checksum is right.
bool looks_like_tar(std::string_view head);

/// One file in an archive.
struct TarMember {
  std::string name;
  std::uint64_t offset = 0;  // of its bytes, in the archive
  std::uint64_t size = 0;
};

/// What an archive holds.
struct TarIndex {
  std::vector<TarMember> members;  // regular files only, in the order of the archive
  std::string damage;              // for people; empty if the archive is whole. Members before the damage are there
};

/// Reads the headers of an uncompressed archive of `size` bytes: POSIX ustar and pax, GNU. O(members) reads of 512
/// bytes; the files themselves are not read. POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
/// Format".
TarIndex index_tar(InputFile& file, std::uint64_t size);

}  // namespace trailwarden::ingest
