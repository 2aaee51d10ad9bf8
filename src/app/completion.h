#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace trailwarden::app {

/// What may stand in place of the last word of a command line, for completion in shells (packaging/completion).
struct Candidate {
  std::string word, claim;
};

/// `words`: what stands behind the program's name, the last one as far as it was typed. None where a file is wanted, or anything.
std::vector<Candidate> candidates(const CLI::App& app, const std::vector<std::string>& words);

/// `trailwarden complete [--] WORD...`, which --help does not name: a candidate a line, and after a tab what it is.
int complete(const CLI::App& app, std::vector<std::string> words);

}  // namespace trailwarden::app
