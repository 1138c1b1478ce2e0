/* Time for what need not be exact. */
#ifndef OVERLAY_UDP_SECONDS_H
#define OVERLAY_UDP_SECONDS_H

#include <stdint.h>
#include <time.h>

/* Of CLOCK_MONOTONIC, late by a tick of the kernel at most; no system call. */
static inline int64_t seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec;
}

#endif
