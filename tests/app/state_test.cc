// State that is moved: out of a service, into another one, together and apart.

#include "app/state.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/replay.h"
#include "app/run.h"
#include "core/log.h"
#include "pipeline/state_file.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"
#include "testing/traffic.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::read_file;
using testing::run;
using testing::Said;

/// Two hours of eight cells with something for every detector, in two parts, and services to give them to.
class State : public ::testing::Test {
 protected:
  State() {
    log::set_level(log::Level::kOff);
    const auto calls = testing::traffic(2000, 8);
    std::string parts[2];
    for (std::size_t i = 0; i < calls.size(); ++i) parts[i < 1200 ? 0 : 1] += testing::to_json(calls[i]) + "\n";
    first_ = dir_.write("first.jsonl", parts[0]);
    rest_ = dir_.write("rest.jsonl", parts[1]);
  }

  /// The config of a service that has a folder of its own, with `inputs` in it.
  std::string service(const std::string& name, const std::vector<std::string>& inputs, const std::string& more = "") const {
    std::filesystem::create_directories(dir_.path(name + "/in"));
    for (const std::string& input : inputs) std::filesystem::copy_file(input, dir_.path(name + "/in/" + std::filesystem::path(input).filename().string()), std::filesystem::copy_options::overwrite_existing);
    return dir_.write(name + ".yaml", "version: 1\nhttp: {listen: \"\"}\nlog: {level: \"off\"}\nembedded: {input: " + dir_.path(name + "/in") + ", data: " + dir_.path(name + "/data") + "}\n" + more);
  }
  void add_input(const std::string& name, const std::string& input) const {
    std::filesystem::copy_file(input, dir_.path(name + "/in/" + std::filesystem::path(input).filename().string()));
  }
  static Said drain(const std::string& config, const std::string& state = "") { return run(app::run, RunArguments{.config = config, .drain = true, .state = state}); }

  /// Alerts of a service by id, without where their records stood.
  std::map<std::string, json> alerts_of(const std::string& name) const {
    std::map<std::string, json> out;
    std::ifstream file(dir_.path(name + "/data/alerts.jsonl"));
    for (std::string line; std::getline(file, line);) {
      json alert = json::parse(line);
      if (alert["detail"].contains("records"))
        for (json& record : alert["detail"]["records"])
          for (const char* place : {"file", "offset", "recordNumber", "byteOffset"}) record.erase(place);
      out.emplace(alert["id"], alert);
    }
    return out;
  }

  std::string exported(const std::string& config, const std::string& name) const {
    const Said said = run(export_state, StateArguments{.config = config, .out = dir_.path(name)});
    EXPECT_EQ(said.code, 0) << said.err;
    return dir_.path(name);
  }

  testing::TempDir dir_;
  std::string first_, rest_;
};

TEST_F(State, AServiceGoesOnFromWhatAnotherOneExported) {
  const std::string whole = service("whole", {first_});
  ASSERT_EQ(drain(whole).code, 0);
  const std::string state = exported(whole, "a.state");
  add_input("whole", rest_);
  ASSERT_EQ(drain(whole).code, 0);
  const auto before_rest = alerts_of("whole");

  // Into a service that begins with it, and into one that it is imported to.
  const std::string begun = service("begun", {rest_}), imported = service("moved", {rest_});
  ASSERT_EQ(drain(begun, state).code, 0);
  const Said said = run(import_state, StateArguments{.config = imported, .file = state});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("8 cells of "));
  ASSERT_EQ(drain(imported).code, 0);
  EXPECT_EQ(alerts_of("begun"), alerts_of("moved"));
  EXPECT_GT(alerts_of("begun").size(), 20U);
  for (const auto& [id, alert] : alerts_of("begun")) {
    ASSERT_TRUE(before_rest.contains(id)) << alert;
    EXPECT_EQ(alert, before_rest.at(id));
  }
  // In the end both know the same; the states themselves name the files.
  const auto known = [&](const std::string& config) {
    auto cells = *pipeline::read_state_file(exported(config, "end.state"));
    std::vector<std::size_t> sizes;
    for (const auto& cell : cells) sizes.push_back(cell.state.size());
    return sizes;
  };
  EXPECT_EQ(known(begun), known(imported));

  for (const std::string& config : {whole, begun, imported}) {
    const Said audited = run(audit, AuditArguments{.config = config, .recompute = true});
    EXPECT_EQ(audited.code, 0) << audited.out;
    EXPECT_EQ(audited.out.find("were not compared") != std::string::npos, config != whole) << audited.out;
  }
}

TEST_F(State, AStartTakesOnlyWhatIsNotThere) {
  const std::string a = service("a", {first_});
  ASSERT_EQ(drain(a).code, 0);
  const std::string state = exported(a, "a.state");
  // A second start with the same file finds everything there: nothing is taken, and what was learned since stays.
  add_input("a", rest_);
  ASSERT_EQ(drain(a, state).code, 0);
  const std::string before = read_file(exported(a, "b.state"));
  ASSERT_EQ(drain(a, state).code, 0);
  EXPECT_TRUE(read_file(exported(a, "c.state")) == before);
  EXPECT_EQ(run(audit, AuditArguments{.config = a, .recompute = true}).out.find("were not compared"), std::string::npos);
}

TEST_F(State, IsLearnedFromALogAsTheServiceLearnsIt) {
  const std::string a = service("a", {first_});
  const std::string keeping = dir_.write("keeping.yaml", read_file(a).replace(read_file(a).find("data:"), 5, "keep_input: true, data:"));
  ASSERT_EQ(drain(keeping).code, 0);
  add_input("a", rest_);
  ASSERT_EQ(drain(keeping).code, 0);
  const std::string state = dir_.path("learned.state");
  const Said said = run(warm, WarmArguments{.config = keeping, .out = state, .from = "earliest", .progress = false});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.err, AllOf(HasSubstr("from folder, 1 partition"), HasSubstr("accounts x Regions                   8")));
  EXPECT_TRUE(read_file(state) == read_file(exported(keeping, "exported.state")));

  EXPECT_EQ(run(warm, WarmArguments{.paths = {first_}, .config = keeping, .out = state, .from = "earliest"}).code, 2);
  EXPECT_EQ(run(warm, WarmArguments{.config = keeping, .out = state, .from = "last week"}).code, 2);
  EXPECT_EQ(run(warm, WarmArguments{.config = keeping, .out = state}).code, 2);
}

TEST_F(State, ImportDoesNotOverwriteUnasked) {
  const std::string a = service("a", {first_}), b = service("b", {rest_});
  ASSERT_EQ(drain(a).code, 0);
  ASSERT_EQ(drain(b).code, 0);
  const std::string state = exported(a, "a.state"), before = read_file(exported(b, "b.state"));
  const Said refused = run(import_state, StateArguments{.config = b, .file = state});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("111122223330/eu-west-1"), HasSubstr("and 3 more"), HasSubstr("--replace")));
  EXPECT_TRUE(read_file(exported(b, "after.state")) == before);
  ASSERT_EQ(run(import_state, StateArguments{.config = b, .file = state, .replace = true}).code, 0);
  auto wanted = *pipeline::read_state_file(state), got = *pipeline::read_state_file(exported(b, "replaced.state"));
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(got[i].state == wanted[i].state) << got[i].name();
  EXPECT_EQ(run(audit, AuditArguments{.config = b}).code, 0);
}

TEST_F(State, IsTakenApartAndPutTogether) {
  const std::string a = service("a", {first_, rest_});
  ASSERT_EQ(drain(a).code, 0);
  const std::string all = exported(a, "all.state");
  const auto part = [&](const std::string& account, const std::string& region, const std::string& name) {
    EXPECT_EQ(run(export_state, StateArguments{.file = all, .out = dir_.path(name), .account = account, .region = region}).code, 0);
    return dir_.path(name);
  };
  const std::string eu = part("", "eu-*", "eu.state"), us = part("", "us-east-1", "us.state");
  EXPECT_EQ(pipeline::read_state_file(eu)->size(), 4U);
  ASSERT_EQ(run(merge_states, StateArguments{.files = {us, eu}, .out = dir_.path("both.state")}).code, 0);
  EXPECT_TRUE(read_file(dir_.path("both.state")) == read_file(all));
  const Said twice = run(merge_states, StateArguments{.files = {us, eu, part("111122223331", "us-east-1", "one.state")}, .out = dir_.path("never.state")});
  EXPECT_EQ(twice.code, 1);
  EXPECT_THAT(twice.err, AllOf(HasSubstr("cell 111122223331/us-east-1 is in "), HasSubstr("us.state"), HasSubstr("one.state")));
  EXPECT_FALSE(std::filesystem::exists(dir_.path("never.state")));
  const Said none = run(export_state, StateArguments{.file = all, .out = dir_.path("never.state"), .account = "999"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("none of 8 cells"));
}

TEST_F(State, InspectListsCellsAndSnapshots) {
  const std::string a = service("a", {first_, rest_});
  ASSERT_EQ(drain(a).code, 0);
  const Said cells = run(inspect_state, StateArguments{.file = exported(a, "a.state")});
  EXPECT_EQ(cells.code, 0);
  EXPECT_THAT(cells.out, AllOf(HasSubstr("111122223330   eu-west-1"), HasSubstr("2023-11-14T22:13Z to 2023-11-15T00:13Z"), HasSubstr("8 cells, ")));
  EXPECT_THAT(run(inspect_state, StateArguments{.config = a}).out, AllOf(HasSubstr("embedded/folder"), HasSubstr("whole")));
}

TEST_F(State, WhoIsForgottenIsNowhereInTheFile) {
  // A file of a replay has everything: records that wait, open minutes, quiet times, principals of bursts.
  const std::string state = dir_.path("warm.state"), clean = dir_.path("clean.state");
  ASSERT_EQ(run(warm, WarmArguments{.paths = {first_}, .out = state, .progress = false}).code, 0);
  for (const std::string principal : {"arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:root"}) {
    ASSERT_NE(read_file(state).find(principal), std::string::npos) << "else nothing is proved";
    const Said said = run(forget_principal, StateArguments{.file = state, .out = clean, .principal = principal});
    ASSERT_EQ(said.code, 0) << said.err;
    EXPECT_THAT(said.out, AllOf(HasSubstr(principal + ": "), HasSubstr("places cleaned"), Not(HasSubstr(" 0 places"))));
    EXPECT_EQ(read_file(clean).find(principal), std::string::npos);
    EXPECT_EQ(run(inspect_state, StateArguments{.file = clean}).code, 0);
    const Said again = run(forget_principal, StateArguments{.file = clean, .out = dir_.path("again.state"), .principal = principal});
    EXPECT_THAT(again.out, HasSubstr("0 places cleaned: nothing named it"));
    EXPECT_TRUE(read_file(dir_.path("again.state")) == read_file(clean));
  }
  // Others stay as they were.
  const Said nobody = run(forget_principal, StateArguments{.file = state, .out = clean, .principal = "arn:aws:iam::111122223333:user/alic"});
  EXPECT_THAT(nobody.out, HasSubstr("0 places"));
  EXPECT_TRUE(read_file(clean) == read_file(state));
}

TEST_F(State, AServiceForgetsWhileItDoesNotRun) {
  const std::string principal = "arn:aws:iam::111122223333:user/alice";
  const std::string a = service("a", {first_}), b = service("b", {first_});
  ASSERT_EQ(drain(a).code, 0);
  ASSERT_EQ(drain(b).code, 0);
  ASSERT_NE(read_file(exported(a, "a.state")).find(principal), std::string::npos);
  const Said said = run(forget_principal, StateArguments{.config = a, .principal = principal});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("places cleaned"));
  EXPECT_EQ(read_file(exported(a, "clean.state")).find(principal), std::string::npos);
  // What it says of calls from then on is what it would have said; findings it had folded under that name are told anew.
  add_input("a", rest_);
  add_input("b", rest_);
  ASSERT_EQ(drain(a).code, 0);
  ASSERT_EQ(drain(b).code, 0);
  const auto insights_of = [&](const std::string& name) {
    std::set<std::string> ids;
    for (const auto& [id, alert] : alerts_of(name))
      if (alert["source"] == "aws.cloudtrail") ids.insert(id);
    return ids;
  };
  EXPECT_EQ(insights_of("a"), insights_of("b"));
  EXPECT_EQ(run(audit, AuditArguments{.config = a, .recompute = true}).code, 0);
}

TEST_F(State, ForgetWantsAWholeNameAndOnePlace) {
  EXPECT_EQ(run(forget_principal, StateArguments{.file = "x", .out = "y", .principal = "user/*"}).code, 2);
  const Said half = run(forget_principal, StateArguments{.file = "x", .principal = "arn:aws:iam::1:user/alice"});
  EXPECT_EQ(half.code, 2);
  EXPECT_THAT(half.err, HasSubstr("--out"));
  const std::string never_ran = service("never_ran", {});
  EXPECT_EQ(run(forget_principal, StateArguments{.config = never_ran, .principal = "arn:aws:iam::1:user/alice"}).code, 1);
  EXPECT_FALSE(std::filesystem::exists(dir_.path("never_ran/data"))) << "nothing is made";
}

TEST_F(State, RefusesWithAReasonWhatCannotBeUsed) {
  const std::string a = service("a", {first_});
  ASSERT_EQ(drain(a).code, 0);
  const std::string state = exported(a, "a.state"), bytes = read_file(state);
  const std::string cut = dir_.write("cut.state", bytes.substr(0, bytes.size() / 2));
  std::string other = bytes;
  other.replace(10, 16, "0123456789abcdef");
  const std::string foreign = dir_.write("foreign.state", other);
  const std::string b = service("b", {rest_});
  for (const auto& [file, reason] : {std::pair<std::string, std::string>{cut, "ends within cell"}, {foreign, "constants 0123456789abcdef"}, {first_, "not a state file"}, {dir_.path("no"), "no such file"}}) {
    for (const Said& said : {drain(b, file), run(import_state, StateArguments{.config = b, .file = file}), run(inspect_state, StateArguments{.file = file}),
                             run(merge_states, StateArguments{.files = {file}, .out = dir_.path("x")})}) {
      EXPECT_NE(said.code, 0) << file;
      EXPECT_THAT(said.err, AllOf(HasSubstr(file), HasSubstr(reason)));
    }
  }
  const std::string kafka = dir_.write("kafka.yaml", "version: 1\nkafka: {brokers: \"127.0.0.1:1\", security: {protocol: plaintext}, input: [{topic: cloudtrail}]}\n");
  const Said on_kafka = run(import_state, StateArguments{.config = kafka, .file = state});
  EXPECT_EQ(on_kafka.code, 2);
  EXPECT_THAT(on_kafka.err, HasSubstr("trailwarden run -c CONFIG --state FILE"));
  // A shorter lateness than what was saved with: minutes are open that cannot be.
  const std::string c = service("c", {rest_}, "time: {lateness: 1m}\n");
  const Said narrow = drain(c, state);
  EXPECT_EQ(narrow.code, 2);
  EXPECT_THAT(narrow.err, AllOf(HasSubstr("cell 1111"), HasSubstr("with this lateness only")));
}

}  // namespace
}  // namespace trailwarden::app
