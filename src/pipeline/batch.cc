#include "pipeline/batch.h"

namespace trailwarden::pipeline {

void Batch::clear() {
  last = false;
  input.clear();
  arena.clear();
  slot_count = 0;
  notices.clear();
  records_of_message.clear();
  for (auto& slots_of_owner : by_owner) slots_of_owner.clear();
  for (auto& alerts_of_owner : alerts) alerts_of_owner.clear();
  for (auto& late_of_owner : late) late_of_owner.clear();
  sealed_alerts.clear();
  frozen.clear();
  watermark = kBeginningOfTime;
  totals = Totals{};
}

}  // namespace trailwarden::pipeline
