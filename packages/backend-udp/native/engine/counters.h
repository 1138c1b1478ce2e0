/* What is counted. Each worker has its own, which it alone writes; everybody may read. */
#ifndef OVERLAY_UDP_COUNTERS_H
#define OVERLAY_UDP_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "table/peers.h"

/* In the order in which src/user/native.ts names them. */
enum reason {
  REASON_UNKNOWN_DESTINATION,
  REASON_UNKNOWN_SENDER,
  REASON_WRONG_SOURCE,
  REASON_WRONG_DESTINATION,
  REASON_MALFORMED,
  REASON_TOO_LARGE,
  REASON_TTL_EXPIRED,
  REASON_UNREACHABLE,
  REASON_OVERLOAD,
  REASONS
};

struct counters {
  struct traffic sent, received;
  _Atomic uint64_t drops[REASONS];
  _Atomic uint64_t passed[REASONS]; /* what the filter would have dropped, had it not been told to let it pass */
};

/* For a counter that one thread writes: no locked instruction. */
static inline void count(_Atomic uint64_t *counter, uint64_t more) {
  uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

static inline void count_traffic(struct traffic *traffic, uint64_t packets, uint64_t bytes) {
  count(&traffic->packets, packets);
  count(&traffic->bytes, bytes);
}

/* For a counter that all threads write. */
static inline void add_traffic(struct traffic *traffic, uint64_t packets, uint64_t bytes) {
  atomic_fetch_add_explicit(&traffic->packets, packets, memory_order_relaxed);
  atomic_fetch_add_explicit(&traffic->bytes, bytes, memory_order_relaxed);
}

#endif
