#pragma once

#include <memory>
#include <string>
#include <string_view>

struct libdeflate_compressor;

namespace trailwarden::trail {

/// Deflates texts that are in memory whole, each to one gzip member without a name or time, through libdeflate.
///
/// Not thread-safe: one a thread. The same text gives the same bytes with the same version of libdeflate.
class MemberDeflater {
 public:
  /// `level`: 1 is fastest (about 400 MB/s), 12 smallest.
  explicit MemberDeflater(int level);

  /// Replaces `out` with the member. It cannot fail.
  void deflate(std::string_view text, std::string& out);

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const;
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

}  // namespace trailwarden::trail
