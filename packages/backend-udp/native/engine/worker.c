#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

/*
 * The kernel carries packets before any process runs, and the threads that do it here are to come close: while the host is
 * busy, pods would else wait for their network. Not allowed, it is done without.
 */
#define NICENESS (-15)

enum source { SOURCE_WAKE, SOURCE_TUN, SOURCE_IPV4, SOURCE_IPV6, SOURCES };

struct readiness {
  bool tun, sockets[2];
};

static bool anything(const struct readiness *ready) { return ready->tun || ready->sockets[0] || ready->sockets[1]; }

/*
 * A thread that was woken sooner than this after it fell asleep looks for work so long before it sleeps again: to wake one
 * takes as long as the packet's whole way. It is not done again once it was in vain, so an idle engine costs nothing.
 */
#define LOOKING_NS 50000

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Waits until there is something to do. Without a device what arrives is still read, and thrown away and counted. */
static void wait_for_work(struct worker *worker, bool lost, struct readiness *ready) {
  struct pollfd polled[SOURCES] = {{.fd = worker->wake, .events = POLLIN},
                                   {.fd = lost ? -1 : worker->tun, .events = POLLIN},
                                   {.fd = worker->sockets[0], .events = POLLIN},
                                   {.fd = worker->sockets[1], .events = POLLIN}};
  uint64_t start = nanoseconds(), end = start + (worker->looks ? LOOKING_NS : 0);
  int found = 0;
  while (worker->looks && (found = poll(polled, SOURCES, 0)) == 0) {
    sched_yield();
    worker->looks = nanoseconds() < end;
  }
  if (found == 0) {
    found = poll(polled, SOURCES, -1);
    worker->looks = nanoseconds() - start < LOOKING_NS;
  }
  if (found < 0) return;
  ready->tun = polled[SOURCE_TUN].revents != 0;
  ready->sockets[0] = polled[SOURCE_IPV4].revents != 0;
  ready->sockets[1] = polled[SOURCE_IPV6].revents != 0;
}

void *worker_run(void *argument) {
  struct worker *worker = argument;
  struct shared *shared = worker->shared;
  struct grace *grace = &shared->peers.grace;
  struct readiness ready = {true, {worker->sockets[0] >= 0, worker->sockets[1] >= 0}};
  bool lost = false;
  (void)setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread alone */
  while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
    grace_round(grace, worker->number);
    for (int family = 0; family < 2; family++) {
      if (!ready.sockets[family]) continue;
      ready.sockets[family] = ingress_turn(worker->ingress, family) == TURN_MORE;
      /* What was just handed to the kernel may have been answered by now. */
      ready.tun = true;
    }
    if (ready.tun && !lost) {
      enum turn turn = egress_turn(worker->egress);
      ready.tun = turn == TURN_MORE;
      lost = turn == TURN_LOST;
      if (lost) atomic_store(&shared->device_lost, true);
      /* While packets stream out, nobody would tell of those that come in. */
      if (ready.tun) ready.sockets[0] = worker->sockets[0] >= 0;
      if (ready.tun) ready.sockets[1] = worker->sockets[1] >= 0;
    }
    ready.tun = ready.tun && !lost;
    if (anything(&ready)) continue;
    grace_wait(grace, worker->number);
    wait_for_work(worker, lost, &ready);
  }
  grace_wait(grace, worker->number);
  return NULL;
}
