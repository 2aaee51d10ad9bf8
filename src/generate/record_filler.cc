#include "generate/record_filler.h"

#include <algorithm>
#include <array>

#include "core/hash.h"
#include "generate/record_writer.h"
#include "generate/words.h"

namespace trailwarden::generate {
namespace {

constexpr std::size_t kRegions = 3;

/// Things that are called after one of the account's services.
struct NamedAfterService {
  char hole;
  std::string_view before, behind;
};
constexpr std::array<NamedAfterService, 9> kNamedAfterService{{{'r', "", "-lambda"},
                                                               {'f', "", "-handler"},
                                                               {'l', "/aws/lambda/", "-handler"},
                                                               {'q', "", "-queue"},
                                                               {'d', "", "_table"},
                                                               {'o', "", ""},
                                                               {'p', "", "-access"},
                                                               {'a', "", "-asg"},
                                                               {'w', "", "-cpu-high"}}};

void append_number(std::size_t number, std::string& out) {
  if (number >= 10) append_number(number / 10, out);
  out.push_back(static_cast<char>('0' + number % 10));
}

}  // namespace

RecordFiller::RecordFiller(const Account& account, const Call& call)
    : account_(account), call_(call), api_(catalogue()[call.api]), principal_(account.principals[call.principal]), random_(call.seed) {
  // Sessions lie interleaved, so that a Region has its own instances.
  const std::size_t of_region = principal_.sessions.size() / kRegions;
  session_ = &principal_.sessions[random_.below(of_region) * kRegions + call.region];
}

std::uint64_t RecordFiller::word(char hole) const { return splitmix64(call_.seed + static_cast<unsigned char>(hole)); }

std::uint64_t RecordFiller::thing(char hole, std::size_t count) const {
  const std::uint64_t kind = static_cast<unsigned char>(hole) + std::uint64_t{256} * call_.region + std::uint64_t{1024} * call_.account;
  return splitmix64(splitmix64(kind) + number(hole, count));
}

std::string_view RecordFiller::service(char hole) const { return kServices[number(hole, kServices.size())]; }

std::uint64_t RecordFiller::credentials() const {
  const auto epoch = static_cast<std::uint64_t>(call_.time.time_since_epoch() / principal_.session_length);
  const auto session = static_cast<std::uint64_t>(session_ - principal_.sessions.data());
  return splitmix64(epoch * 4096 + std::uint64_t{64} * call_.principal + session) ^ splitmix64(call_.account);
}

void RecordFiller::fill(char hole, std::string& out) { fill_of(hole)(*this, hole, out); }

void RecordFiller::name_after_service(RecordFiller& self, char hole, std::string& out) {
  const auto* const row = std::find_if(kNamedAfterService.begin(), kNamedAfterService.end(), [hole](const NamedAfterService& r) { return r.hole == hole; });
  out.append(row->before).append(self.service(hole)).append(row->behind);
}

RecordFiller::Fill RecordFiller::fill_of(char wanted) {
  using Self = RecordFiller;
  static constexpr auto kTable = [] {
    std::array<Fill, 128> table{};
    for (Fill& entry : table) entry = [](Self&, char, std::string&) {};
    for (const NamedAfterService& row : kNamedAfterService) table[static_cast<std::size_t>(row.hole)] = name_after_service;
    table['$'] = [](Self&, char, std::string& out) { out.push_back('$'); };
    table['A'] = [](Self& self, char, std::string& out) { out.append(self.account_.id); };
    table['R'] = [](Self& self, char, std::string& out) { out.append(self.account_.regions[self.call_.region].name); };
    table['S'] = [](Self& self, char, std::string& out) { out.append(self.api_.service); };
    table['N'] = [](Self& self, char, std::string& out) { out.append(self.api_.name); };
    table['P'] = [](Self& self, char, std::string& out) {
      out.append(self.principal_.session_arn);
      if (self.principal_.has_sessions) out.append(self.session_->name);
    };
    table['T'] = [](Self& self, char, std::string& out) { append_time(self.call_.time, out); };
    table['X'] = [](Self& self, char, std::string& out) { append_time(self.call_.time + std::chrono::hours{1}, out); };
    table['s'] = [](Self& self, char, std::string& out) { out.append(self.session_->name); };
    table['K'] = [](Self& self, char, std::string& out) { append_base32(self.credentials(), 16, out); };
    table['C'] = [](Self& self, char, std::string& out) {
      const std::chrono::seconds length = self.principal_.session_length;
      append_time(Timestamp{self.call_.time.time_since_epoch() / length * length}, out);
    };
    table['i'] = [](Self& self, char, std::string& out) {
      // An instance that does something speaks of itself.
      if (self.principal_.kind == Callers::kInstances) return void(out.append(self.session_->name));
      out.append("i-0");
      append_hex(self.thing('i', 60), 16, out);
    };
    table['g'] = [](Self& self, char hole, std::string& out) { append_hex(self.thing(hole, 30), 16, out.append("sg-0")); };
    table['v'] = [](Self& self, char hole, std::string& out) { append_hex(self.thing(hole, 90), 16, out.append("vol-0")); };
    table['e'] = [](Self& self, char hole, std::string& out) { append_hex(self.word(hole), 16, out.append("eni-0")); };
    table['b'] = [](Self& self, char, std::string& out) { out.append("acme-").append(self.service('b')).append("-").append(self.account_.id); };
    table['u'] = [](Self& self, char, std::string& out) { out.append(kPeople[self.number('u', kPeople.size())]); };
    table['z'] = [](Self& self, char hole, std::string& out) { append_hex(self.word(hole), 8, out.append("svc-")); };
    table['c'] = [](Self& self, char, std::string& out) { out.append(self.number('c', 3) == 0 ? "batch" : "web"); };
    table['k'] = [](Self& self, char, std::string& out) {
      const std::uint64_t key = self.thing('k', 12);
      append_uuid(key, splitmix64(key), out);
    };
    table['y'] = [](Self& self, char, std::string& out) {
      out.append("10.");
      append_number(self.number('y', 200), out);
      out.append(".0.0/16");
    };
    table['m'] = [](Self& self, char, std::string& out) { append_number(1 + self.number('m', 99), out); };
    table['Y'] = [](Self& self, char, std::string& out) { append_base32(self.word('Y'), 16, out); };
    table['U'] = [](Self& self, char, std::string& out) {
      const std::uint64_t high = self.random_.next();
      append_uuid(high, self.random_.next(), out);
    };
    table['x'] = [](Self& self, char, std::string& out) { append_hex(self.random_.next(), 8, out); };
    table['B'] = [](Self& self, char, std::string& out) {
      for (int i = 0; i < 4; ++i) append_base32(self.random_.next(), 20, out);
    };
    return table;
  }();
  return kTable[static_cast<unsigned char>(wanted) & 127];
}

}  // namespace trailwarden::generate
