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
  bool tso, uso;
  pthread_mutex_t stray_lock;
  struct stray strays[STRAYS];
  uint32_t stray_count;
};

struct worker {
  struct shared *shared;
  uint32_t number;
  pthread_t thread;
  bool looks; /* for work before it sleeps; the thread's own */
  int tun, wake; /* `wake` becomes readable when the thread shall end */
  int sockets[2];
  int errors[2]; /* for ICMP errors, by the family of the inner packet; -1: none are sent */
  struct counters counters;
  struct egress *egress;
  struct ingress *ingress;
};

/* One turn each; they say whether there may be more at once. */
enum turn { TURN_IDLE, TURN_MORE, TURN_LOST };

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
