/*
 * One thread of the engine: it carries packets both ways between one queue of the device and its own sockets. Both ways in
 * one thread, because what arrives is often answered at once (an echo, an acknowledgement), inside the same system call.
 */
#ifndef OVERLAY_UDP_WORKER_H
#define OVERLAY_UDP_WORKER_H

#include <pthread.h>

#include "io/outbox.h"
#include "io/socket.h"
#include "packet/coalesce.h"

enum filter { FILTER_ENFORCE, FILTER_COUNT, FILTER_OFF };

/* What can be changed while packets flow. Replaced as a whole, by grace.h. */
struct settings {
  uint32_t mtu; /* of inner packets */
  enum filter filter;
  struct subnet own[2];       /* this host's, by family */
  uint8_t addresses[2][16];   /* of the device, from which errors are sent */
};

#define STRAYS 8

/* A subnet whose packets came from an address that its host does not publish. */
struct stray {
  uint32_t peer;
  struct underlay sender;
};

/* What all threads share. */
struct shared {
  struct peers peers;
  _Atomic(struct settings *) settings;
  _Atomic bool stop;
  _Atomic bool device_lost; /* the device was deleted */
  _Atomic bool segmentation[2], grouping[2];
  _Atomic int64_t apart_until[2]; /* of the peer that has it latest, by the family of the sockets */
  bool tso, uso;
  pthread_mutex_t stray_lock;
  struct stray strays[STRAYS];
  uint32_t stray_count;
};

/* What a thread did last. */
enum last { LAST_SENT, LAST_RECEIVED, LASTS };

struct worker {
  struct shared *shared;
  uint32_t number;
  pthread_t thread;
  enum last last;  /* the thread's own, as is the next */
  bool looks[LASTS]; /* for work before it sleeps, after it last did that */
  int tun, wake; /* `wake` becomes readable when the thread shall end */
  int sockets[2];
  int errors[2]; /* for ICMP errors, by the family of the inner packet; -1: none are sent */
  struct counters counters;
  struct egress *egress;
  struct ingress *ingress;
};

/* One turn each; they say what there was: nothing, one small packet, more than that, or so much that more may be left. */
enum turn { TURN_EMPTY, TURN_ONE, TURN_DONE, TURN_MORE, TURN_LOST };

/* What a turn was that has taken everything. */
static inline enum turn turn_of(uint32_t packets, uint64_t bytes) {
  return packets == 0 ? TURN_EMPTY : packets == 1 && bytes <= 2048 ? TURN_ONE : TURN_DONE;
}


struct egress *egress_create(struct worker *worker);
void egress_free(struct egress *egress);
enum turn egress_turn(struct egress *egress);

struct ingress *ingress_create(struct worker *worker);
void ingress_free(struct ingress *ingress);
/* Takes what is at one of the sockets (0: IPv4, 1: IPv6). */
enum turn ingress_turn(struct ingress *ingress, int family);

/* The thread's function: `argument` is a struct worker. */
void *worker_run(void *argument);

#endif
