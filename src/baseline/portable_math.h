#pragma once

namespace trailwarden::baseline {

/// Logarithms and exponentials made of + - * / alone, so that they give the same bits on every machine: those of the C library
/// take other paths, and other last bits, where the processor has fused multiply-add.
///
/// Error: below 4 units in the last place over the whole range (test: against `std::` in long double). Domain: `log` of a positive normal
/// number; `log1p` of x > -1; `exp` and `expm1` of |x| < 700. Cost: 10 to 20 ns. Method: argument reduction by powers of two, then the series of
/// 2 artanh((m-1)/(m+1)) and of e^r.
double portable_log(double x);
double portable_log1p(double x);
double portable_exp(double x);
double portable_expm1(double x);

/// x^y for x > 0, as exp(y log x); relative error about 1e-15 |y log x|.
double portable_pow(double x, double y);

/// ln Gamma(z) for z > 0: shift by 6, then Stirling's series; absolute error below 1e-9 where |ln Gamma| is of order 1.
double portable_lgamma(double z);

}  // namespace trailwarden::baseline
