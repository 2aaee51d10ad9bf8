#pragma once

#include <cstddef>
#include <functional>

namespace trailwarden::trail {

/// Calls `work(worker, item)` for each item below `items`, on up to `threads` threads, of which the caller's is one; `worker` is below `threads`. Items are
/// begun in their order. Returns when all are done. With fewer threads than asked for if the system has no more to give.
void for_each_item(unsigned threads, std::size_t items, const std::function<void(unsigned worker, std::size_t item)>& work);

}  // namespace trailwarden::trail
