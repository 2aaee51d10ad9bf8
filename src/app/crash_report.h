#pragma once

namespace trailwarden::app {

/// From now on a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) says on standard error which message its thread was judging, and what an operator can do about it,
/// before it goes on as it would have: the core file, the exit code and a debugger see nothing of it. Says nothing of threads that were judging nothing.
void report_crashes();

}  // namespace trailwarden::app
