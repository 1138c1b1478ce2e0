#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/raw.h"
#include "io/tun.h"
#include "netns.h"
#include "thread.h"

#define LINE 64

struct engine *engine_create(void) {
  struct engine *engine = aligned_alloc(LINE, (sizeof *engine + LINE - 1) & ~(size_t)(LINE - 1));
  struct settings *settings = calloc(1, sizeof *settings);
  if (engine == NULL || settings == NULL) {
    free(engine);
    free(settings);
    return NULL;
  }
  memset(engine, 0, sizeof *engine);
  engine->wake = -1;
  peers_begin(&engine->shared.peers);
  pthread_mutex_init(&engine->shared.stray_lock, NULL);
  atomic_store(&engine->shared.settings, settings);
  return engine;
}

void engine_free(struct engine *engine) {
  engine_stop(engine);
  peers_end(&engine->shared.peers);
  pthread_mutex_destroy(&engine->shared.stray_lock);
  free(atomic_load(&engine->shared.settings));
  free(engine);
}

int engine_configure(struct engine *engine, const struct settings *wanted) {
  struct settings *settings = malloc(sizeof *settings);
  if (settings == NULL) return ENOMEM;
  *settings = *wanted;
  grace_free(&engine->shared.peers.grace, atomic_exchange(&engine->shared.settings, settings));
  grace_collect(&engine->shared.peers.grace);
  return 0;
}

static void add_all(_Atomic uint64_t *sum, const _Atomic uint64_t *more, size_t many) {
  for (size_t i = 0; i < many; i++) count(&sum[i], atomic_load_explicit(&more[i], memory_order_relaxed));
}

static void add_counters(struct counters *sum, const struct counters *more) {
  add_all((_Atomic uint64_t *)(void *)sum, (const _Atomic uint64_t *)(const void *)more,
          sizeof *sum / sizeof(_Atomic uint64_t));
}

void engine_counters(const struct engine *engine, struct counters *sum) {
  memset(sum, 0, sizeof *sum);
  add_counters(sum, &engine->earlier);
  for (uint32_t i = 0; i < engine->worker_count; i++) add_counters(sum, &engine->workers[i].counters);
}

static void close_worker(struct worker *worker) {
  egress_free(worker->egress);
  ingress_free(worker->ingress);
  if (worker->tun >= 0) close(worker->tun);
  for (int family = 0; family < 2; family++) {
    if (worker->sockets[family] >= 0) close(worker->sockets[family]);
    if (worker->errors[family] >= 0) close(worker->errors[family]);
  }
}

static struct outcome open_sockets(struct engine *engine, struct worker *worker, const struct start *start) {
  for (int family = 0; family < 2; family++) {
    struct udp_socket opened;
    if (start->local[family].length == 0) continue;
    struct outcome outcome = udp_open(&start->local[family], &opened);
    if (outcome.error != 0) return outcome;
    worker->sockets[family] = opened.descriptor;
    atomic_store(&engine->shared.segmentation[family], opened.segments);
    atomic_store(&engine->shared.grouping[family], opened.groups);
  }
  return SUCCESS;
}

struct preparation {
  struct engine *engine;
  const struct start *start;
};

static struct outcome prepare(void *argument) {
  struct engine *engine = ((struct preparation *)argument)->engine;
  const struct start *start = ((struct preparation *)argument)->start;
  int descriptors[MOST_WORKERS];
  struct tun tun = {.name = start->device,
                    .queues = start->queues,
                    .transmit_queue = start->transmit_queue,
                    .descriptors = descriptors};
  engine->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (engine->wake < 0) return (struct outcome){errno, "eventfd"};
  /* Sockets first: when the port is taken, no device has been made. */
  for (uint32_t i = 0; i < engine->worker_count; i++) {
    struct outcome outcome = open_sockets(engine, &engine->workers[i], start);
    if (outcome.error != 0) return outcome;
  }
  struct outcome outcome = tun_open(&tun);
  if (outcome.error != 0) return outcome;
  engine->shared.tso = tun.tso;
  engine->shared.uso = tun.uso;
  for (uint32_t i = 0; i < engine->worker_count; i++) engine->workers[i].tun = descriptors[i];
  for (uint32_t i = 0; i < engine->worker_count; i++) {
    struct worker *worker = &engine->workers[i];
    worker->wake = engine->wake;
    worker->errors[0] = raw_open(AF_INET);
    worker->errors[1] = raw_open(AF_INET6);
    worker->egress = egress_create(worker);
    worker->ingress = ingress_create(worker);
    if (worker->egress == NULL || worker->ingress == NULL) return (struct outcome){ENOMEM, "malloc"};
  }
  return SUCCESS;
}

/* Ends the first `running` threads, and gives everything back. */
static void end_workers(struct engine *engine, uint32_t running) {
  uint64_t one = 1;
  atomic_store(&engine->shared.stop, true);
  /* It cannot fail: nobody reads the counter, which a few additions do not fill. */
  if (engine->wake >= 0 && write(engine->wake, &one, sizeof one) < 0) abort();
  for (uint32_t i = 0; i < running; i++) pthread_join(engine->workers[i].thread, NULL);
  for (uint32_t i = 0; i < engine->worker_count; i++) {
    add_counters(&engine->earlier, &engine->workers[i].counters);
    close_worker(&engine->workers[i]);
  }
  if (engine->wake >= 0) close(engine->wake);
  engine->wake = -1;
  free(engine->workers);
  engine->workers = NULL;
  engine->worker_count = 0;
  grace_collect(&engine->shared.peers.grace);
}

struct outcome engine_start(struct engine *engine, const struct start *start) {
  if (engine->workers != NULL) return (struct outcome){EALREADY, "start"};
  if (start->queues == 0 || start->queues > MOST_WORKERS) return (struct outcome){EINVAL, "start"};
  size_t bytes = start->queues * sizeof *engine->workers;
  engine->workers = aligned_alloc(LINE, (bytes + LINE - 1) & ~(size_t)(LINE - 1));
  if (engine->workers == NULL) return (struct outcome){ENOMEM, "malloc"};
  memset(engine->workers, 0, bytes);
  engine->worker_count = start->queues;
  atomic_store(&engine->shared.stop, false);
  atomic_store(&engine->shared.device_lost, false);
  for (uint32_t i = 0; i < start->queues; i++) {
    struct worker *worker = &engine->workers[i];
    worker->shared = &engine->shared;
    worker->number = i;
    worker->tun = worker->sockets[0] = worker->sockets[1] = worker->errors[0] = worker->errors[1] = -1;
  }
  struct preparation preparation = {engine, start};
  struct outcome outcome = in_netns(start->netns, prepare, &preparation);
  uint32_t running = 0;
  while (outcome.error == 0 && running < engine->worker_count) {
    struct worker *worker = &engine->workers[running];
    int error = start_thread(&worker->thread, "overlay-udp", worker_run, worker);
    if (error != 0)
      outcome = (struct outcome){error, "pthread_create"};
    else
      running++;
  }
  if (outcome.error != 0) end_workers(engine, running);
  return outcome;
}

void engine_stop(struct engine *engine) {
  if (engine->workers != NULL) end_workers(engine, engine->worker_count);
}
