// The compiled matcher against the naive evaluator: predicates of both languages and a record, all chosen by the input's bytes.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "testing/rule_cases.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto difference = trailwarden::testing::disagreement(trailwarden::testing::rule_case(std::span(data, size)));
  if (difference) {
    std::fprintf(stderr, "%s\n", difference->c_str());
    std::abort();
  }
  return 0;
}
