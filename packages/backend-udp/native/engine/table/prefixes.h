/*
 * Longest prefix match. A hash table for each prefix length in use, the longest asked first: a cluster's leases are of one
 * or two lengths, so a lookup is one or two probes however many hosts there are, and at worst as many as there are lengths.
 * Readers take no lock and see each change as a whole; there is one writer, and what it takes out is freed by grace.h.
 */
#ifndef OVERLAY_UDP_PREFIXES_H
#define OVERLAY_UDP_PREFIXES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "grace.h"

#define LENGTHS 129

/* One prefix: never changed once readers can find it, only replaced. */
struct prefix_entry {
  uint8_t address[16]; /* IPv4: the first four, and zeros */
  void *value;
};

struct prefix_hash {
  uint32_t mask;
  uint32_t used;   /* slots that are not empty, also those of removed entries: the writer's own */
  uint32_t live;   /* entries: the writer's own */
  _Atomic(struct prefix_entry *) slots[];
};

/* The lengths that occur, longest first. */
struct prefix_lengths {
  uint32_t count;
  uint8_t lengths[LENGTHS];
};

struct prefixes {
  uint8_t address_bytes; /* 4 or 16 */
  struct grace *grace;
  _Atomic(struct prefix_lengths *) lengths;
  _Atomic(struct prefix_hash *) hashes[LENGTHS];
};

void prefixes_begin(struct prefixes *prefixes, uint8_t address_bytes, struct grace *grace);

/* Frees everything; there must be no readers. The values are the caller's. */
void prefixes_end(struct prefixes *prefixes);

/* Sets the value (not NULL) of a prefix, whether it is there or not. Bits behind the length are not looked at. */
bool prefixes_set(struct prefixes *prefixes, const uint8_t *address, uint8_t length, void *value);

/* The value that the prefix itself has, or NULL. */
void *prefixes_get(struct prefixes *prefixes, const uint8_t *address, uint8_t length);

/* Takes a prefix out, if it is there. */
void prefixes_delete(struct prefixes *prefixes, const uint8_t *address, uint8_t length);

/* The value of the longest prefix that the address is in, or NULL. For readers. */
void *prefixes_match(const struct prefixes *prefixes, const uint8_t *address);

#endif
