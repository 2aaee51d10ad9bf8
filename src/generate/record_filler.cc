#include "generate/record_filler.h"

#include <array>

#include "core/hash.h"
#include "generate/record_writer.h"
#include "generate/words.h"

namespace trailwarden::generate {
namespace {

constexpr std::size_t kRegions = 3;

std::uint64_t mixed(std::uint64_t word) { return Random(word).next(); }

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

std::uint64_t RecordFiller::word(char hole) const { return mixed(call_.seed + static_cast<unsigned char>(hole)); }

std::uint64_t RecordFiller::thing(char hole, std::size_t count) const {
  const std::uint64_t kind = static_cast<unsigned char>(hole) + std::uint64_t{256} * call_.region + std::uint64_t{1024} * call_.account;
  return mixed(mixed(kind) + number(hole, count));
}

std::string_view RecordFiller::service(char hole) const { return kServices[number(hole, kServices.size())]; }

std::uint64_t RecordFiller::credentials() const {
  const auto epoch = static_cast<std::uint64_t>(call_.time.time_since_epoch() / principal_.session_length);
  const auto session = static_cast<std::uint64_t>(session_ - principal_.sessions.data());
  return mixed(epoch * 4096 + std::uint64_t{64} * call_.principal + session) ^ mixed(call_.account);
}

void RecordFiller::fill(char hole, std::string& out) { fill_of(hole)(*this, out); }

RecordFiller::Fill RecordFiller::fill_of(char hole) {
  using Self = RecordFiller;
  static constexpr auto kTable = [] {
    std::array<Fill, 128> table{};
    for (Fill& entry : table) entry = [](Self&, std::string&) {};
    table['$'] = [](Self&, std::string& out) { out.push_back('$'); };
    table['A'] = [](Self& self, std::string& out) { out.append(self.account_.id); };
    table['R'] = [](Self& self, std::string& out) { out.append(self.account_.regions[self.call_.region].name); };
    table['S'] = [](Self& self, std::string& out) { out.append(self.api_.service); };
    table['N'] = [](Self& self, std::string& out) { out.append(self.api_.name); };
    table['P'] = [](Self& self, std::string& out) {
      out.append(self.principal_.session_arn);
      if (self.principal_.has_sessions) out.append(self.session_->name);
    };
    table['T'] = [](Self& self, std::string& out) { append_time(self.call_.time, out); };
    table['X'] = [](Self& self, std::string& out) { append_time(self.call_.time + std::chrono::hours{1}, out); };
    table['s'] = [](Self& self, std::string& out) { out.append(self.session_->name); };
    table['K'] = [](Self& self, std::string& out) { append_base32(self.credentials(), 16, out); };
    table['C'] = [](Self& self, std::string& out) {
      const std::chrono::seconds length = self.principal_.session_length;
      append_time(Timestamp{self.call_.time.time_since_epoch() / length * length}, out);
    };
    table['i'] = [](Self& self, std::string& out) {
      // An instance that does something speaks of itself.
      if (self.principal_.kind == Callers::kInstances) return void(out.append(self.session_->name));
      out.append("i-0");
      append_hex(self.thing('i', 60), 16, out);
    };
    table['g'] = [](Self& self, std::string& out) {
      out.append("sg-0");
      append_hex(self.thing('g', 30), 16, out);
    };
    table['v'] = [](Self& self, std::string& out) {
      out.append("vol-0");
      append_hex(self.thing('v', 90), 16, out);
    };
    table['e'] = [](Self& self, std::string& out) {
      out.append("eni-0");
      append_hex(self.word('e'), 16, out);
    };
    table['b'] = [](Self& self, std::string& out) { out.append("acme-").append(self.service('b')).append("-").append(self.account_.id); };
    table['r'] = [](Self& self, std::string& out) { out.append(self.service('r')).append("-lambda"); };
    table['u'] = [](Self& self, std::string& out) { out.append(kPeople[self.number('u', kPeople.size())]); };
    table['z'] = [](Self& self, std::string& out) {
      out.append("svc-");
      append_hex(self.word('z'), 8, out);
    };
    table['f'] = [](Self& self, std::string& out) { out.append(self.service('f')).append("-handler"); };
    table['l'] = [](Self& self, std::string& out) { out.append("/aws/lambda/").append(self.service('l')).append("-handler"); };
    table['c'] = [](Self& self, std::string& out) { out.append(self.number('c', 3) == 0 ? "batch" : "web"); };
    table['q'] = [](Self& self, std::string& out) { out.append(self.service('q')).append("-queue"); };
    table['d'] = [](Self& self, std::string& out) { out.append(self.service('d')).append("_table"); };
    table['o'] = [](Self& self, std::string& out) { out.append(self.service('o')); };
    table['k'] = [](Self& self, std::string& out) {
      const std::uint64_t key = self.thing('k', 12);
      append_uuid(key, mixed(key), out);
    };
    table['p'] = [](Self& self, std::string& out) { out.append(self.service('p')).append("-access"); };
    table['a'] = [](Self& self, std::string& out) { out.append(self.service('a')).append("-asg"); };
    table['w'] = [](Self& self, std::string& out) { out.append(self.service('w')).append("-cpu-high"); };
    table['y'] = [](Self& self, std::string& out) {
      out.append("10.");
      append_number(self.number('y', 200), out);
      out.append(".0.0/16");
    };
    table['m'] = [](Self& self, std::string& out) { append_number(1 + self.number('m', 99), out); };
    table['Y'] = [](Self& self, std::string& out) { append_base32(self.word('Y'), 16, out); };
    table['U'] = [](Self& self, std::string& out) {
      const std::uint64_t high = self.random_.next();
      append_uuid(high, self.random_.next(), out);
    };
    table['x'] = [](Self& self, std::string& out) { append_hex(self.random_.next(), 8, out); };
    table['B'] = [](Self& self, std::string& out) {
      for (int i = 0; i < 4; ++i) append_base32(self.random_.next(), 20, out);
    };
    return table;
  }();
  return kTable[static_cast<unsigned char>(hole) & 127];
}

}  // namespace trailwarden::generate
