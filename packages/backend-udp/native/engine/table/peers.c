#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_ADDRESS 128

void peers_begin(struct peers *peers) {
  memset(peers, 0, sizeof *peers);
  grace_begin(&peers->grace);
  prefixes_begin(&peers->by_subnet[0], 4, &peers->grace);
  prefixes_begin(&peers->by_subnet[1], 16, &peers->grace);
  prefixes_begin(&peers->by_sender, 16, &peers->grace);
}

void peers_end(struct peers *peers) {
  prefixes_end(&peers->by_subnet[0]);
  prefixes_end(&peers->by_subnet[1]);
  prefixes_end(&peers->by_sender);
  for (uint32_t i = 0; i < peers->capacity; i++) {
    if (peers->by_number[i] != NULL) free(peers->by_number[i]->state);
    free(peers->by_number[i]);
  }
  free(peers->by_number);
  grace_end(&peers->grace);
  peers->by_number = NULL;
  peers->capacity = 0;
}

static bool count_senders(struct peers *peers, const struct peer *peer, int step) {
  for (uint8_t i = 0; i < peer->sender_count; i++) {
    const uint8_t *key = peer->senders[i].bytes;
    uintptr_t before = (uintptr_t)prefixes_get(&peers->by_sender, key, WHOLE_ADDRESS);
    uintptr_t count = step > 0 ? before + 1 : before - (before > 0);
    if (count == 0)
      prefixes_delete(&peers->by_sender, key, WHOLE_ADDRESS);
    else if (!prefixes_set(&peers->by_sender, key, WHOLE_ADDRESS, (void *)count))
      return false;
  }
  return true;
}

/* A prefix that another peer has taken over meanwhile stays that one's. */
static void drop_subnets(struct peers *peers, const struct peer *peer, const struct peer *except) {
  for (int family = 0; family < 2; family++) {
    const struct subnet *subnet = &peer->subnets[family];
    if (!subnet->present) continue;
    if (except != NULL && except->subnets[family].present &&
        memcmp(&except->subnets[family], subnet, sizeof *subnet) == 0)
      continue;
    if (prefixes_get(&peers->by_subnet[family], subnet->address, subnet->length) == peer)
      prefixes_delete(&peers->by_subnet[family], subnet->address, subnet->length);
  }
}

static bool make_room(struct peers *peers, uint32_t number) {
  if (number < peers->capacity) return true;
  uint32_t capacity = peers->capacity == 0 ? 64 : peers->capacity;
  while (capacity <= number) capacity *= 2;
  struct peer **larger = realloc(peers->by_number, capacity * sizeof *larger);
  if (larger == NULL) return false;
  memset(larger + peers->capacity, 0, (capacity - peers->capacity) * sizeof *larger);
  peers->by_number = larger;
  peers->capacity = capacity;
  return true;
}

int peers_set(struct peers *peers, const struct peer *wanted) {
  if (wanted->number > INT32_MAX || wanted->sender_count > MOST_SENDERS) return EINVAL;
  if (!make_room(peers, wanted->number)) return ENOMEM;
  struct peer *before = peers->by_number[wanted->number];
  struct peer *peer = malloc(sizeof *peer);
  if (peer == NULL) return ENOMEM;
  *peer = *wanted;
  peer->state = before != NULL ? before->state : calloc(1, sizeof *peer->state);
  bool done = peer->state != NULL && count_senders(peers, peer, 1);
  for (int family = 0; done && family < 2; family++) {
    const struct subnet *subnet = &peer->subnets[family];
    if (subnet->present) done = prefixes_set(&peers->by_subnet[family], subnet->address, subnet->length, peer);
  }
  /*
   * Out of memory midway: the peer is in the table as far as it got, and owned by it. Asked again, as the caller does,
   * it is replaced as a whole.
   */
  if (peer->state == NULL) {
    free(peer);
    return ENOMEM;
  }
  peers->by_number[peer->number] = peer;
  if (before != NULL) {
    drop_subnets(peers, before, peer);
    (void)count_senders(peers, before, -1);
    grace_free(&peers->grace, before);
  }
  grace_collect(&peers->grace);
  return done ? 0 : ENOMEM;
}

void peers_delete(struct peers *peers, uint32_t number) {
  if (number >= peers->capacity || peers->by_number[number] == NULL) return;
  struct peer *peer = peers->by_number[number];
  peers->by_number[number] = NULL;
  drop_subnets(peers, peer, NULL);
  (void)count_senders(peers, peer, -1);
  grace_free(&peers->grace, peer->state);
  grace_free(&peers->grace, peer);
  grace_collect(&peers->grace);
}

const struct peer *peers_get(const struct peers *peers, uint32_t number) {
  return number < peers->capacity ? peers->by_number[number] : NULL;
}
