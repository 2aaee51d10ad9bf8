#pragma once

#include "stream/log.h"

namespace trailwarden::pipeline {

/// The message that this thread judges at the moment; null between messages. For whoever must say what a crash was about.
inline thread_local const stream::Message* judged_now = nullptr;

/// Sets it as long as it lives.
class JudgedNow {
 public:
  explicit JudgedNow(const stream::Message& message) { judged_now = &message; }
  ~JudgedNow() { judged_now = nullptr; }
  JudgedNow(const JudgedNow&) = delete;
  JudgedNow& operator=(const JudgedNow&) = delete;
};

}  // namespace trailwarden::pipeline
