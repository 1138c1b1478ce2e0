#include <errno.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "worker.h"

#define MOST_MESSAGES 64
/* While messages are large, few at once: what is received is written while it still is in the processor's own cache. */
#define LARGE_MESSAGES 4
#define LARGE_BYTES 8192
#define SLOT_BYTES 65536
/* An offload header, a packet's head, and a piece for each other segment. */
#define WRITE_VECTORS (MOST_SEGMENTS + 1)

struct ingress {
  struct worker *worker;
  uint32_t next_messages; /* to ask for */
  uint32_t prepared;      /* how many of the headers are ready to be filled */
  uint8_t *slots;         /* MOST_MESSAGES of SLOT_BYTES; pages that were never needed take no memory */
  struct mmsghdr headers[MOST_MESSAGES];
  struct iovec vectors[MOST_MESSAGES];
  struct sockaddr_in6 senders[MOST_MESSAGES];
  _Alignas(8) uint8_t controls[MOST_MESSAGES][CMSG_SPACE(sizeof(int))];
  struct coalescer coalescer;
};

struct ingress *ingress_create(struct worker *worker) {
  struct ingress *ingress = calloc(1, sizeof *ingress);
  if (ingress == NULL) return NULL;
  ingress->worker = worker;
  ingress->next_messages = LARGE_MESSAGES;
  ingress->coalescer.join_udp = worker->shared->uso;
  coalescer_empty(&ingress->coalescer);
  ingress->slots = mmap(NULL, (size_t)MOST_MESSAGES * SLOT_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (ingress->slots != MAP_FAILED) return ingress;
  free(ingress);
  return NULL;
}

void ingress_free(struct ingress *ingress) {
  if (ingress == NULL) return;
  munmap(ingress->slots, (size_t)MOST_MESSAGES * SLOT_BYTES);
  free(ingress);
}

static bool in_subnet(const struct subnet *subnet, const uint8_t *address) {
  uint8_t whole = subnet->length / 8, rest = subnet->length % 8;
  if (!subnet->present || __builtin_memcmp(address, subnet->address, whole) != 0) return false;
  return rest == 0 || ((address[whole] ^ subnet->address[whole]) >> (8 - rest)) == 0;
}

/* Remembers, if nobody else is at it, that a peer's subnet sends from elsewhere. */
static void note_stray(struct shared *shared, const struct peer *peer, const struct underlay *sender) {
  if (pthread_mutex_trylock(&shared->stray_lock) != 0) return;
  uint32_t i = 0;
  while (i < shared->stray_count && (shared->strays[i].peer != peer->number ||
                                     __builtin_memcmp(&shared->strays[i].sender, sender, sizeof *sender) != 0))
    i++;
  if (i == shared->stray_count && i < STRAYS) shared->strays[shared->stray_count++] = (struct stray){peer->number, *sender};
  pthread_mutex_unlock(&shared->stray_lock);
}

/* Whether the inner source is the very address that sends, without a subnet of its own. */
static bool is_sender(const struct view *view, const struct underlay *sender) {
  if (view->family == INNER_IPV6) return __builtin_memcmp(view_source(view), sender->bytes, sizeof sender->bytes) == 0;
  static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
  return __builtin_memcmp(sender->bytes, mapped, sizeof mapped) == 0 &&
         __builtin_memcmp(view_source(view), sender->bytes + sizeof mapped, 4) == 0;
}

/* Why the filter does not want a packet; REASONS: it does. *from is the peer in whose subnet it was made, if any. */
static enum reason judge(struct shared *shared, const struct settings *settings, const struct view *view,
                         const struct underlay *sender, struct peer **from) {
  struct peer *peer = peers_match(&shared->peers, view->family, view_source(view));
  *from = peer;
  if (peer == NULL || !peer_sends_from(peer, sender)) {
    if (!peers_know_sender(&shared->peers, sender)) {
      if (peer != NULL) note_stray(shared, peer, sender);
      return REASON_UNKNOWN_SENDER;
    }
    /* A host that answers a pod which has asked for it by its address on the underlay. */
    if (!is_sender(view, sender)) return REASON_WRONG_SOURCE;
  }
  return in_subnet(&settings->own[view->family], view_destination(view)) ? REASONS : REASON_WRONG_DESTINATION;
}

static struct underlay underlay_of(const struct sockaddr_in6 *sender) {
  struct underlay underlay = {{[10] = 0xff, 0xff}};
  if (sender->sin6_family == AF_INET)
    __builtin_memcpy(underlay.bytes + 12, &((const struct sockaddr_in *)(const void *)sender)->sin_addr, 4);
  else
    __builtin_memcpy(underlay.bytes, &sender->sin6_addr, 16);
  return underlay;
}

static void write_groups(struct ingress *ingress) {
  struct coalescer *coalescer = &ingress->coalescer;
  struct counters *counters = &ingress->worker->counters;
  for (uint16_t i = 0; i < coalescer->group_count; i++) {
    struct group *group = &coalescer->groups[i];
    struct virtio_net_hdr offload;
    struct iovec vectors[WRITE_VECTORS + 1];
    uint32_t head = group_finish(group, &offload);
    vectors[0] = (struct iovec){&offload, sizeof offload};
    vectors[1] = (struct iovec){group->view.packet, head};
    int used = 2;
    for (uint16_t number = group->first; number != 0; number = coalescer->pieces[number].next) {
      const struct piece *piece = &coalescer->pieces[number];
      vectors[used++] = (struct iovec){(void *)piece->bytes, piece->length};
    }
    ssize_t written;
    do written = writev(ingress->worker->tun, vectors, used);
    while (written < 0 && errno == EINTR);
    if (written >= 0) {
      count_traffic(&counters->received, group->count,
                    (uint64_t)group->header * group->count + group->payload + (group->header == 0 ? head : 0));
      continue;
    }
    bool full = errno == ENOMEM || errno == ENOBUFS || errno == EAGAIN;
    count(&counters->drops[full ? REASON_OVERLOAD : errno == EINVAL ? REASON_MALFORMED : REASON_UNREACHABLE],
          group->count);
  }
  coalescer_empty(coalescer);
}

/*
 * Packets of one message that follow each other with the same inner addresses. They are looked up, judged and counted for
 * their peer once: a message of small packets has dozens.
 */
struct run {
  const uint8_t *addresses; /* inside the first of them; NULL: there is none */
  uint8_t family;
  enum reason reason; /* as of judge */
  struct peer *from;
  uint32_t packets;
  uint64_t bytes;
};

static void end_run(struct run *run) {
  if (run->packets > 0) add_traffic(&run->from->state->traffic.received, run->packets, run->bytes);
  run->packets = 0;
  run->bytes = 0;
}

static bool continues(const struct run *run, const struct view *view) {
  return run->addresses != NULL && run->family == view->family &&
         __builtin_memcmp(run->addresses, view_source(view), 2 * view_address_bytes(view)) == 0;
}

static void begin_run(struct run *run, struct shared *shared, const struct settings *settings, const struct view *view,
                      const struct underlay *sender) {
  run->addresses = view_source(view);
  run->family = view->family;
  if (settings->filter != FILTER_OFF) {
    run->reason = judge(shared, settings, view, sender, &run->from);
  } else {
    run->reason = REASONS;
    run->from = peers_match(&shared->peers, view->family, view_source(view));
  }
}

static void take_packet(struct ingress *ingress, const struct settings *settings, const struct underlay *sender,
                        struct run *run, uint8_t *bytes, size_t length) {
  struct counters *counters = &ingress->worker->counters;
  struct view view;
  if (!parse_packet(bytes, length, &view)) {
    count(&counters->drops[REASON_MALFORMED], 1);
    return;
  }
  if (!continues(run, &view)) {
    end_run(run);
    begin_run(run, ingress->worker->shared, settings, &view, sender);
  }
  if (run->reason != REASONS) {
    bool passes = settings->filter == FILTER_COUNT;
    count(&(passes ? counters->passed : counters->drops)[run->reason], 1);
    if (!passes) return;
  }
  if (run->from != NULL) {
    run->packets++;
    run->bytes += view.length;
  }
  if (coalescer_room(&ingress->coalescer) == 0) write_groups(ingress);
  coalesce(&ingress->coalescer, &view);
}

/* Bytes of each datagram of a message but the last. */
static uint32_t datagram_bytes(struct msghdr *header, uint32_t length) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
    if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
    int size;
    __builtin_memcpy(&size, CMSG_DATA(control), sizeof size);
    if (size > 0) return (uint32_t)size;
  }
  return length;
}

static void take_message(struct ingress *ingress, const struct settings *settings, uint32_t index) {
  struct msghdr *header = &ingress->headers[index].msg_hdr;
  uint32_t length = ingress->headers[index].msg_len;
  struct underlay sender = underlay_of(&ingress->senders[index]);
  uint8_t *bytes = ingress->vectors[index].iov_base;
  uint32_t size = datagram_bytes(header, length);
  if ((header->msg_flags & MSG_TRUNC) || length == 0) {
    count(&ingress->worker->counters.drops[REASON_MALFORMED], 1);
    return;
  }
  struct run run = {0};
  for (uint32_t at = 0; at < length; at += size)
    take_packet(ingress, settings, &sender, &run, bytes + at, length - at < size ? length - at : size);
  end_run(&run);
}

/* The kernel changes what describes a message when it fills it. */
static void prepare(struct ingress *ingress, uint32_t index) {
  ingress->vectors[index] = (struct iovec){ingress->slots + (size_t)index * SLOT_BYTES, SLOT_BYTES};
  ingress->headers[index].msg_hdr = (struct msghdr){.msg_name = &ingress->senders[index],
                                                    .msg_namelen = sizeof ingress->senders[index],
                                                    .msg_iov = &ingress->vectors[index],
                                                    .msg_iovlen = 1,
                                                    .msg_control = ingress->controls[index],
                                                    .msg_controllen = sizeof ingress->controls[index]};
}

enum turn ingress_turn(struct ingress *ingress, int family) {
  struct worker *worker = ingress->worker;
  uint32_t wanted = ingress->next_messages;
  for (; ingress->prepared < wanted; ingress->prepared++) prepare(ingress, ingress->prepared);
  int received = recvmmsg(worker->sockets[family], ingress->headers, wanted, MSG_DONTWAIT, NULL);
  /* Any error but EAGAIN is one that the network reported for an earlier datagram, and reading it has cleared it. */
  if (received < 0) return errno == EAGAIN ? TURN_EMPTY : TURN_MORE;
  const struct settings *settings = atomic_load_explicit(&worker->shared->settings, memory_order_acquire);
  uint64_t bytes = 0;
  for (int i = 0; i < received; i++) {
    bytes += ingress->headers[i].msg_len;
    take_message(ingress, settings, (uint32_t)i);
  }
  write_groups(ingress);
  for (int i = 0; i < received; i++) prepare(ingress, (uint32_t)i);
  ingress->next_messages = bytes > (uint64_t)received * LARGE_BYTES ? LARGE_MESSAGES : MOST_MESSAGES;
  return (uint32_t)received == wanted ? TURN_MORE : turn_of((uint32_t)received, bytes);
}
