#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/time.h"

namespace trailwarden::stream::kafka {

/// What hinders at present, by what notices it; each can be taken back on its own. Thread-safe.
class Trouble {
 public:
  /// `text` replaces what `source` said before; its beginning stays. Logged once, when it begins.
  void say(std::string_view source, std::string text);
  /// Costs one load where there is none: may be called with every message.
  void heal(std::string_view source);
  bool has(std::string_view source) const;
  /// For people; empty if there is none.
  std::string text() const;

 private:
  struct Entry {
    std::string text;
    Timestamp since;
  };

  mutable std::mutex mutex_;
  std::atomic<std::size_t> count_{0};
  std::map<std::string, Entry, std::less<>> entries_;  // guarded
};

}  // namespace trailwarden::stream::kafka
