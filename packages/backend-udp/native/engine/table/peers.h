/* The remote hosts, found by an inner address or by number. One writer; readers as in grace.h. */
#ifndef OVERLAY_UDP_PEERS_H
#define OVERLAY_UDP_PEERS_H

#include <netinet/in.h>

#include "prefixes.h"

#define MOST_SENDERS 4

/* An underlay address in 16 bytes, an IPv4 one mapped into IPv6 (RFC 4291 2.5.5.2). */
struct underlay {
  uint8_t bytes[16];
};

/* Where to send, ready for the kernel; length 0: nowhere. */
struct endpoint {
  union {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
  } address;
  socklen_t length;
};

/* Inner packets; a super-packet counts as those that are on the wire. */
struct traffic {
  _Atomic uint64_t packets, bytes;
};

struct peer_traffic {
  struct traffic sent, received;
};

/* What changes while packets flow. */
struct peer_state {
  struct peer_traffic traffic;
  _Atomic int64_t apart_until; /* until when its datagrams are sent one by one, in seconds of CLOCK_MONOTONIC; 0: not */
};

struct subnet {
  uint8_t length;      /* in bits */
  bool present;
  uint8_t address[16]; /* IPv4: the first four bytes */
};

/* Not changed once it is in the table; a change is another peer with the same number and state. */
struct peer {
  uint32_t number;
  uint8_t sender_count;
  struct underlay senders[MOST_SENDERS];
  struct endpoint endpoints[2]; /* by the family of the inner packet */
  struct subnet subnets[2];
  struct peer_state *state;
};

struct peers {
  struct grace grace;
  struct prefixes by_subnet[2];
  struct prefixes by_sender; /* whether anybody sends from there; the value is how many do */
  struct peer **by_number;
  uint32_t capacity;
};

void peers_begin(struct peers *peers);
void peers_end(struct peers *peers);

/* Puts a copy of the peer in, in place of the one with its number. `state` is not looked at. Returns an errno. */
int peers_set(struct peers *peers, const struct peer *wanted);
void peers_delete(struct peers *peers, uint32_t number);

/* The peer with a number, or NULL. The writer's. */
const struct peer *peers_get(const struct peers *peers, uint32_t number);

/* Whether there is a peer, and packets of or for it were carried. */
static inline bool peer_is_active(const struct peer *peer) {
  return peer != NULL && (atomic_load_explicit(&peer->state->traffic.sent.packets, memory_order_relaxed) != 0 ||
                          atomic_load_explicit(&peer->state->traffic.received.packets, memory_order_relaxed) != 0);
}

/* For readers. */
static inline struct peer *peers_match(const struct peers *peers, uint8_t family, const uint8_t *address) {
  return prefixes_match(&peers->by_subnet[family], address);
}

static inline bool peers_know_sender(const struct peers *peers, const struct underlay *sender) {
  return prefixes_match(&peers->by_sender, sender->bytes) != NULL;
}

static inline bool peer_sends_from(const struct peer *peer, const struct underlay *sender) {
  for (uint8_t i = 0; i < peer->sender_count; i++)
    if (__builtin_memcmp(peer->senders[i].bytes, sender->bytes, sizeof sender->bytes) == 0) return true;
  return false;
}

#endif
