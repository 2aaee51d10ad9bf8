#pragma once

#include <string>

namespace trailwarden::app {

/// `--version`: one line.
std::string version_line();

/// `--version --json`: also what it was built with, and the libraries it runs with. Those that are loaded say their version themselves, or the name of their file does.
std::string version_json();

}  // namespace trailwarden::app
