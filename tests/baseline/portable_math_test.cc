#include "baseline/portable_math.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "baseline/model.h"
#include "baseline/negative_binomial.h"
#include "baseline/small_floats.h"

namespace trailwarden::baseline {
namespace {

double relative_error(double got, long double exact) { return static_cast<double>(std::abs((got - exact) / exact)); }

TEST(PortableMath, AgreesWithTheLibraryInLongDouble) {
  for (double x = 1e-300; x < 1e300; x *= 1.37) EXPECT_LT(relative_error(portable_log(x), std::log(static_cast<long double>(x))), 1e-15) << x;
  for (double x = 1e-12; x < 1e6; x *= 1.13) {
    EXPECT_LT(relative_error(portable_log1p(x), std::log1p(static_cast<long double>(x))), 1e-15) << x;
    if (x < 1) {
      EXPECT_LT(relative_error(portable_log1p(-x), std::log1p(-static_cast<long double>(x))), 2e-15) << -x;
    }
    if (x < 600) {
      EXPECT_LT(relative_error(portable_expm1(x), std::expm1(static_cast<long double>(x))), 2e-15) << x;
    }
    if (x < 600) {
      EXPECT_LT(relative_error(portable_expm1(-x), std::expm1(-static_cast<long double>(x))), 2e-15) << -x;
    }
  }
  for (double x = -690; x < 690; x += 0.731) EXPECT_LT(relative_error(portable_exp(x), std::exp(static_cast<long double>(x))), 1e-15) << x;
  for (double z = 0.01; z < 1e6; z *= 1.21) EXPECT_NEAR(portable_lgamma(z), std::lgamma(z), 1e-9 * std::max(1.0, std::lgamma(z))) << z;
}

TEST(PortableMath, GivesTheSameBitsInEveryBuild) {
  // Sums of bits over a grid: a build whose arithmetic differs anywhere differs here.
  double sum = 0;
  for (int i = 1; i < 20'000; ++i) {
    const double x = i * 0.037;
    sum += portable_log(x) * 0.5 + portable_exp(-x) + surprise(i % 50, 0.01 * (i % 700) + 0.001, 1 + 0.003 * (i % 400));
  }
  EXPECT_EQ(sum, 0x1.99dacd9284d28p+18) << std::hexfloat << sum;
}

TEST(PortableMath, ColumnsTakeSquareRootsAsIeee754HasThem) {
  for (int i = 1; i < 100'000; i += 16) {
    Column column(16);
    for (int k = 0; k < 16; ++k) column[k] = static_cast<float>(i + k) * 0.00731F;
    const Column roots = column.sqrt();
    for (int k = 0; k < 16; ++k) ASSERT_EQ(roots[k], std::sqrt(column[k])) << column[k];
  }
}

TEST(Constants, AreThoseThatShip) {
  std::ostringstream shipped;
  shipped << std::ifstream(std::string(TRAILWARDEN_SOURCE_DIR) + "/models/baseline/constants.txt").rdbuf();
  EXPECT_EQ(shipped.str(), constants_text());
}

TEST(SmallFloats, RoundTripsEveryBinary16) {
  for (unsigned bits = 0; bits < 0x7c00; ++bits) EXPECT_EQ(to_binary16(from_binary16(static_cast<std::uint16_t>(bits))), bits);
  EXPECT_EQ(from_binary16(to_binary16(1e9)), 65504);
  EXPECT_EQ(from_binary16(to_binary16(-1)), 0);
}

TEST(SmallFloats, RoundsBinary16ToNearestEven) {
  for (unsigned bits = 0; bits < 0x7bff; ++bits) {
    const double low = from_binary16(static_cast<std::uint16_t>(bits)), high = from_binary16(static_cast<std::uint16_t>(bits + 1));
    EXPECT_EQ(to_binary16(low + (high - low) * 0.499), bits);
    EXPECT_EQ(to_binary16(low + (high - low) * 0.501), bits + 1);
    EXPECT_EQ(to_binary16((low + high) / 2), bits % 2 == 0 ? bits : bits + 1);
  }
}

TEST(SmallFloats, RoundsBfloat16ToNearestEven) {
  EXPECT_EQ(from_bfloat16(to_bfloat16(1.0F)), 1.0F);
  EXPECT_EQ(from_bfloat16(to_bfloat16(1.00390625F)), 1.0F);       // half way, to even
  EXPECT_EQ(from_bfloat16(to_bfloat16(1.01171875F)), 1.015625F);  // half way, to even
  EXPECT_NEAR(from_bfloat16(to_bfloat16(3.14159F)), 3.14159F, 3.14159F / 256);
}

}  // namespace
}  // namespace trailwarden::baseline
