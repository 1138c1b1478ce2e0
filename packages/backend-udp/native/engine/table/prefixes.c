#include "prefixes.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST 16

/* In the place of an entry that was taken out: a search goes on behind it. */
static struct prefix_entry removed;

/* The first `length` bits of an address, zeros behind. */
static void mask(uint8_t out[16], const uint8_t *address, uint8_t length) {
  uint8_t whole = length / 8, rest = length % 8;
  memset(out, 0, 16);
  memcpy(out, address, whole);
  if (rest != 0) out[whole] = address[whole] & (uint8_t)(0xff00 >> rest);
}

static uint32_t hash_of(const uint8_t address[16]) {
  uint64_t high, low;
  memcpy(&high, address, 8);
  memcpy(&low, address + 8, 8);
  uint64_t hash = (high ^ (low * 0x9e3779b97f4a7c15ull)) * 0xd6e8feb86659fd93ull;
  hash ^= hash >> 32;
  return (uint32_t)((hash * 0xd6e8feb86659fd93ull) >> 32);
}

/* The slot of an address, or NULL if it is not there. */
static _Atomic(struct prefix_entry *) *find(struct prefix_hash *hash, const uint8_t address[16]) {
  for (uint32_t i = hash_of(address);; i++) {
    _Atomic(struct prefix_entry *) *slot = &hash->slots[i & hash->mask];
    struct prefix_entry *entry = atomic_load_explicit(slot, memory_order_acquire);
    if (entry == NULL) return NULL; /* there always is an empty one */
    if (entry != &removed && memcmp(entry->address, address, 16) == 0) return slot;
  }
}

static void place(struct prefix_hash *hash, struct prefix_entry *entry) {
  uint32_t i = hash_of(entry->address);
  while (atomic_load_explicit(&hash->slots[i & hash->mask], memory_order_relaxed) != NULL) i++;
  atomic_store_explicit(&hash->slots[i & hash->mask], entry, memory_order_release);
  hash->used++;
  hash->live++;
}

/* The hash of a length with room for one more; a larger one, or one without removed entries, if need be. */
static struct prefix_hash *roomy(struct prefixes *prefixes, uint8_t length) {
  struct prefix_hash *old = atomic_load(&prefixes->hashes[length]);
  if (old != NULL && (old->used + 1) * 2 <= old->mask + 1) return old;
  uint32_t size = SMALLEST;
  while (old != NULL && size < (old->live + 1) * 4) size *= 2;
  struct prefix_hash *new = calloc(1, sizeof *new + size * sizeof *new->slots);
  if (new == NULL) return NULL;
  new->mask = size - 1;
  for (uint32_t i = 0; old != NULL && i <= old->mask; i++) {
    struct prefix_entry *entry = atomic_load(&old->slots[i]);
    if (entry != NULL && entry != &removed) place(new, entry);
  }
  atomic_store(&prefixes->hashes[length], new);
  grace_free(prefixes->grace, old);
  return new;
}

static bool publish_lengths(struct prefixes *prefixes) {
  struct prefix_lengths *lengths = calloc(1, sizeof *lengths);
  if (lengths == NULL) return false;
  for (int length = LENGTHS - 1; length >= 0; length--) {
    struct prefix_hash *hash = atomic_load(&prefixes->hashes[length]);
    if (hash != NULL && hash->live > 0) lengths->lengths[lengths->count++] = (uint8_t)length;
  }
  grace_free(prefixes->grace, atomic_exchange(&prefixes->lengths, lengths));
  return true;
}

void prefixes_begin(struct prefixes *prefixes, uint8_t address_bytes, struct grace *grace) {
  memset(prefixes, 0, sizeof *prefixes);
  prefixes->address_bytes = address_bytes;
  prefixes->grace = grace;
}

void prefixes_end(struct prefixes *prefixes) {
  for (int length = 0; length < LENGTHS; length++) {
    struct prefix_hash *hash = atomic_load(&prefixes->hashes[length]);
    for (uint32_t i = 0; hash != NULL && i <= hash->mask; i++) {
      struct prefix_entry *entry = atomic_load(&hash->slots[i]);
      if (entry != &removed) free(entry);
    }
    free(hash);
  }
  free(atomic_load(&prefixes->lengths));
  memset(prefixes, 0, sizeof *prefixes);
}

bool prefixes_set(struct prefixes *prefixes, const uint8_t *address, uint8_t length, void *value) {
  struct prefix_entry *entry = calloc(1, sizeof *entry);
  if (entry == NULL) return false;
  mask(entry->address, address, length);
  entry->value = value;
  struct prefix_hash *hash = roomy(prefixes, length);
  if (hash == NULL) {
    free(entry);
    return false;
  }
  _Atomic(struct prefix_entry *) *slot = find(hash, entry->address);
  if (slot != NULL) {
    grace_free(prefixes->grace, atomic_exchange(slot, entry));
    return true;
  }
  place(hash, entry);
  if (hash->live > 1 || publish_lengths(prefixes)) return true;
  prefixes_delete(prefixes, address, length);
  return false;
}

void *prefixes_get(struct prefixes *prefixes, const uint8_t *address, uint8_t length) {
  uint8_t key[16];
  mask(key, address, length);
  struct prefix_hash *hash = atomic_load(&prefixes->hashes[length]);
  _Atomic(struct prefix_entry *) *slot = hash == NULL ? NULL : find(hash, key);
  return slot == NULL ? NULL : atomic_load(slot)->value;
}

void prefixes_delete(struct prefixes *prefixes, const uint8_t *address, uint8_t length) {
  uint8_t key[16];
  mask(key, address, length);
  struct prefix_hash *hash = atomic_load(&prefixes->hashes[length]);
  _Atomic(struct prefix_entry *) *slot = hash == NULL ? NULL : find(hash, key);
  if (slot == NULL) return;
  grace_free(prefixes->grace, atomic_exchange(slot, &removed));
  /* Without memory the empty length stays listed: it is then searched in vain, no more. */
  if (--hash->live == 0) (void)publish_lengths(prefixes);
}

void *prefixes_match(const struct prefixes *prefixes, const uint8_t *address) {
  const struct prefix_lengths *lengths = atomic_load_explicit(&prefixes->lengths, memory_order_acquire);
  if (lengths == NULL) return NULL;
  uint8_t whole[16] = {0}, key[16];
  memcpy(whole, address, prefixes->address_bytes);
  for (uint32_t i = 0; i < lengths->count; i++) {
    uint8_t length = lengths->lengths[i];
    mask(key, whole, length);
    struct prefix_hash *hash = atomic_load_explicit(&prefixes->hashes[length], memory_order_acquire);
    if (hash == NULL) continue;
    for (uint32_t at = hash_of(key);; at++) {
      struct prefix_entry *entry = atomic_load_explicit(&hash->slots[at & hash->mask], memory_order_acquire);
      if (entry == NULL) break;
      if (entry != &removed && memcmp(entry->address, key, 16) == 0) return entry->value;
    }
  }
  return NULL;
}
