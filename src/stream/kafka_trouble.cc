#include "stream/kafka_trouble.h"

#include <fmt/format.h>

#include "core/log.h"

namespace trailwarden::stream::kafka {

void Trouble::say(std::string_view source, std::string text) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(source); found != entries_.end()) {
    found->second.text = std::move(text);
    return;
  }
  log::warn("kafka.trouble", {{"with", source}, {"detail", text}});
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  entries_.emplace(source, Entry{std::move(text), now});
  count_ = entries_.size();
}

void Trouble::heal(std::string_view source) {
  if (count_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(source);
  if (found == entries_.end()) return;
  log::info("kafka.trouble_over", {{"with", source}, {"since", format_time(found->second.since)}});
  entries_.erase(found);
  count_ = entries_.size();
}

bool Trouble::has(std::string_view source) const {
  const std::lock_guard lock(mutex_);
  return entries_.contains(source);
}

std::string Trouble::text() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& [source, entry] : entries_)
    all += fmt::format("{}{}: {} (since {})", all.empty() ? "" : "; ", source, entry.text, format_time(entry.since));
  return all;
}

}  // namespace trailwarden::stream::kafka
