/* The engine as a whole: the table of peers, which stays, and the threads, which start and stop with the device. */
#ifndef OVERLAY_UDP_ENGINE_H
#define OVERLAY_UDP_ENGINE_H

#include "worker.h"

#define MOST_WORKERS 16

struct engine {
  struct shared shared;
  struct worker *workers; /* NULL: stopped */
  uint32_t worker_count;
  int wake;
  struct counters earlier; /* of workers that have ended */
};

struct start {
  const char *netns; /* file of the network namespace of device and sockets; NULL: the caller's */
  const char *device;
  uint32_t queues;
  uint32_t transmit_queue;
  struct endpoint local[2]; /* IPv4, IPv6; length 0: none */
};

/* NULL: no memory. */
struct engine *engine_create(void);
void engine_free(struct engine *engine);

/* Opens device and sockets and starts a thread for each queue. The engine must be stopped. */
struct outcome engine_start(struct engine *engine, const struct start *start);
/* Ends and joins the threads; the device stays. May be called again. */
void engine_stop(struct engine *engine);

int engine_configure(struct engine *engine, const struct settings *settings);

/* Adds up what all workers, also those that have ended, have counted. */
void engine_counters(const struct engine *engine, struct counters *sum);

#endif
