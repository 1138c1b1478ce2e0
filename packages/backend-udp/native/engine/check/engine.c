/*
 * The engine with a pair of local sockets in the place of each queue of a TUN device, so that its threads can be watched
 * without privileges. `engine CASE`: what does not hold is told on stderr and ends the program. Run by
 * test/user/native-checks.test.ts, with a sanitizer.
 */
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../engine.h"
#include "../fuzz/input.h"
#include "../io/tun.h"
#include "../packet/checksum.h"
#include "../packet/icmp.h"

#define QUEUES 2
#define OFFLOAD sizeof(struct virtio_net_hdr)
#define PATIENCE_MS 30000
#define PAYLOAD 100
#define UDP_SEGMENT_OPTION 103

static int near[QUEUES] = {-1, -1}; /* our ends */
static _Atomic int read_error, refuse_to_cut, messages_cut, messages_apart;

/* io/tun.h: nothing that is sent is lost here, and one read is one packet. */
struct outcome tun_open(struct tun *tun) {
  for (uint32_t i = 0; i < tun->queues; i++) {
    int pair[2];
    if (near[i] >= 0) close(near[i]);
    HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    near[i] = pair[0];
    tun->descriptors[i] = pair[1];
  }
  tun->tso = tun->uso = true;
  return SUCCESS;
}

void tun_close(struct tun *tun) { (void)tun; }

/* The linker puts these in the place of the system's (--wrap). */
ssize_t __real_read(int fd, void *bytes, size_t length);
ssize_t __wrap_read(int fd, void *bytes, size_t length);
ssize_t __wrap_read(int fd, void *bytes, size_t length) {
  ssize_t got = __real_read(fd, bytes, length);
  int error = atomic_load(&read_error);
  if (got <= 0 || error == 0) return got;
  errno = error; /* the packet is gone, as with the driver */
  return -1;
}

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
  HOLDS(count > 0);
  if (messages[0].msg_hdr.msg_controllen > 0) {
    if (atomic_load(&refuse_to_cut)) {
      errno = EIO;
      return -1;
    }
    atomic_fetch_add(&messages_cut, 1);
  } else {
    atomic_fetch_add(&messages_apart, 1);
  }
  return __real_sendmmsg(fd, messages, 1, flags);
}

static _Atomic int64_t later; /* seconds by which the clock is put on */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
  int done = __real_clock_gettime(clock, now);
  now->tv_sec += atomic_load(&later);
  return done;
}

static _Atomic int ordinary, favoured; /* how often a thread has become that */
int __wrap_setpriority(int which, id_t who, int niceness);
int __wrap_setpriority(int which, id_t who, int niceness) {
  HOLDS(which == PRIO_PROCESS && who == 0);
  atomic_fetch_add(niceness == 0 ? &ordinary : &favoured, 1);
  return 0;
}

static int64_t milliseconds(void) {
  struct timespec now;
  __real_clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until a condition holds; looks at it every millisecond. */
#define UNTIL(condition)                                                                                              \
  do {                                                                                                                \
    int64_t end = milliseconds() + PATIENCE_MS;                                                                       \
    while (!(condition)) {                                                                                            \
      HOLDS((condition) || milliseconds() < end);                                                                     \
      poll(NULL, 0, 1);                                                                                               \
    }                                                                                                                 \
  } while (0)

/* A UDP datagram of IPv4 behind an offload header. */
static size_t packet(uint8_t *out, const uint8_t from[4], const uint8_t to[4], size_t payload) {
  uint8_t *ip = out + OFFLOAD;
  size_t total = IPV4_HEADER + 8 + payload;
  memset(out, 0, OFFLOAD + total);
  ip[0] = 0x45;
  write16(ip + 2, (uint16_t)total);
  ip[8] = 64;
  ip[9] = PROTOCOL_UDP;
  memcpy(ip + 12, from, 4);
  memcpy(ip + 16, to, 4);
  put_raw16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER)));
  write16(ip + 20, 1000);
  write16(ip + 22, 2000);
  write16(ip + 24, (uint16_t)(8 + payload));
  return OFFLOAD + total;
}

static const uint8_t own_address[4] = {10, 1, 0, 1};

/* Peer `number` has 10.2.(number).0/24, and is this very engine: what is sent there comes in again. */
static struct peer peer_of(uint32_t number, uint16_t port) {
  struct peer peer = {.number = number, .sender_count = 1};
  peer.senders[0] = (struct underlay){{[10] = 0xff, 0xff, 127, 0, 0, 1}};
  peer.endpoints[0].address.ipv4 =
      (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  peer.endpoints[0].length = sizeof peer.endpoints[0].address.ipv4;
  peer.subnets[0] = (struct subnet){24, true, {10, 2, (uint8_t)number}};
  return peer;
}

static uint16_t free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  HOLDS(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
  HOLDS(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

static void begin(struct engine *engine, uint16_t port) {
  struct peer local = peer_of(0, port);
  struct start start = {.device = "none", .queues = QUEUES, .transmit_queue = 100, .local = {local.endpoints[0]}};
  HOLDS(engine_start(engine, &start).error == 0);
}

static void set_mtu(struct engine *engine, uint32_t mtu) {
  /* Nothing is checked, because what is sent to the peer comes back as the peer's. */
  struct settings settings = {.mtu = mtu, .filter = FILTER_OFF, .own = {{16, true, {10, 1}}}, .addresses = {{10, 1}}};
  HOLDS(engine_configure(engine, &settings) == 0);
}

static struct engine *engine_at(uint16_t port) {
  struct engine *engine = engine_create();
  HOLDS(engine != NULL);
  set_mtu(engine, 1400);
  begin(engine, port);
  return engine;
}

static struct counters counted(const struct engine *engine) {
  struct counters sum;
  engine_counters(engine, &sum);
  return sum;
}

/* Sends packets to a peer by a queue. Returns for how many there was room. */
static unsigned put(int queue, uint32_t peer, size_t payload, unsigned many) {
  uint8_t bytes[2048];
  unsigned sent = 0;
  size_t length = packet(bytes, own_address, (const uint8_t[4]){10, 2, (uint8_t)peer, 1}, payload);
  for (unsigned i = 0; i < many; i++) sent += write(near[queue], bytes, length) > 0;
  return sent;
}

static unsigned take(int queue) {
  uint8_t bytes[70000];
  unsigned taken = 0;
  while (__real_read(near[queue], bytes, sizeof bytes) > 0) taken++;
  return taken;
}

/* A packet that cannot be read is counted; the queue and the device go on. */
static void read_errors(void) {
  uint16_t port = free_port();
  struct engine *engine = engine_at(port);
  struct peer peer = peer_of(1, port);
  HOLDS(peers_set(&engine->shared.peers, &peer) == 0);
  atomic_store(&read_error, EINVAL);
  HOLDS(put(0, 1, PAYLOAD, 3) == 3);
  UNTIL(counted(engine).drops[REASON_MALFORMED] == 3);
  atomic_store(&read_error, 0);
  HOLDS(!atomic_load(&engine->shared.device_lost));
  HOLDS(put(0, 1, PAYLOAD, 1) == 1);
  UNTIL(counted(engine).sent.packets == 1);
  atomic_store(&read_error, EBADFD);
  HOLDS(put(1, 1, PAYLOAD, 1) == 1);
  UNTIL(atomic_load(&engine->shared.device_lost));
  HOLDS(counted(engine).drops[REASON_MALFORMED] == 3);
  engine_free(engine);
}

/* After a device has refused to cut messages, datagrams go to that peer alone one by one, and not for ever. */
static void cutting_returns(void) {
  uint16_t port = free_port();
  struct engine *engine = engine_at(port);
  for (uint32_t number = 1; number <= 2; number++) {
    struct peer peer = peer_of(number, port);
    HOLDS(peers_set(&engine->shared.peers, &peer) == 0);
  }
  uint64_t sent = 0;
  atomic_store(&refuse_to_cut, 1);
  /* Until a few of them were read in one turn, and so were to go in one message. */
  UNTIL((sent += put(0, 1, PAYLOAD, 8), take(0), take(1), peers_get(&engine->shared.peers, 1)->state->apart_until != 0));
  UNTIL(counted(engine).sent.packets == sent);
  HOLDS(atomic_load(&messages_cut) == 0);
  atomic_store(&refuse_to_cut, 0);
  for (int i = 0; i < 10; i++) {
    sent += put(0, 1, PAYLOAD, 8);
    UNTIL((take(0), take(1), counted(engine).sent.packets == sent));
  }
  HOLDS(atomic_load(&messages_cut) == 0);
  HOLDS(atomic_load(&messages_apart) > 0);
  UNTIL((sent += put(0, 2, PAYLOAD, 8), take(0), take(1), atomic_load(&messages_cut) > 0));
  UNTIL((take(0), take(1), counted(engine).sent.packets == sent));
  int before = atomic_load(&messages_cut);
  atomic_store(&later, 61);
  UNTIL((put(0, 1, PAYLOAD, 8), take(0), take(1), atomic_load(&messages_cut) > before));
  engine_free(engine);
}

/* Peers and settings change, the engine ends and begins again, and is asked meanwhile; packets flow all the time. */
static _Atomic bool over;

static void *send_and_take(void *unused) {
  (void)unused;
  for (uint32_t i = 0; !atomic_load(&over); i++) {
    put((int)(i % QUEUES), i % 300, i % 700, 1 + i % 8);
    for (int queue = 0; queue < QUEUES; queue++) take(queue);
  }
  return NULL;
}

static void changes(void) {
  uint16_t port = free_port();
  int64_t end = milliseconds() + 4000;
  struct engine *engine = engine_at(port);
  pthread_t sender;
  uint64_t sent = 0;
  for (uint32_t turn = 0; milliseconds() < end; turn++) {
    uint64_t before = counted(engine).sent.packets;
    HOLDS(pthread_create(&sender, NULL, send_and_take, NULL) == 0);
    for (uint32_t i = 0; i < 3000; i++) {
      uint32_t number = (turn + i * 7) % 300;
      struct peer peer = peer_of(number, port);
      peer.subnets[0].length = (uint8_t)(22 + i % 3);
      if (i % 3 == 0) peers_delete(&engine->shared.peers, number);
      else HOLDS(peers_set(&engine->shared.peers, &peer) == 0);
      if (i % 50 == 0) set_mtu(engine, 100 + i);
      const struct peer *any = peers_get(&engine->shared.peers, i % 300);
      if (peer_is_active(any)) sent += atomic_load(&any->state->traffic.sent.packets);
      (void)counted(engine);
    }
    UNTIL(counted(engine).sent.packets > before);
    atomic_store(&over, true);
    pthread_join(sender, NULL);
    atomic_store(&over, false);
    engine_stop(engine);
    begin(engine, port);
  }
  HOLDS(sent > 0);
  engine_free(engine);
}

/* Each packet of a message is judged by its own addresses, also where those before and after it are let in. */
static void mixed_message(void) {
  enum { EACH = IPV4_HEADER + 8 + PAYLOAD };
  static const uint8_t sources[][4] = {{10, 2, 1, 1}, {10, 2, 1, 1}, {10, 2, 2, 1}, {10, 2, 1, 1}, {0}, {10, 2, 1, 1}};
  uint16_t port = free_port(), size = EACH;
  struct engine *engine = engine_at(port);
  struct settings settings = {.mtu = 1400, .filter = FILTER_ENFORCE, .own = {{16, true, {10, 1}}}};
  HOLDS(engine_configure(engine, &settings) == 0);
  struct peer peer = peer_of(1, port), other = peer_of(2, port);
  other.senders[0].bytes[15] = 2;
  HOLDS(peers_set(&engine->shared.peers, &peer) == 0 && peers_set(&engine->shared.peers, &other) == 0);
  uint8_t message[6 * EACH], one[OFFLOAD + EACH];
  for (size_t i = 0; i < 6; i++) {
    HOLDS(packet(one, sources[i], own_address, PAYLOAD) == sizeof one);
    memcpy(message + i * EACH, one + OFFLOAD, EACH);
  }
  message[4 * EACH] = 0x15; /* of no version that there is */
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  /* By the loopback interface it stays one message. */
  HOLDS(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT_OPTION, &(int){size}, sizeof(int)) == 0);
  HOLDS(sendto(fd, message, sizeof message, 0, &peer.endpoints[0].address.any, peer.endpoints[0].length) == sizeof message);
  UNTIL(counted(engine).received.packets == 4);
  struct counters sum = counted(engine);
  HOLDS(sum.drops[REASON_WRONG_SOURCE] == 1 && sum.drops[REASON_MALFORMED] == 1);
  UNTIL(atomic_load(&peers_get(&engine->shared.peers, 1)->state->traffic.received.packets) == 4);
  HOLDS(atomic_load(&peers_get(&engine->shared.peers, 1)->state->traffic.received.bytes) == 4 * EACH);
  HOLDS(atomic_load(&peers_get(&engine->shared.peers, 2)->state->traffic.received.packets) == 0);
  close(fd);
  engine_free(engine);
}

/* A thread that strangers drive is no longer favoured, until they have ended. */
static void flood_of_strangers(void) {
  uint16_t port = free_port();
  struct engine *engine = engine_at(port);
  struct settings settings = {.mtu = 1400, .filter = FILTER_ENFORCE, .own = {{16, true, {10, 1}}}};
  HOLDS(engine_configure(engine, &settings) == 0);
  UNTIL(atomic_load(&favoured) == QUEUES);
  struct endpoint to = peer_of(0, port).endpoints[0];
  uint8_t one[OFFLOAD + IPV4_HEADER + 8 + PAYLOAD];
  HOLDS(packet(one, (const uint8_t[4]){10, 2, 1, 1}, own_address, PAYLOAD) == sizeof one);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int i = 0; i < 1000; i++)
    HOLDS(sendto(fd, one + OFFLOAD, sizeof one - OFFLOAD, 0, &to.address.any, to.length) > 0);
  UNTIL(counted(engine).drops[REASON_UNKNOWN_SENDER] == 1000);
  HOLDS(atomic_load(&ordinary) == 0);
  int64_t end = milliseconds() + PATIENCE_MS;
  while (atomic_load(&ordinary) == 0) {
    HOLDS(milliseconds() < end);
    HOLDS(sendto(fd, one + OFFLOAD, sizeof one - OFFLOAD, 0, &to.address.any, to.length) > 0);
  }
  UNTIL((poll(NULL, 0, 1), sendto(fd, one + OFFLOAD, sizeof one - OFFLOAD, 0, &to.address.any, to.length) > 0 &&
                               atomic_load(&favoured) == QUEUES + 1));
  HOLDS(atomic_load(&ordinary) == 1);
  close(fd);
  engine_free(engine);
}

/* Errors are not answered, and neither are redirects. */
static void icmp_silence(void) {
  static const struct { uint8_t type; bool answered; } types[] = {{1, false}, {2, false}, {127, false}, {128, true}, {137, false}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    uint8_t bytes[IPV6_HEADER + 8] = {[0] = 0x60, [5] = 8, [6] = PROTOCOL_ICMPV6, [7] = 64, [8] = 0xfd, [24] = 0xfd};
    uint8_t reply[LARGEST_ICMP_ERROR], own[16] = {0xfd, 1};
    struct view view;
    bytes[IPV6_HEADER] = types[i].type;
    HOLDS(parse_packet(bytes, sizeof bytes, &view));
    HOLDS((icmp_error(reply, &view, ICMP_ERROR_NO_ROUTE, own, 1400) > 0) == types[i].answered);
  }
}

int main(int count, char **arguments) {
  static const struct { const char *name; void (*run)(void); } cases[] = {
      {"read-errors", read_errors}, {"cutting-returns", cutting_returns}, {"changes", changes}, {"mixed-message", mixed_message}, {"flood-of-strangers", flood_of_strangers},
      {"icmp-silence", icmp_silence}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (count != 2 || strcmp(arguments[1], cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  fprintf(stderr, "no such case\n");
  return 2;
}
