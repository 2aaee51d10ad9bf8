#include "detectors/ip_prefix.h"

#include <gtest/gtest.h>

namespace trailwarden::detectors {
namespace {

struct PrefixCase {
  const char* text;
  bool is_valid;
  int length = 0;
  bool is_private = false;
};
void PrintTo(const PrefixCase& c, std::ostream* out) { *out << c.text; }

class ParsePrefix : public ::testing::TestWithParam<PrefixCase> {};

TEST_P(ParsePrefix, AgreesWithTable) {
  const PrefixCase& c = GetParam();
  const auto prefix = IpPrefix::parse(c.text);
  ASSERT_EQ(prefix.has_value(), c.is_valid);
  if (!prefix) return;
  EXPECT_EQ(prefix->length, c.length);
  EXPECT_EQ(prefix->is_private(), c.is_private);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParsePrefix,
    ::testing::Values(PrefixCase{"0.0.0.0/0", true, 0}, PrefixCase{"203.0.113.7", true, 32}, PrefixCase{"203.0.113.0/24", true, 24},
                      PrefixCase{"208.236.235.254/0", true, 0}, PrefixCase{"10.1.2.3/8", true, 8, true}, PrefixCase{"10.0.0.0/7", true, 7, false},
                      PrefixCase{"172.31.0.0/16", true, 16, true}, PrefixCase{"172.32.0.0/16", true, 16, false}, PrefixCase{"100.64.0.0/10", true, 10, true},
                      PrefixCase{"169.254.1.0/24", true, 24, true}, PrefixCase{"127.0.0.1/32", true, 32, true}, PrefixCase{"::/0", true, 0},
                      PrefixCase{"2001:db8::/32", true, 32}, PrefixCase{"fd12:3456::/32", true, 32, true}, PrefixCase{"fe80::1", true, 128, true},
                      PrefixCase{"", false}, PrefixCase{"0.0.0.0/33", false}, PrefixCase{"0.0.0.0/-1", false}, PrefixCase{"0.0.0.0/", false},
                      PrefixCase{"0.0.0.0/1x", false}, PrefixCase{"::/129", false}, PrefixCase{"sg-0123", false}, PrefixCase{"1.2.3/8", false}));

struct ShareCase {
  const char* name;
  std::vector<const char*> ranges;
  double share;
};
void PrintTo(const ShareCase& c, std::ostream* out) { *out << c.name; }

class ShareOfInternet : public ::testing::TestWithParam<ShareCase> {};

TEST_P(ShareOfInternet, AgreesWithTable) {
  std::vector<IpPrefix> ranges;
  for (const char* text : GetParam().ranges) ranges.push_back(*IpPrefix::parse(text));
  EXPECT_DOUBLE_EQ(share_of_internet(ranges), GetParam().share);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ShareOfInternet,
    ::testing::Values(ShareCase{"Nothing", {}, 0}, ShareCase{"Everything", {"0.0.0.0/0"}, 1}, ShareCase{"EverythingOfV6", {"::/0"}, 1},
                      ShareCase{"AHalf", {"0.0.0.0/1"}, 0.5}, ShareCase{"BothHalves", {"128.0.0.0/1", "0.0.0.0/1"}, 1},
                      ShareCase{"Quarters", {"0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"}, 1},
                      ShareCase{"ARangeTwice", {"0.0.0.0/1", "0.0.0.0/1", "1.0.0.0/8", "127.255.255.255/1"}, 0.5},
                      ShareCase{"NestedOutOfOrder", {"10.1.0.0/16", "10.0.0.0/8", "11.0.0.0/8"}, 2.0 / 256},
                      ShareCase{"AllThatIsRoutedOfV6", {"2000::/3"}, 1}, ShareCase{"HalfOfWhatIsRoutedOfV6", {"2000::/4"}, 0.5},
                      ShareCase{"TheUnroutedHalfOfV6", {"8000::/1"}, 0.5}, ShareCase{"FamiliesDoNotAdd", {"0.0.0.0/2", "2000::/5"}, 0.25}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace trailwarden::detectors
