#pragma once

#include "archive/digest_writer.h"
#include "archive/trail_watch.h"
#include "core/time.h"

namespace trailwarden::app {

/// An object of a trail that is not as it was delivered, as an alert: an EventBridge envelope, `detail-type` "Trailwarden Trail Problem", `source` "trailwarden", `time` when it was found,
/// `detail` as models/schemas/trail_problem.schema.json has it. It rests on no record, and no detector said it: so it is no "Trailwarden Finding".
///
/// The id is a UUID of version 8 from SHA-256 over (account, Region, trail, what, bucket, key): whoever finds it again, after whatever restart, says the same one.
archive::Telling alert_of(const archive::TrailProblem& problem, Timestamp found);

}  // namespace trailwarden::app
