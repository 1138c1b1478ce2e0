/* Any sequence of changes and lookups: the table gives what a list of all prefixes gives. */
#include "../table/prefixes.h"
#include "input.h"

#define MOST 128

struct entry {
  uint8_t address[16], length;
  void *value;
};

static struct entry list[MOST];
static size_t count;

static bool covers(const struct entry *entry, const uint8_t *address) {
  for (uint8_t bit = 0; bit < entry->length; bit++)
    if (((entry->address[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8)) & 1) return false;
  return true;
}

static struct entry *exact(const uint8_t *address, uint8_t length) {
  for (size_t i = 0; i < count; i++)
    if (list[i].length == length && covers(&list[i], address)) return &list[i];
  return NULL;
}

static void *longest(const uint8_t *address) {
  const struct entry *best = NULL;
  for (size_t i = 0; i < count; i++)
    if (covers(&list[i], address) && (best == NULL || list[i].length > best->length)) best = &list[i];
  return best == NULL ? NULL : best->value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {data, size};
  struct grace grace;
  struct prefixes prefixes;
  memset(&grace, 0, sizeof grace);
  grace_begin(&grace);
  uint8_t bytes = take8(&input) & 1 ? 16 : 4;
  prefixes_begin(&prefixes, bytes, &grace);
  count = 0;
  while (input.left > 0) {
    uint8_t operation = take8(&input), address[16] = {0};
    /* Few different addresses, so that prefixes nest. */
    address[0] = 10;
    address[1] = take8(&input) & 3;
    address[2] = take8(&input);
    address[bytes - 1] = take8(&input);
    uint8_t length = (uint8_t)(take8(&input) % (bytes * 8 + 1));
    struct entry *entry = exact(address, length);
    if (operation % 4 == 0) {
      prefixes_delete(&prefixes, address, length);
      if (entry != NULL) *entry = list[--count];
    } else if (operation % 4 == 1 && (entry != NULL || count < MOST)) {
      void *value = (void *)(uintptr_t)(operation + 1);
      HOLDS(prefixes_set(&prefixes, address, length, value));
      if (entry == NULL) entry = &list[count++];
      memcpy(entry->address, address, 16);
      entry->length = length;
      entry->value = value;
    } else {
      HOLDS(prefixes_match(&prefixes, address) == longest(address));
      HOLDS(prefixes_get(&prefixes, address, length) == (entry == NULL ? NULL : entry->value));
    }
    if (operation & 128) grace_collect(&grace);
  }
  prefixes_end(&prefixes);
  grace_end(&grace);
  return 0;
}
