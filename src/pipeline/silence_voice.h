#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/silence.h"
#include "pipeline/batch.h"
#include "pipeline/totals.h"

namespace trailwarden::pipeline {

/// Renders what `Silence` finds, counts it, and hands on what is to be frozen.
class SilenceVoice final : public detectors::SilenceOutput {
 public:
  using Freeze = std::function<void(std::string_view account, std::string_view region, std::int64_t from, std::int64_t until)>;

  SilenceVoice(std::vector<Alert>& alerts, Totals& totals, std::size_t max_message_bytes, Freeze freeze)
      : alerts_(alerts), totals_(totals), max_message_bytes_(max_message_bytes), freeze_(std::move(freeze)) {}

  void say(event::Finding finding, std::string_view account, std::string_view region) override;
  void freeze(std::string_view account, std::string_view region, std::int64_t from, std::int64_t until) override { freeze_(account, region, from, until); }

 private:
  std::vector<Alert>& alerts_;
  Totals& totals_;
  const std::size_t max_message_bytes_;
  const Freeze freeze_;
};

}  // namespace trailwarden::pipeline
