// gcc 12's thread sanitizer does not know the C11 calls that librdkafka makes its threads with, and crashes in the first of them. These say the same
// with the calls that it knows. Empty in other builds.
#ifdef __SANITIZE_THREAD__

#include <pthread.h>
#include <threads.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace {

struct Start {
  thrd_start_t function;
  void* argument;
};

void* run(void* taken) {
  const std::unique_ptr<Start> start(static_cast<Start*>(taken));
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(start->function(start->argument)));
}

int result_of(int error) { return error == 0 ? thrd_success : thrd_error; }

}  // namespace

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  auto start = std::make_unique<Start>(Start{function, argument});
  const int error = pthread_create(thread, nullptr, run, start.get());
  if (error == 0) [[maybe_unused]] auto* const taken = start.release();
  return result_of(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* value = nullptr;
  const int error = pthread_join(thread, &value);
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<std::intptr_t>(value));
  return result_of(error);
}

/// What the library does among its own threads is not instrumented, and cannot be judged.
const char* __tsan_default_suppressions() { return "called_from_lib:librdkafka.so\nrace:librdkafka.so\n"; }

}  // extern "C"

#endif
