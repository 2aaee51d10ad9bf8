#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace trailwarden::generate {

/// The names that the company of the generated traffic gives to its things.
inline constexpr auto kServices = std::to_array<std::string_view>(
    {"orders", "billing", "search", "events", "reports", "payments", "inventory", "media", "audit", "pricing", "catalog", "shipping"});
inline constexpr auto kPeople = std::to_array<std::string_view>(
    {"alice", "bruno", "carla", "dmitri", "elena", "farid", "greta", "hiro", "ines", "jonas", "kofi", "lena", "marta", "nils"});

/// `digits` lower-case hexadecimal digits of `word`, from its top; at most 16.
void append_hex(std::uint64_t word, std::size_t digits, std::string& out);

/// `count` characters of A-Z and 2-7, as AWS writes the unique part of ids; at most 32 of a word and what follows from it.
void append_base32(std::uint64_t word, std::size_t count, std::string& out);

/// A random UUID of version 4.
void append_uuid(std::uint64_t high, std::uint64_t low, std::string& out);

std::string hex(std::uint64_t word, std::size_t digits);
std::string base32(std::uint64_t word, std::size_t count);

}  // namespace trailwarden::generate
