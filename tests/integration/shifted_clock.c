// A wall clock that is wrong by as many seconds as stand in the file $SHIFTED_CLOCK, looked up at every call, so that it can jump; preloaded into a process.
// The monotonic clock is right. Why not libfaketime: librdkafka waits by cnd_timedwait, which that does not know, so after a jump it waits for an hour.
// What this cannot show: a wait that is under way while the clock goes back.
//
// With -DFOR_JAVA, for a JVM: that waits by the monotonic clock, and asks for the time so often that the file is looked up every few milliseconds only.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static time_t read_shift(void) {
  const char* const name = getenv("SHIFTED_CLOCK");
  if (name == NULL) return 0;
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[32] = {0};
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  return size > 0 ? atol(text) : 0;
}

#ifdef FOR_JAVA
#include <dlfcn.h>

static int real_time(clockid_t clock, struct timespec* out) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  return real(clock, out);
}

static time_t shift(void) {
  static __thread time_t known;
  static __thread long read_at = -1;
  struct timespec now;
  real_time(CLOCK_MONOTONIC, &now);
  const long at = now.tv_sec * 200 + now.tv_nsec / 5000000;
  if (at != read_at) known = read_shift();
  read_at = at;
  return known;
}
#else
static int real_time(clockid_t clock, struct timespec* out) { return (int)syscall(SYS_clock_gettime, clock, out); }
static time_t shift(void) { return read_shift(); }
#endif

int clock_gettime(clockid_t clock, struct timespec* out) {
  if (real_time(clock, out) != 0) return -1;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) out->tv_sec += shift();
  return 0;
}

int timespec_get(struct timespec* out, int base) {
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

int gettimeofday(struct timeval* restrict out, void* restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

#ifndef FOR_JAVA
// The kernel's clock is not shifted: deadlines of waits are put back. glibc's cnd_t and mtx_t are its pthread_cond_t and pthread_mutex_t.
static struct timespec unshifted(const struct timespec* deadline) {
  return (struct timespec){.tv_sec = deadline->tv_sec - shift(), .tv_nsec = deadline->tv_nsec};
}

int pthread_cond_clockwait(void* condition, void* mutex, clockid_t clock, const struct timespec* deadline);

int pthread_cond_timedwait(void* restrict condition, void* restrict mutex, const struct timespec* restrict deadline) {
  const struct timespec real = unshifted(deadline);
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
}

int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex, const struct timespec* restrict deadline) {
  const struct timespec real = unshifted(deadline);
  const int result = pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
  return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
}
#endif
