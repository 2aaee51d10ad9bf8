#include "ingest/framing.h"

#include <algorithm>

#include "ingest/json_splitter.h"

namespace trailwarden::ingest {

bool is_line_framed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  int lines = 0, complete = 0;
  while (!text.empty() && lines < 16) {
    std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
    line = line.substr(0, line.find_last_not_of(kSpace) + 1);
    if (line.empty()) continue;
    ++lines;
    complete += (line.front() == '{' || line.front() == '[') && value_end(line, 0) == line.size() ? 1 : 0;
  }
  return lines > 1 && 2 * complete >= lines;
}

}  // namespace trailwarden::ingest
