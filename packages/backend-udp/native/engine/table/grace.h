/*
 * When memory may be given back that readers without locks may still look at: quiescent-state-based reclamation. One
 * writer, up to MOST_READERS readers. A reader says at the start of each round that it holds nothing of the round before,
 * and before it waits that it holds nothing at all.
 */
#ifndef OVERLAY_UDP_GRACE_H
#define OVERLAY_UDP_GRACE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_READERS 64

struct retired {
  void *memory;
  uint64_t since;
};

struct grace {
  _Atomic uint64_t era;
  struct {
    _Alignas(64) _Atomic uint64_t seen; /* the era in which the reader's round began; 0: it waits, or is no more */
  } readers[MOST_READERS];
  struct retired *retired; /* the writer's own, oldest first */
  size_t count, capacity;
};

/* Zeroed memory is a grace whose era has to be set to 1. */
static inline void grace_begin(struct grace *grace) { atomic_store(&grace->era, 1); }

static inline void grace_round(struct grace *grace, unsigned reader) {
  atomic_store(&grace->readers[reader].seen, atomic_load(&grace->era));
  /* What the round reads must not be read before the writer can know of the round. */
  atomic_thread_fence(memory_order_seq_cst);
}

static inline void grace_wait(struct grace *grace, unsigned reader) {
  atomic_store_explicit(&grace->readers[reader].seen, 0, memory_order_release);
}

/* Frees `memory`, which no reader finds any more, as soon as none can still have it. Never fails: it waits instead. */
void grace_free(struct grace *grace, void *memory);

/* Frees what can be by now. */
void grace_collect(struct grace *grace);

/* Frees everything; there must be no readers. */
void grace_end(struct grace *grace);

#endif
