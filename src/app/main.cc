#include <functional>
#include <iostream>

#include <CLI/CLI.hpp>

#include "app/backtest.h"
#include "app/commands.h"
#include "app/completion.h"
#include "app/config_diff.h"
#include "app/dead_letters.h"
#include "app/explain.h"
#include "app/forward.h"
#include "app/generate.h"
#include "app/health.h"
#include "app/metric_list.h"
#include "app/notify_commands.h"
#include "app/offsets.h"
#include "app/probe.h"
#include "app/replay.h"
#include "app/rule_commands.h"
#include "app/rule_import.h"
#include "app/run.h"
#include "app/score.h"
#include "app/state.h"
#include "app/topics.h"
#include "app/validate.h"
#include "app/version.h"

namespace {

using namespace trailwarden;

constexpr int kWrongUsage = 2;

/// What the command line asks for.
using Action = std::function<int()>;

/// Everything that the commands take; lives as long as the parsing and the action.
struct Arguments {
  app::BacktestArguments backtest;
  app::ConfigDiffArguments config_diff;
  app::RuleArguments rules;
  app::RuleImportArguments rule_import;
  app::ReplayArguments replay;
  app::WarmArguments warm;
  app::GenerateArguments generate;
  app::ScoreArguments score;
  app::RunArguments run;
  app::HealthArguments health;
  app::StateArguments state;
  app::ExplainArguments explain;
  app::AuditArguments audit;
  app::TopicsArguments topics;
  app::AcceptGapArguments accept_gap;
  app::SkipArguments skip;
  app::DeadLetterArguments dead_letters;
  app::ForwardArguments forward;
  app::ProbeArguments probe;
  app::NotifyArguments notify;
  app::ValidateArguments validate;
  std::string config_file, alerts_file, against;
  bool as_json = false;
  std::size_t limit = 10;
};

/// A command that only has commands of its own.
CLI::App& add_group(CLI::App& app, const std::string& name, const std::string& claim, const std::string& example) {
  CLI::App* const group = app.add_subcommand(name, claim);
  group->require_subcommand(1);
  group->footer("Example:\n  " + example);
  return *group;
}

void add_buckets(CLI::App* command, app::BucketAccess& arguments) {
  command->add_option("--endpoint", arguments.endpoint, "S3 server of s3:// paths, e.g. http://127.0.0.1:9000; default: AWS_ENDPOINT_URL_S3, else Amazon S3");
  command->add_option("--region", arguments.region, "Region of their buckets; default: AWS_REGION, else us-east-1");
}

void add_replay(CLI::App& app, app::ReplayArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("replay", "Files, folders, tars or standard input through the engine; alerts as JSON lines");
  command->add_option("paths", arguments.paths, "Files, folders (recursive), s3://BUCKET/PREFIX, tar files, or - for standard input")->required();
  command->add_option("-c,--config", arguments.config, "Config file (YAML); without it every default holds");
  command->add_option("--alerts", arguments.alerts, "Where alerts go, as JSON lines: a file, or - for standard output (the default)");
  command->add_option("--quarantine", arguments.quarantine, "Keeps refused records byte for byte, one a line; FILE.index.jsonl says why and from where");
  command->add_option("--late", arguments.late, "Keeps a copy of late records, one a line");
  command->add_option("--metrics", arguments.metrics, "Writes the run's counters in the Prometheus text format");
  command->add_option("--summary", arguments.summary, "Writes the summary as JSON: a file, or -");
  command->add_option("--threads", arguments.threads, "Threads; default: one a core. The output does not depend on it")->check(CLI::Range(1, 256));
  command->add_option("--shards", arguments.shards, "Shards, instead of the config's. The output does not depend on it")->check(CLI::Range(1, 1024));
  command->add_option("--since", arguments.since, "Skips records from before this eventTime, e.g. 2024-03-13T08:33:21Z or 2024-03-13");
  command->add_option("--until", arguments.until, "Skips records from this eventTime on");
  command->add_option("--state", arguments.state, "Begins with the cells of a state file (`warm`, `state export`) and goes on as if there had been no break");
  add_buckets(command, arguments.buckets);
  command->add_flag("!--no-progress", arguments.progress, "No progress line on the terminal");
  command->footer("Example:\n  trailwarden replay AWSLogs/ --alerts alerts.jsonl --summary summary.json\n"
                  "  trailwarden replay s3://my-trail/AWSLogs/ --since 2024-03-13 --until 2024-03-20 | jq -r '.detail.sentence // .trailwarden.sentence'\n\n"
                  "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::replay(arguments); }; });
}

void add_warm(CLI::App& app, app::WarmArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("warm", "Learns baselines from recorded logs, says nothing, and keeps what was learned in a state file");
  command->add_option("paths", arguments.paths, "Files, folders (recursive), s3://BUCKET/PREFIX, tar files, or - for standard input");
  command->add_option("--from", arguments.from, "Instead of paths: reads the service's input topic, from `earliest` or a time on, e.g. 2026-01-05T00:00:00Z; commits nothing and joins no group");
  command->add_option("-c,--config", arguments.config, "Config file (YAML), best that of the service; without it every default holds");
  command->add_option("--state", arguments.out, "State file to write")->required();
  command->add_option("--resume", arguments.state, "A state file to go on from");
  command->add_option("--threads", arguments.threads, "Threads; default: one a core. The file does not depend on it")->check(CLI::Range(1, 256));
  command->add_option("--since", arguments.since, "Skips records from before this eventTime, e.g. 2024-03-13T08:33:21Z or 2024-03-13");
  command->add_option("--until", arguments.until, "Skips records from this eventTime on");
  add_buckets(command, arguments.buckets);
  command->add_flag("!--no-progress", arguments.progress, "No progress line on the terminal");
  command->footer("The minutes that are open at the end stay open, so nothing is cut: `replay --state` and `run --state` go on with the next record. Four weeks are best, for\n"
                  "the week has a profile; three days are past warm-up.\n\n"
                  "Example:\n  trailwarden warm AWSLogs/ -c trailwarden.yaml --state warm.state\n  trailwarden run -c trailwarden.yaml --state warm.state\n\n"
                  "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::warm(arguments); }; });
}

void add_backtest(CLI::App& app, app::BacktestArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("backtest", "A changed configuration on history, before it is switched on: alerts added, removed and changed, by detector");
  command->add_option("paths", arguments.paths, "Files, folders (recursive), s3://BUCKET/PREFIX or tar files of records");
  command->add_option("-c,--config", arguments.config, "The new config file (YAML)")->required();
  command->add_option("--against", arguments.against, "The one in use; without it every default holds");
  command->add_option("--state", arguments.state, "State file (`warm`, `state export`) that both begin with; without paths, what its thresholds come to under each");
  command->add_option("--since", arguments.since, "Skips records from before this eventTime, e.g. 2024-03-13T08:33:21Z or 2024-03-13");
  command->add_option("--until", arguments.until, "Skips records from this eventTime on");
  add_buckets(command, arguments.buckets);
  command->add_option("--limit", arguments.limit, "How many alerts of each kind are shown")->capture_default_str();
  command->add_flag("--json", arguments.as_json, "As JSON, with every alert that differs");
  command->footer("Both run over the same records from the beginning. A finding is the same if its id is; the Start of an Insight goes with the nearest one of its series within an hour. Ends and summaries of\n"
                  "repeats are not counted. Four weeks of records, or a state file, are best: without either, most series are in their warm-up.\n\n"
                  "Example:\n  trailwarden backtest -c new.yaml --against trailwarden.yaml AWSLogs/\n  trailwarden backtest -c new.yaml --against trailwarden.yaml --state warm.state\n\n"
                  "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::backtest(arguments); }; });
}

void add_explain(CLI::App& app, app::ExplainArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("explain", "Why there was an Insight, or why not: every number of the judgement, from a state file");
  CLI::Option* const insight = command->add_option("--insight", arguments.alerts, "An alerts file (JSON lines), or -: its first Insight");
  command->add_option("--id", arguments.id, "Which one: an alert's id or its eventID")->needs(insight);
  command->add_option("--series", arguments.series, "Or SOURCE:NAME, an API, or SOURCE:NAME:CODE, its failures with an error code")->excludes(insight);
  command->add_option("--account", arguments.account, "Its account")->excludes(insight);
  command->add_option("--region", arguments.region, "Its Region")->excludes(insight);
  command->add_option("--at", arguments.at, "The minute, e.g. 2026-01-24T10:07Z")->excludes(insight);
  command->add_option("--state", arguments.state, "State file (`warm`, `state export`) that still knows the minute")->required();
  command->add_option("-c,--config", arguments.config, "Config file (YAML), best that of whoever decided; without it every default holds");
  command->add_flag("--json", arguments.as_json, "As JSON, all digits");
  command->footer("A state knows the minutes that are open in it, and roughly the last 15 that closed. `warm --until` a few minutes behind the minute in question makes one that fits.\n\n"
                  "Example:\n  trailwarden warm AWSLogs/ --until 2026-01-24T10:10Z --state then.state\n"
                  "  trailwarden explain --series ec2.amazonaws.com:RunInstances --account 111122223333 --region eu-west-1 --at 2026-01-24T10:07Z --state then.state\n"
                  "  trailwarden explain --insight alerts.jsonl --state then.state\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage or config, or a time that the state does not know.");
  command->callback([&] { action = [&] { return app::explain(arguments); }; });
}

/// CLI11 would read -1 as the largest number there is.
CLI::Validator not_negative() {
  return CLI::Validator([](const std::string& text) { return text.starts_with('-') ? "expected 0 or more, got " + text : std::string(); }, "");
}

void add_generate(CLI::App& app, app::GenerateArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("generate", "Made-up CloudTrail traffic with labelled incidents, for tests and demonstrations");
  command->add_option("-o,--out", arguments.out, "Folder to write into; made if missing, and empty if not")->required();
  command->add_option("--seed", arguments.seed, "The same arguments with the same seed give the same bytes")->check(not_negative())->capture_default_str();
  command->add_option("--days", arguments.days, "Days of traffic. Incidents begin after 14 days; in less than 16 days, in the last third")->check(not_negative())->capture_default_str();
  command->add_option("--accounts", arguments.accounts, "Accounts, of three Regions each")->check(not_negative())->capture_default_str();
  command->add_option("--rate", arguments.rate, "Calls a minute of each account, on average")->capture_default_str();
  command->add_option("--start", arguments.start, "Event time of the beginning, e.g. 2026-01-05T00:00:00Z or 2026-01-05")->capture_default_str();
  command->add_flag("--jsonl", arguments.jsonl, "One file events.jsonl, in the order of delivery, instead of objects as in a bucket");
  command->add_flag("!--no-incidents", arguments.incidents, "Ordinary traffic only");
  command->footer("Writes AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz and labels.jsonl, one incident a line.\n\n"
                  "Example:\n  trailwarden generate --out /tmp/traffic --days 21\n"
                  "  trailwarden replay /tmp/traffic/AWSLogs --alerts alerts.jsonl\n\n"
                  "Exit codes: 0 fine, 1 the work failed, 2 wrong usage.");
  command->callback([&] { action = [&] { return app::generate(arguments); }; });
}

void add_config(CLI::App& app, std::string& file, std::string& against, app::ConfigDiffArguments& difference, Action& action) {
  CLI::App& group = add_group(app, "config", "Check or show the configuration", "trailwarden config check trailwarden.yaml");
  CLI::App* const check = group.add_subcommand("check", "Every error of a config file, at file:line:column");
  check->add_option("file", file, "Config file")->required();
  check->add_option("--against", against, "State file: how many of its series each of `insights.scopes` is for; one that is for none is an error");
  check->footer("Example:\n  trailwarden config check trailwarden.yaml --against warm.state\n\nExit codes: 0 fine, 1 a scope matches nothing, 2 the config is wrong.");
  check->callback([&] { action = [&] { return app::check_config(file, against); }; });
  CLI::App* const show = group.add_subcommand("show", "The effective configuration, defaults filled in");
  show->add_option("file", file, "Config file; without it the defaults");
  show->footer("Example:\n  trailwarden config show > trailwarden.yaml");
  show->callback([&] { action = [&] { return app::show_config(file); }; });
  CLI::App* const diff = group.add_subcommand("diff", "What changes from one configuration to another, in words, and what of it wants a restart");
  diff->add_option("old", difference.before, "Config file")->required();
  diff->add_option("new", difference.after, "Config file")->required();
  diff->add_flag("--json", difference.as_json, "As JSON");
  diff->footer("Compares what is in effect: a default that is written out is no difference. `trailwarden backtest` shows what it does to alerts.\n\n"
               "Example:\n  trailwarden config diff /etc/trailwarden/trailwarden.yaml trailwarden.yaml\n\nExit codes: 0 they say the same, 1 they differ, 2 wrong usage or config.");
  diff->callback([&] { action = [&] { return app::diff_configs(difference); }; });
}

void add_detectors(CLI::App& app, bool& as_json, Action& action) {
  CLI::App& group = add_group(app, "detectors", "What is detected, and with which options", "trailwarden detectors list");
  CLI::App* const list = group.add_subcommand("list", "Every detector: claim, needs, options, blind spots");
  list->add_flag("--json", as_json, "As JSON");
  list->footer("Example:\n  trailwarden detectors list");
  list->callback([&] { action = [&] { return app::list_detectors(as_json); }; });
}

void add_metrics(CLI::App& app, bool& as_json, Action& action) {
  CLI::App& group = add_group(app, "metrics", "What /metrics has for Prometheus", "trailwarden metrics list");
  CLI::App* const list = group.add_subcommand("list", "Every metric: type, labels, meaning");
  list->add_flag("--json", as_json, "As JSON");
  list->footer("Example:\n  trailwarden metrics list");
  list->callback([&] { action = [&] { return app::list_metrics(as_json); }; });
}

void add_notify(CLI::App& app, app::NotifyArguments& arguments, Action& action) {
  CLI::App& group = add_group(app, "notify", "Try out notifications, and see which were given up", "trailwarden notify test -c trailwarden.yaml");
  CLI::App* const test = group.add_subcommand("test", "Sends one made-up finding to each sink of `notifications`, past routes and rate limits, and says what came of it");
  test->add_option("-c,--config", arguments.config, "Config file (YAML)")->required();
  test->add_option("--sink", arguments.sink, "To this sink only");
  test->add_flag("--dry-run", arguments.dry_run, "Prints the requests instead; secrets are starred out");
  test->footer("Example:\n  trailwarden notify test -c trailwarden.yaml --sink oncall\n\nExit codes: 0 all were taken, 1 some were not, 2 wrong usage or config.");
  test->callback([&] { action = [&] { return app::test_notifications(arguments); }; });
  CLI::App* const undelivered = group.add_subcommand("undelivered", "The messages that were given up, with the reason, as JSON lines");
  undelivered->add_option("-c,--config", arguments.config, "Config file (YAML)")->required();
  undelivered->add_option("--sink", arguments.sink, "Of this sink only");
  undelivered->footer("Example:\n  trailwarden notify undelivered -c trailwarden.yaml | jq -r '.alerts[].detail.sentence'\n\nExit codes: 0 fine, 1 the topic could not be read, 2 wrong usage or config.");
  undelivered->callback([&] { action = [&] { return app::list_undelivered(arguments); }; });
}

void add_show(CLI::App& group, std::string& file, std::size_t& limit, Action& action) {
  CLI::App* const show = group.add_subcommand("show", "Alerts for reading: the sentence first, then everything");
  show->add_option("file", file, "JSON lines as `replay --alerts` writes them, or -")->required();
  show->add_option("--limit", limit, "How many, the most severe of each detector first")->capture_default_str();
  show->footer("Example:\n  trailwarden alerts show alerts.jsonl --limit 3");
  show->callback([&] { action = [&] { return app::show_alerts(file, limit); }; });
}

void add_score(CLI::App& group, app::ScoreArguments& arguments, Action& action) {
  CLI::App* const score = group.add_subcommand("score", "Hold alerts against the labels of generated traffic: planted, found, how late, and false Insights");
  score->add_option("alerts", arguments.alerts, "JSON lines as `replay --alerts` writes them")->required();
  score->add_option("--labels", arguments.labels, "labels.jsonl as `generate` writes it")->required();
  score->add_option("--budget", arguments.budget, "False Insights asked for in all; more than twice as many fail");
  score->footer("Example:\n  trailwarden generate --out demo && trailwarden replay demo/AWSLogs --alerts alerts.jsonl\n"
                "  trailwarden alerts score alerts.jsonl --labels demo/labels.jsonl --budget 6\n\n"
                "Exit codes: 0 fine, 1 a strong incident was missed or there are too many false Insights, 2 wrong usage or an unreadable file.");
  score->callback([&] { action = [&] { return app::score_alerts(arguments); }; });
}

void add_run(CLI::App& app, app::RunArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("run", "The service: Kafka in and out, exactly once; without `kafka:` in the config, a watched folder in and a file out");
  command->add_option("-c,--config", arguments.config, "Config file (YAML); without it every default holds");
  command->add_option("--from", arguments.from, "Where partitions begin that were never committed: earliest, latest, or a time, e.g. 2026-01-05T00:00:00Z");
  command->add_option("--state", arguments.state, "State file (`warm`, `state export`): partitions begin with the cells of it that they do not have");
  command->add_flag("--drain", arguments.drain, "Ends when all input that is there was judged and committed");
  command->footer("Pages on http.listen (127.0.0.1:9464): /metrics /healthz /readyz /config /state. SIGTERM ends it cleanly; a second one at once.\n\n"
                  "Example:\n  mkdir -p inbox && cp -r AWSLogs inbox/   # what is there at the start is read in the order of delivery\n  trailwarden run &\n  tail -f trailwarden-data/alerts.jsonl\n\n"
                  "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or config, 3 another process uses our transactional id.");
  command->callback([&] { action = [&] { return app::run(arguments); }; });
}

void add_health(CLI::App& app, app::HealthArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("health", "Asks the service on this machine whether it is ready: for health checks of containers");
  command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service: where it listens");
  command->add_flag("--live", arguments.live, "Only whether it is alive: /healthz instead of /readyz");
  command->footer("Example:\n  trailwarden health -c trailwarden.yaml\n\nExit codes: 0 it is, 1 it is not or does not answer within 5 s, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::health(arguments); }; });
}

void add_audit(CLI::App& app, app::AuditArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("audit", "Holds the ledger against the alerts: nothing lost, nothing twice, nothing back");
  command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service");
  command->add_flag("--json", arguments.as_json, "As JSON");
  command->add_flag("--recompute", arguments.recompute, "Judges the whole input once more and compares alerts and saved states with what the service wrote");
  command->footer("Reads beside a service that runs.\n\nExample:\n  trailwarden audit -c trailwarden.yaml\n\n"
                  "Exit codes: 0 everything holds, 1 something does not, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::audit(arguments); }; });
}

void add_topics(CLI::App& app, app::TopicsArguments& arguments, Action& action) {
  CLI::App& group = add_group(app, "topics", "The service's topics on Kafka", "trailwarden topics create -c trailwarden.yaml");
  const auto add = [&](const char* name, const char* claim, int (*work)(const app::TopicsArguments&)) {
    CLI::App* const command = group.add_subcommand(name, claim);
    command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service")->required();
    command->add_option("--partitions", arguments.partitions, "Of each; default: as many as the input has, 8 where there is none")->check(CLI::Range(1, 100'000));
    command->add_option("--replication", arguments.replication, "Copies; default: as the brokers have it")->check(CLI::Range(1, 100));
    command->footer(std::string("Example:\n  trailwarden topics ") + name + " -c trailwarden.yaml --partitions 24\n\nExit codes: 0 fine, 1 something is not, 2 wrong usage or config.");
    command->callback([&arguments, &action, work] { action = [&arguments, work] { return work(arguments); }; });
  };
  add("create", "Makes those that are missing", app::create_topics);
  add("check", "Says what is not as it should be", app::check_topics);
}

void add_offsets(CLI::App& app, app::AcceptGapArguments& arguments, app::SkipArguments& skip, Action& action) {
  CLI::App& group = add_group(app, "offsets", "Offsets that only a person can decide on", "trailwarden offsets accept-gap -c trailwarden.yaml --topic cloudtrail --partition 3 --to 1234");
  CLI::App* const command = group.add_subcommand("accept-gap", "Accepts that a stopped partition's missing records are lost, and writes it into the ledger");
  command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service")->required();
  command->add_option("--topic", arguments.topic, "Input topic")->required();
  command->add_option("--partition", arguments.partition, "Which one has stopped")->required();
  command->add_option("--to", arguments.to, "The offset to go on at: the first one that is there again")->required();
  command->footer("Stop the service first. /readyz and /state say which partition has stopped, where and why.\n\n"
                  "Example:\n  trailwarden offsets accept-gap -c trailwarden.yaml --topic cloudtrail --partition 3 --to 1234\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::accept_gap(arguments); }; });
  CLI::App* const skipping = group.add_subcommand("skip", "Takes one message out of the way that crashes the service each time: it goes to the dead letters");
  skipping->add_option("-c,--config", skip.config, "Config file (YAML) of the service")->required();
  skipping->add_option("--topic", skip.topic, "Input topic")->required();
  skipping->add_option("--partition", skip.partition, "Its partition")->required();
  skipping->add_option("--offset", skip.offset, "Its offset, as the crash said on standard error")->required();
  skipping->footer("Stop the service first.\n\n"
                   "Example:\n  trailwarden offsets skip -c trailwarden.yaml --topic cloudtrail --partition 3 --offset 1234\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage or config.");
  skipping->callback([&] { action = [&] { return app::skip_message(skip); }; });
}

void add_forward(CLI::App& app, app::ForwardArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("forward", "Sends files' records to Kafka, each keyed ACCOUNT/REGION, as the service wants them");
  command->add_option("paths", arguments.paths, "Files, folders (recursive), s3://BUCKET/PREFIX, tar files, or - for standard input")->required();
  command->add_option("-c,--config", arguments.config, "Config file (YAML) with `kafka:`")->required();
  command->add_option("--topic", arguments.topic, "Default: the first input of the config");
  command->add_option("--rate", arguments.rate, "Records a second; default: as fast as it goes");
  command->add_option("--resume", arguments.resume, "File that says what was sent, made if it is not there. Run again with it and the same paths, it sends what was not: each record once, whatever ended it");
  add_buckets(command, arguments.buckets);
  command->add_flag("!--no-progress", arguments.progress, "No progress line on the terminal");
  command->footer("Example:\n  trailwarden forward AWSLogs/ -c trailwarden.yaml --rate 5000\n  trailwarden forward s3://my-trail/AWSLogs/ -c trailwarden.yaml --resume sent.txt\n\n"
                  "Exit codes: 0 all acknowledged, 1 not all, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::forward(arguments); }; });
}

void add_probe(CLI::App& app, app::ProbeArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("probe", "Sends one record that is a finding to a service that runs, and waits until its alert can be read");
  command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service, with `kafka:`")->required();
  command->add_option("--timeout", arguments.timeout, "How long to wait, in seconds")->capture_default_str()->check(CLI::Range(1, 3600));
  command->add_option("--topic", arguments.topic, "Default: the first input of the config");
  command->add_option("--account", arguments.account, "Whose record it is: 12 digits")->capture_default_str()->check([](const std::string& text) {
    return text.size() == 12 && text.find_first_not_of("0123456789") == std::string::npos ? std::string() : "12 digits, not " + text;
  });
  command->footer("The record says that a port of a security group that does not exist was opened, in an account that does not exist; the alert is `low`. An archiver keeps the record as any other.\n\n"
                  "Example:\n  trailwarden probe -c trailwarden.yaml --timeout 120\n\nExit codes: 0 the alert came, 1 it did not, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::probe(arguments); }; });
}

void add_dead_letters(CLI::App& app, app::DeadLetterArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("deadletters", "What was refused: why, where it stood, how it begins");
  command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service");
  command->add_option("--reason", arguments.reason, "Only those with this reason");
  command->add_option("--limit", arguments.limit, "How many, the newest of each partition of the topic")->capture_default_str();
  command->add_flag("--json", arguments.as_json, "One JSON object a line");
  command->footer("Reads beside a service that runs.\n\nExample:\n  trailwarden deadletters -c trailwarden.yaml --reason not_json\n\n"
                  "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or config.");
  command->callback([&] { action = [&] { return app::show_dead_letters(arguments); }; });
}

void add_validate(CLI::App& app, app::ValidateArguments& arguments, Action& action) {
  CLI::App* const command = app.add_subcommand("validate", "A trail's digests and logs, here or in S3: was anything changed, removed or added?");
  CLI::Option* const path = command->add_option("path", arguments.path, "s3://BUCKET[/PREFIX], or the folder that AWSLogs is in");
  command->add_option("-c,--config", arguments.config, "Instead of a path: the trails of this configuration, with their keys, and held against the manifest of what was delivered")->excludes(path);
  command->add_option("--keys", arguments.keys, "Public keys as `aws cloudtrail list-public-keys` prints them, or the folder of our own digest keys");
  command->add_option("--passphrase-file", arguments.passphrase_file, "Passphrase of that folder's keys, if they are encrypted");
  command->add_option("--start-time", arguments.start, "Only what was delivered from then on, e.g. 2026-03-01T08:00:00Z or 2026-03-01; default: from the first digest");
  command->add_option("--end-time", arguments.end, "And until then; default: to the last digest");
  command->add_option("--trail", arguments.trail, "Its name or ARN; default: all that deliver there");
  command->add_option("--account-id", arguments.account, "Only this account");
  command->add_option("--region", arguments.region, "Only logs of this Region");
  command->add_option("--organization", arguments.organization, "Of an organization's trail: o-...");
  command->add_option("--prefix", arguments.prefix, "Of the trail's keys, where the path does not have it");
  command->add_option("--bucket-region", arguments.bucket_region, "Region of the bucket; default: AWS_REGION, AWS_DEFAULT_REGION, us-east-1");
  command->add_option("--endpoint", arguments.endpoint, "S3 server, e.g. http://127.0.0.1:9000; default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS's own");
  command->add_flag("--copied", arguments.copied, "Objects lost their metadata, as in a copy on disk: digests are verified by the signature that the next one names");
  command->add_option("--threads", arguments.threads, "Threads; default: one a core, eight at least for a bucket. The output does not depend on it")->check(CLI::Range(1, 256));
  CLI::Option* const json = command->add_flag("--json", arguments.as_json, "The report as JSON");
  command->add_flag("--verbose", arguments.verbose, "Names what is valid too")->excludes(json);
  command->add_flag("!--no-progress", arguments.progress, "No progress line on the terminal");
  command->footer("Checks what `aws cloudtrail validate-logs` does, and: hash and signature by which digests name each other, windows that tile, logs that no digest lists.\n"
                  "Credentials come from where AWS's own tools find them.\n\n"
                  "Example:\n  aws cloudtrail list-public-keys --region eu-central-1 --start-time 2026-03-01T00:00:00Z --end-time 2026-03-02T02:00:00Z > keys.json\n"
                  "  trailwarden validate s3://my-trail --keys keys.json --start-time 2026-03-01 --end-time 2026-03-02\n"
                  "  trailwarden validate -c trailwarden.yaml\n\n"
                  "Exit codes: 0 intact, 1 not intact, 2 nothing can be said: wrong usage, no digests, or something could not be read.");
  command->callback([&] { action = [&] { return app::validate(arguments); }; });
}

void add_state(CLI::App& app, app::StateArguments& arguments, Action& action) {
  CLI::App& group = add_group(app, "state", "Look at saved state, and move it cell by cell", "trailwarden state inspect warm.state");
  const auto add = [&](const char* name, const char* claim, const char* footer, int (*work)(const app::StateArguments&)) {
    CLI::App* const command = group.add_subcommand(name, claim);
    command->footer(footer);
    command->callback([&arguments, &action, work] { action = [&arguments, work] { return work(arguments); }; });
    return command;
  };
  const auto service = [&](CLI::App* command) { return command->add_option("-c,--config", arguments.config, "Config file (YAML) of the service"); };
  const auto file = [&](CLI::App* command, const char* claim) { return command->add_option("--state", arguments.file, claim); };
  const auto out = [&](CLI::App* command) { return command->add_option("-o,--out", arguments.out, "State file to write"); };

  CLI::App* const inspect = add("inspect", "The snapshots of a service, and whether they can be used; or the cells of a state file",
                                "Example:\n  trailwarden state inspect -c trailwarden.yaml\n  trailwarden state inspect warm.state", app::inspect_state);
  inspect->add_option("file", arguments.file, "State file; without it the service's snapshots");
  service(inspect);

  CLI::App* const exporting = add("export", "Cells of a service's newest snapshots, or of a state file, into a state file",
                                  "Reads beside a service that runs: what it has judged since its newest snapshot (`state.snapshot_interval`) is not in it; stop it first to have all.\n\n"
                                  "Example:\n  trailwarden state export -c trailwarden.yaml --account 111122223333 --out one.state\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage or config.",
                                  app::export_state);
  CLI::Option* const of_service = service(exporting);
  file(exporting, "A state file to take them from, instead of a service")->excludes(of_service);
  exporting->add_option("--account", arguments.account, "Only these accounts (a glob)");
  exporting->add_option("--region", arguments.region, "Only these Regions (a glob)");
  out(exporting)->required();

  CLI::App* const import = add("import", "A state file into a service that is not running",
                               "Embedded only. On Kafka, `trailwarden run --state FILE` does it: every partition takes in the cells of it that it lacks.\n\n"
                               "Example:\n  trailwarden state import warm.state -c trailwarden.yaml\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage or config.",
                               app::import_state);
  import->add_option("file", arguments.file, "State file")->required();
  service(import);
  import->add_flag("--replace", arguments.replace, "Takes the place of cells that are there; without it they are an error, and nothing is changed");

  CLI::App* const forget = add("forget", "Removes every trace of a principal from a state file, or from a service that is not running",
                               "An ARN; of a session its role goes too, for attributions know roles only. Calls stay counted, as \"(forgotten)\". Alerts that were written, the trail and the input are\n"
                               "not touched. Says how many places named it.\n\n"
                               "Example:\n  trailwarden state forget arn:aws:iam::111122223333:user/alice --state warm.state --out clean.state\n"
                               "  trailwarden state forget arn:aws:iam::111122223333:user/alice -c trailwarden.yaml\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage or config.",
                               app::forget_principal);
  forget->add_option("principal", arguments.principal, "Whom to forget: an ARN")->required();
  CLI::Option* const whose = service(forget);
  file(forget, "State file to read, instead of a service")->excludes(whose);
  out(forget);

  CLI::App* const merge = add("merge", "State files into one; a cell that two of them have is an error",
                              "Example:\n  trailwarden state merge eu.state us.state --out all.state\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage.", app::merge_states);
  merge->add_option("files", arguments.files, "State files")->required();
  out(merge)->required();
}

void add_rule_import(CLI::App& group, app::RuleImportArguments& arguments, Action& action) {
  CLI::App* const command = group.add_subcommand("import", "What of Sigma files would load, what would not, and why");
  command->add_option("--sigma", arguments.folders, "Folders or files of Sigma rules")->required();
  command->add_option("-c,--config", arguments.config, "Config file (YAML): what stands for placeholders (`rules.placeholders`)");
  command->add_flag("--json", arguments.as_json, "As JSON, with every place");
  command->footer("Changes nothing: Sigma rules are used where they are, from `rules.folders` of the configuration.\n\n"
                  "Example:\n  trailwarden rules import --sigma sigma/rules/cloud/aws\n\nExit codes: 0 something would load, 1 nothing would, 2 wrong usage.");
  command->callback([&] { action = [&] { return app::import_rules(arguments); }; });
}

void add_rules(CLI::App& app, app::RuleArguments& arguments, app::RuleImportArguments& import, Action& action) {
  CLI::App& group = add_group(app, "rules", "Rules: what they are, whether they are sound, what they would say", "trailwarden rules list");
  const auto add = [&](const char* name, const char* claim, const char* footer, int (*work)(const app::RuleArguments&)) {
    CLI::App* const command = group.add_subcommand(name, claim);
    command->footer(footer);
    command->callback([&arguments, &action, work] { action = [&arguments, work] { return work(arguments); }; });
    return command;
  };
  const auto config = [&](CLI::App* command) { command->add_option("-c,--config", arguments.config, "Config file (YAML): its rules, and what stands for placeholders in others"); };
  const auto keep_going = [&](CLI::App* command) { command->add_flag("--keep-going", arguments.keep_going, "Leaves out what has errors, where else nothing is loaded"); };
  const auto folders = [&](CLI::App* command) { return command->add_option("folders", arguments.paths, "Folders or files of rules"); };

  CLI::App* const check = add("check", "Every error of rule files, at file:line:column",
                              "Example:\n  trailwarden rules check my-rules/\n\nExit codes: 0 all are sound, 1 not all, 2 wrong usage.", app::check_rules);
  folders(check)->required();
  config(check);
  keep_going(check);
  CLI::App* const test = add("test", "Runs the tests that stand in rule files", "Example:\n  trailwarden rules test my-rules/ --junit rules.xml\n\nExit codes: 0 all passed, 1 not all, 2 wrong usage.", app::test_rules);
  folders(test)->required();
  test->add_option("--junit", arguments.junit, "JUnit XML to write");
  config(test);
  keep_going(test);
  CLI::App* const list = add("list", "The rules of a configuration, or of folders", "Example:\n  trailwarden rules list -c trailwarden.yaml", app::list_rules);
  folders(list);
  config(list);
  keep_going(list);
  list->add_flag("--json", arguments.as_json, "As JSON");
  CLI::App* const coverage = add("coverage", "MITRE ATT&CK techniques that the rules know", "Example:\n  trailwarden rules coverage --navigator layer.json", app::cover_rules);
  folders(coverage);
  config(coverage);
  coverage->add_option("--navigator", arguments.navigator, "Layer for the ATT&CK Navigator to write");
  CLI::App* const explain = add("explain", "Holds records against one rule: which test passed, which did not, what was seen",
                                "Example:\n  trailwarden rules explain aws.iam.user_created record.json\n\nExit codes: 0 fine, 1 unreadable records, 2 wrong usage.", app::explain_rule);
  explain->add_option("rule", arguments.rule, "Its id")->required();
  explain->add_option("records", arguments.event, "A record, an array, {\"Records\": [...]}, or a record a line")->required();
  config(explain);
  CLI::App* const trial = add("try", "A preview on history: what rules would have said, before they are enabled",
                              "Only rules whose id matches; also those that are off.\n\nExample:\n  trailwarden rules try 'aws.iam.*' AWSLogs/\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage.", app::try_rule);
  trial->add_option("rule", arguments.rule, "Id or glob")->required();
  trial->add_option("records", arguments.paths, "Files, folders, s3://BUCKET/PREFIX, tar files of records")->required();
  trial->add_option("--rules", arguments.rule_folders, "Folder or file of rules, in place of the configuration's")->expected(1);
  config(trial);
  keep_going(trial);
  CLI::App* const hidden = add("hidden", "What each suppression hides on history, by severity",
                               "Example:\n  trailwarden rules hidden -c trailwarden.yaml AWSLogs/\n\nExit codes: 0 fine, 1 the work failed, 2 wrong usage.", app::hidden_findings);
  hidden->add_option("records", arguments.paths, "Files, folders, s3://BUCKET/PREFIX, tar files of records")->required();
  config(hidden);
  add_rule_import(group, import, action);
}

/// `--version`, and with `--json` more of it.
void add_version(CLI::App& app) {
  CLI::Option* const json = app.add_flag("--json")->description("With --version: as JSON, with the compiler, its flags and the versions of the libraries");
  const auto print = [json] { throw CLI::CallForVersion(json->count() > 0 ? app::version_json() : app::version_line(), 0); };
  json->needs(app.add_flag_callback("--version", print, "Which version this is"));
}

int run(int argc, char** argv) {
  CLI::App app("trailwarden: watches AWS CloudTrail and says what is unusual or known to be bad.");
  add_version(app);
  app.require_subcommand(1);
  app.footer("Example:\n  trailwarden replay AWSLogs/ --alerts alerts.jsonl\n\nEvery command has --help.");

  Arguments arguments;
  Action action;
  add_replay(app, arguments.replay, action);
  add_warm(app, arguments.warm, action);
  add_backtest(app, arguments.backtest, action);
  add_explain(app, arguments.explain, action);
  add_generate(app, arguments.generate, action);
  add_run(app, arguments.run, action);
  add_health(app, arguments.health, action);
  add_audit(app, arguments.audit, action);
  add_topics(app, arguments.topics, action);
  add_forward(app, arguments.forward, action);
  add_probe(app, arguments.probe, action);
  add_offsets(app, arguments.accept_gap, arguments.skip, action);
  add_dead_letters(app, arguments.dead_letters, action);
  add_validate(app, arguments.validate, action);
  add_state(app, arguments.state, action);
  add_config(app, arguments.config_file, arguments.against, arguments.config_diff, action);
  add_detectors(app, arguments.as_json, action);
  add_metrics(app, arguments.as_json, action);
  add_notify(app, arguments.notify, action);
  add_rules(app, arguments.rules, arguments.rule_import, action);
  CLI::App& alerts = add_group(app, "alerts", "Look at alerts that were written", "trailwarden alerts show alerts.jsonl --limit 3");
  add_show(alerts, arguments.alerts_file, arguments.limit, action);
  add_score(alerts, arguments.score, action);
  if (argc > 1 && std::string_view(argv[1]) == "complete") return app::complete(app, {argv + 2, argv + argc});
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return run(argc, argv);
}
