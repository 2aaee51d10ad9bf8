#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "event/cloudtrail_event.h"
#include "trail/advanced_event_selector.h"
#include "trail/event_selector.h"

namespace trailwarden::trail {

/// The selectors of one trail: of one kind, and at least one. An event is kept if any of them keeps it.
using EventSelectors = std::variant<std::vector<EventSelector>, std::vector<AdvancedEventSelector>>;

/// Those of a trail that was given none: all management events, no others.
EventSelectors default_event_selectors();
std::vector<SelectorProblem> problems_with(const EventSelectors& selectors);

/// Which events a trail's selectors keep.
///
/// The category of an event is the decoder's, which knows older records as well; of insights and aggregated events none is kept, as these have settings of
/// their own. `readOnly` is `CloudTrailEvent::is_read_only`, which goes by the name where a record does not say. `resources.type` and `resources.ARN`
/// are tested on one element of `resources`; an element without an ARN is known by its `ARNPrefix`. Basic selectors are judged as the advanced ones that say the same.
///
/// Cost: a comparison of two bytes a selector for the default selectors, and no allocation. Others compare a field with each of its values (some ns each), and
/// data events walk `resources` (0.2 us for an S3 record), allocating only to unescape a text in it. Thread-safe: never changes.
/// Source: AWS CloudTrail user guide, "How CloudTrail evaluates multiple conditions for a field".
class EventSelection {
 public:
  /// `problems_with` has found nothing in them.
  explicit EventSelection(const EventSelectors& selectors);

  bool keeps(const event::CloudTrailEvent& event) const;

 private:
  struct Texts {
    std::vector<std::string> whole, beginnings, ends;
    bool empty() const { return whole.empty() && beginnings.empty() && ends.empty(); }
    bool hit(std::string_view text) const;
  };
  struct Test {
    std::string_view (*read)(const event::CloudTrailEvent&);  // null: of a resource
    Texts wanted, unwanted;
    bool accepts(std::string_view text) const { return !unwanted.hit(text) && (wanted.empty() || wanted.hit(text)); }
  };
  struct Selector {
    event::EventCategory category;
    std::vector<Test> of_event, of_type, of_arn;
    bool keeps(const event::CloudTrailEvent& event) const;
    bool keeps_resource(std::string_view type, std::string_view arn) const;
  };
  static Selector compile(const AdvancedEventSelector& selector);

  std::vector<Selector> selectors_;
};

}  // namespace trailwarden::trail
