#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "seconds.h"

/*
 * The kernel carries packets before any process runs, and the threads that do it here are to come close: while the host is
 * busy, pods would else wait for their network. Not by more than three shares of others, though: what is carried has to be
 * read by the pods, whose sockets hold a few hundred small packets, and is lost while they do not get to run. Not allowed,
 * it is done without.
 */
#define NICENESS (-5)
/* The shortest there is: who asks for less at a time is let in sooner, from Linux 6.12 on (kernel/sched/syscalls.c). */
#define SLICE_NS 100000

static void claim_processor(void) {
  (void)setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread alone */
  /* struct sched_attr of linux/sched/types.h, which some C libraries define too, and others do not. */
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } wanted = {.size = sizeof wanted,
              .policy = SCHED_OTHER,
              .nice = getpriority(PRIO_PROCESS, 0),
              .runtime = SLICE_NS};
  (void)syscall(SYS_sched_setattr, 0, &wanted, 0);
}

/*
 * Anybody can send to the port, and only here is it seen who is no peer and what is no packet. Strangers must not drive a
 * thread that goes before all others: while more of that comes in a second than this, it takes its turn as any other.
 */
#define MOST_UNWANTED 20000

struct flood {
  uint64_t unwanted; /* counted when the second began */
  int64_t second;
  bool on;
};

static void watch_strangers(struct flood *flood, const struct worker *worker) {
  const _Atomic uint64_t *drops = worker->counters.drops;
  uint64_t unwanted = atomic_load_explicit(&drops[REASON_UNKNOWN_SENDER], memory_order_relaxed) +
                      atomic_load_explicit(&drops[REASON_MALFORMED], memory_order_relaxed);
  if (unwanted == flood->unwanted && !flood->on) return;
  int64_t second = seconds_now();
  uint64_t most = flood->unwanted + MOST_UNWANTED;
  if (unwanted > most && !flood->on) {
    flood->on = setpriority(PRIO_PROCESS, 0, 0) == 0;
  } else if (second != flood->second && unwanted <= most && flood->on) {
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    flood->on = false;
  }
  if (second == flood->second) return;
  flood->second = second;
  flood->unwanted = unwanted;
}

enum source { SOURCE_WAKE, SOURCE_TUN, SOURCE_IPV4, SOURCE_IPV6, SOURCES };

/* Where to look in the next round. */
struct readiness {
  bool tun, sockets[2];
};

static bool anything(const struct readiness *ready) { return ready->tun || ready->sockets[0] || ready->sockets[1]; }

static void look_everywhere(const struct worker *worker, bool lost, struct readiness *ready) {
  ready->tun = !lost;
  for (int family = 0; family < 2; family++) ready->sockets[family] = worker->sockets[family] >= 0;
}

/*
 * When there was something to do again sooner than this, a thread looks for work so long before it sleeps the next time: to
 * wake one takes as long as the packet's whole way. It is not done again once it was in vain, so an idle engine costs
 * nothing. What it did last tells what to expect: an answer to what was sent comes sooner than the next request.
 */
#define LOOKING_NS 100000
/*
 * To look is to yield to others meanwhile, and those may keep the processor for long, while one who sleeps is given it
 * when he is woken. So when they did, a thread does without looking for so long.
 */
#define SHARING_NS 30000000

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Yields the processor. Whether others kept it for longer than a packet takes. */
static bool was_away(uint64_t now) {
  sched_yield();
  return nanoseconds() - now > LOOKING_NS;
}

/* Sleeps until there is something to do. Without a device what arrives is still read, and thrown away and counted. */
static void sleep_until_ready(const struct worker *worker, bool lost, struct readiness *ready) {
  struct pollfd polled[SOURCES] = {{.fd = worker->wake, .events = POLLIN},
                                   {.fd = lost ? -1 : worker->tun, .events = POLLIN},
                                   {.fd = worker->sockets[0], .events = POLLIN},
                                   {.fd = worker->sockets[1], .events = POLLIN}};
  if (poll(polled, SOURCES, -1) < 0) return;
  ready->tun = polled[SOURCE_TUN].revents != 0;
  ready->sockets[0] = polled[SOURCE_IPV4].revents != 0;
  ready->sockets[1] = polled[SOURCE_IPV6].revents != 0;
}

/*
 * Does what there is to do where `ready` says, and says there where to look again at once. Tells what it was: TURN_EMPTY,
 * TURN_ONE if it was no more than a packet each way, or TURN_DONE.
 */
static enum turn round_of_work(struct worker *worker, bool *lost, struct readiness *ready) {
  enum turn most = TURN_EMPTY;
  for (int family = 0; family < 2; family++) {
    if (!ready->sockets[family]) continue;
    enum turn turn = ingress_turn(worker->ingress, family);
    ready->sockets[family] = turn == TURN_MORE;
    if (turn == TURN_EMPTY) continue;
    if (turn > most) most = turn;
    worker->last = LAST_RECEIVED;
    /* What was just handed to the kernel may have been answered by now. */
    ready->tun = true;
  }
  if (ready->tun && !*lost) {
    enum turn turn = egress_turn(worker->egress);
    ready->tun = turn == TURN_MORE;
    *lost = turn == TURN_LOST;
    if (*lost) atomic_store(&worker->shared->device_lost, true);
    if (turn != TURN_EMPTY) worker->last = LAST_SENT;
    if (turn > most) most = turn;
    /* While packets stream out, nobody would tell of those that come in. */
    if (ready->tun) look_everywhere(worker, false, ready);
  }
  ready->tun = ready->tun && !*lost;
  return most < TURN_DONE ? most : TURN_DONE;
}

/* Work came soon, or not, after what the thread did last. */
static void learn(struct worker *worker, enum last last, bool soon) {
  worker->looks[last] = soon;
  /* Where requests follow upon answers, answers follow upon requests. */
  if (last == LAST_RECEIVED && soon) worker->looks[LAST_SENT] = true;
}

void *worker_run(void *argument) {
  struct worker *worker = argument;
  struct shared *shared = worker->shared;
  struct grace *grace = &shared->peers.grace;
  struct readiness ready;
  struct flood flood = {0};
  bool lost = false, idle = false;
  uint64_t since = 0;  /* when it had nothing more to do */
  uint64_t shares = 0; /* until when others need the processor */
  look_everywhere(worker, lost, &ready);
  claim_processor();
  while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
    grace_round(grace, worker->number);
    enum last last = worker->last;
    enum turn done = round_of_work(worker, &lost, &ready);
    watch_strangers(&flood, worker);
    if (done != TURN_EMPTY && idle) {
      learn(worker, last, nanoseconds() - since < LOOKING_NS);
      idle = false;
    }
    if (anything(&ready)) continue;
    uint64_t now = nanoseconds();
    if (!idle) since = now;
    idle = true;
    grace_wait(grace, worker->number);
    if (now - since >= LOOKING_NS) worker->looks[worker->last] = false;
    if (worker->looks[worker->last] && now >= shares) {
      /* In a stream there mostly is more already; a single packet is something that others have to do with now. */
      if (done != TURN_DONE && was_away(now)) shares = nanoseconds() + SHARING_NS;
      look_everywhere(worker, lost, &ready);
    } else {
      sleep_until_ready(worker, lost, &ready);
    }
  }
  grace_wait(grace, worker->number);
  return NULL;
}
