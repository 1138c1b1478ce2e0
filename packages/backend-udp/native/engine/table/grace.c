#include "grace.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static uint64_t oldest_round(struct grace *grace) {
  uint64_t oldest = UINT64_MAX;
  for (unsigned i = 0; i < MOST_READERS; i++) {
    uint64_t seen = atomic_load(&grace->readers[i].seen);
    if (seen != 0 && seen < oldest) oldest = seen;
  }
  return oldest;
}

void grace_collect(struct grace *grace) {
  size_t done = 0;
  if (grace->count == 0) return;
  uint64_t oldest = oldest_round(grace);
  while (done < grace->count && grace->retired[done].since <= oldest) free(grace->retired[done++].memory);
  grace->count -= done;
  memmove(grace->retired, grace->retired + done, grace->count * sizeof *grace->retired);
}

void grace_free(struct grace *grace, void *memory) {
  if (memory == NULL) return;
  /* A round that begins from now on sees the new era, and has not seen this memory. */
  uint64_t since = atomic_fetch_add(&grace->era, 1) + 1;
  if (grace->count == grace->capacity) {
    size_t capacity = grace->capacity == 0 ? 64 : grace->capacity * 2;
    struct retired *larger = realloc(grace->retired, capacity * sizeof *larger);
    if (larger == NULL) {
      while (oldest_round(grace) < since) sched_yield();
      free(memory);
      return;
    }
    grace->retired = larger;
    grace->capacity = capacity;
  }
  grace->retired[grace->count++] = (struct retired){memory, since};
}

void grace_end(struct grace *grace) {
  for (size_t i = 0; i < grace->count; i++) free(grace->retired[i].memory);
  free(grace->retired);
  grace->retired = NULL;
  grace->count = grace->capacity = 0;
}
