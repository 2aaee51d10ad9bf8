#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/detector.h"
#include "detectors/registry.h"
#include "testing/event_builder.h"

namespace trailwarden::detectors::testing {

using trailwarden::testing::an_event;
using trailwarden::testing::EventBuilder;
using trailwarden::testing::KeepFindings;
using trailwarden::testing::OwnedEvent;

/// What the detector says of one event, asked as the pipeline asks it.
inline std::vector<event::Finding> judge(Detector& detector, const event::CloudTrailEvent& event) {
  KeepFindings kept;
  if (detector.wants(event)) detector.observe(event, kept);
  return std::move(kept.findings);
}
inline std::vector<event::Finding> judge(Detector& detector, const EventBuilder& event) { return judge(detector, event.decode()->event); }

/// "what(severity)" of each finding.
inline std::vector<std::string> whats(const std::vector<event::Finding>& findings) {
  std::vector<std::string> out;
  for (const event::Finding& finding : findings) out.push_back(std::string(finding.what) + "(" + std::string(to_string(finding.severity)) + ")");
  return out;
}

/// A detector of the registry with these options, as YAML; fails the way a config does.
inline std::unique_ptr<Detector> configured(std::string_view name, std::string_view yaml, std::vector<std::string>* complaints = nullptr) {
  const auto diagnostics = std::make_shared<config::Diagnostics>();
  const config::Section section = config::Section::parse(yaml, "test.yaml", diagnostics);
  std::unique_ptr<Detector> made;
  for (const DetectorKind& kind : registry())
    if (kind.info().name == name) made = kind.configure(section).make();
  if (complaints != nullptr) *complaints = diagnostics->lines();
  return made;
}

/// Checks what every finding must have, and returns what is missing.
inline std::vector<std::string> flaws(const event::Finding& finding) {
  std::vector<std::string> out;
  const auto want = [&out](bool good, const char* flaw) {
    if (!good) out.emplace_back(flaw);
  };
  want(!finding.detector.empty() && !finding.what.empty(), "no detector or what");
  want(!finding.entity.empty(), "no entity");
  want(!finding.title.empty(), "no title");
  want(finding.sentence.ends_with(".") && !finding.sentence.ends_with(".."), "the sentence does not end in a full stop");
  want(finding.sentence.find("  ") == std::string::npos, "two spaces in the sentence");
  want(finding.normal.ends_with("."), "normal does not end in a full stop");
  want(!finding.evidence.empty(), "no evidence");
  want(finding.attack.id.starts_with("T1"), "no ATT&CK technique");
  want(!finding.cis_controls.empty(), "no CIS control");
  return out;
}

/// Saves a detector in the middle of a stream, loads it into a fresh one, and feeds both the rest: every difference in what they say.
inline std::vector<std::string> differences_after_reload(Detector& detector, Detector& fresh, const std::vector<std::unique_ptr<OwnedEvent>>& events, std::size_t split) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < split; ++i) judge(detector, events[i]->event);
  ByteWriter saved;
  detector.save(saved);
  ByteReader reader(saved.bytes());
  if (!fresh.load(reader)) out.emplace_back("what was saved does not load");
  if (!reader.finish()) out.emplace_back("what was saved is not read to its end");
  for (std::size_t i = split; i < events.size(); ++i)
    if (judge(detector, events[i]->event) != judge(fresh, events[i]->event)) out.push_back("another finding for event " + std::to_string(i));
  ByteWriter again, copy;
  detector.save(again);
  fresh.save(copy);
  if (again.bytes() != copy.bytes()) out.emplace_back("another state in the end");
  ByteReader cut(std::string_view(saved.bytes()).substr(0, saved.bytes().size() - 1));
  if (fresh.load(cut)) out.emplace_back("a state that was cut off loads");
  return out;
}

}  // namespace trailwarden::detectors::testing
