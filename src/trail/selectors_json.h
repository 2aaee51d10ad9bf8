#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "trail/event_selection.h"

namespace trailwarden::trail {

/// Selectors as CloudTrail's API has them in PutEventSelectors and GetEventSelectors: an object with the one member `EventSelectors` or
/// `AdvancedEventSelectors`.
std::string to_json(const EventSelectors& selectors);

/// The API's answer to selectors that it does not take.
struct SelectorsRefused {
  std::string_view type;  // InvalidEventSelectorsException, ...; a literal
  std::string message;    // every problem, with its place: `AdvancedEventSelectors[0].FieldSelectors[1].Equals: ...`
};

/// The selectors in the body of a PutEventSelectors request, whose other members are not looked at. Refused: SerializationException for what is not JSON of this
/// form, InvalidParameterCombinationException for both kinds or none, InvalidEventSelectorsException for what `problems_with` finds.
tl::expected<EventSelectors, SelectorsRefused> parse_event_selectors(std::string_view request);

}  // namespace trailwarden::trail
