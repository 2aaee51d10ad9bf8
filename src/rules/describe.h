#pragma once

#include <string>

#include "rules/leaf_test.h"

namespace trailwarden::rules {

/// A test in words: `is "StopLogging"`, `is like "Update*"`, `is between 5 and 9`, `is present`.
std::string describe(const LeafTest& test);

}  // namespace trailwarden::rules
