#pragma once

namespace trailwarden::app {

/// From now on, until it ends, this process leaves no core file and lets no other process of its user read its memory, in which secrets are; and neither it nor what it starts gains
/// privileges (setuid files). With TRAILWARDEN_CORE_DUMPS=1 in the environment core files and debuggers stay possible. Says in the log what the system refuses, and that it runs as root
/// if it does. What a crash says on standard error (`report_crashes`) is not touched.
void confine_process();

}  // namespace trailwarden::app
