#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/raw.h"
#include "packet/icmp.h"
#include "packet/split.h"
#include "seconds.h"
#include "worker.h"

#define OFFLOAD_BYTES sizeof(struct virtio_net_hdr)
#define LARGEST_READ (OFFLOAD_BYTES + 65536)
/* Four of the largest packets: what is read is sent while it still is in the processor's own cache. */
#define ARENA_BYTES (5 * 66 * 1024)
#define MOST_READS 256
/* Packets begin at a cache line, the offload header lies before. */
#define LINE 64
/* Errors a second that one thread sends, as many at once: the kernel's own limit (net.ipv4.icmp_msgs_per_sec). */
#define ERRORS_A_SECOND 1000

struct egress {
  struct worker *worker;
  /* Packets come one by one: the next one is sent before it is asked for more. */
  bool sparse;
  uint32_t errors_left;
  int64_t errors_second;
  uint8_t *arena;
  struct outbox outbox;
};

struct egress *egress_create(struct worker *worker) {
  struct egress *egress = calloc(1, sizeof *egress);
  if (egress == NULL) return NULL;
  egress->worker = worker;
  /* Pages of its own: from the heap, blocks of this size and alignment leave holes behind at each open and close. */
  egress->arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct outbox *outbox = &egress->outbox;
  outbox->counters = &worker->counters;
  outbox->stop = &worker->shared->stop;
  for (int i = 0; i < 2; i++) {
    outbox->sockets[i] = worker->sockets[i];
    outbox->segmentation[i] = &worker->shared->segmentation[i];
    outbox->apart_until[i] = &worker->shared->apart_until[i];
  }
  if (egress->arena != MAP_FAILED) return egress;
  free(egress);
  return NULL;
}

void egress_free(struct egress *egress) {
  if (egress == NULL) return;
  munmap(egress->arena, ARENA_BYTES);
  free(egress);
}

static bool may_send_error(struct egress *egress) {
  int64_t now = seconds_now();
  if (now != egress->errors_second) {
    egress->errors_second = now;
    egress->errors_left = ERRORS_A_SECOND;
  }
  if (egress->errors_left == 0) return false;
  egress->errors_left--;
  return true;
}

/* Counts a packet that goes nowhere, and tells its sender. */
static void refuse(struct egress *egress, const struct view *view, const struct settings *settings,
                   enum reason reason, enum icmp_error error) {
  uint8_t reply[LARGEST_ICMP_ERROR];
  count(&egress->worker->counters.drops[reason], 1);
  if (!settings->own[view->family].present || !may_send_error(egress)) return;
  size_t length = icmp_error(reply, view, error, settings->addresses[view->family], settings->mtu);
  if (length > 0) raw_send(egress->worker->errors[view->family], view->family, reply, length);
}

/* To all hosts of some kind, as the kernel itself sends on every device: nobody expects them to pass a tunnel. */
static bool is_multicast(const struct view *view) {
  uint8_t first = *view_destination(view);
  return view->family == INNER_IPV4 ? first >> 4 == 14 : first == 0xff;
}

static void carry_super(struct egress *egress, struct split *split, struct peer *peer, const struct endpoint *to) {
  for (uint32_t i = 0; i < split->count; i++) {
    const uint8_t *payload;
    uint8_t *header = outbox_header(&egress->outbox);
    uint32_t bytes = split_segment(split, i, header, &payload);
    outbox_add(&egress->outbox, peer, to, header, split->header, payload, bytes);
  }
}

static void carry(struct egress *egress, const struct settings *settings, const struct virtio_net_hdr *offload,
                  uint8_t *bytes, size_t length) {
  struct worker *worker = egress->worker;
  struct view view;
  struct split split;
  bool super = offload->gso_type != VIRTIO_NET_HDR_GSO_NONE;
  if (!parse_packet(bytes, length, &view) ||
      !(super ? split_begin(&split, &view, offload) : complete_checksum(&view, offload))) {
    count(&worker->counters.drops[REASON_MALFORMED], 1);
    return;
  }
  struct peer *peer = peers_match(&worker->shared->peers, view.family, view_destination(&view));
  if (peer == NULL) {
    if (!is_multicast(&view)) refuse(egress, &view, settings, REASON_UNKNOWN_DESTINATION, ICMP_ERROR_NO_ROUTE);
    return;
  }
  const struct endpoint *to = &peer->endpoints[view.family];
  if (to->length == 0) {
    refuse(egress, &view, settings, REASON_UNREACHABLE, ICMP_ERROR_NO_ROUTE);
    return;
  }
  if (view_hops(&view) <= 1) {
    refuse(egress, &view, settings, REASON_TTL_EXPIRED, ICMP_ERROR_EXPIRED);
    return;
  }
  uint32_t largest = super ? split.header + (split.payload < split.size ? split.payload : split.size) : view.length;
  if (largest > settings->mtu && view.dont_fragment) {
    refuse(egress, &view, settings, REASON_TOO_LARGE, ICMP_ERROR_TOO_BIG);
    return;
  }
  take_hop(&view);
  if (super) {
    split_sum(&split);
    carry_super(egress, &split, peer, to);
  } else {
    outbox_add(&egress->outbox, peer, to, bytes, view.length, NULL, 0);
  }
}

/*
 * Whether an error of reading says that the device was deleted: EBADFD by tun_chr_read_iter of drivers/net/tun.c, EFAULT by
 * tun_ring_recv there to who was waiting. For all others the queue goes on.
 */
static bool is_lost(int error) { return error == EBADFD || error == EFAULT; }

enum turn egress_turn(struct egress *egress) {
  struct worker *worker = egress->worker;
  const struct settings *settings = atomic_load_explicit(&worker->shared->settings, memory_order_acquire);
  enum turn turn = TURN_MORE;
  size_t at = 0;
  uint32_t taken = 0;
  for (int reads = 0; reads < MOST_READS && at + LINE + LARGEST_READ <= ARENA_BYTES; reads++) {
    uint8_t *packet = egress->arena + at + LINE, *start = packet - OFFLOAD_BYTES;
    ssize_t length = read(worker->tun, start, LARGEST_READ);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || is_lost(errno)) {
        turn = errno == EAGAIN ? turn_of(taken, at) : TURN_LOST;
        break;
      }
      /* It has taken the packet from the queue: of a kind that it cannot describe to us (virtio_net_hdr_from_skb). */
      count(&worker->counters.drops[REASON_MALFORMED], 1);
      continue;
    }
    if ((size_t)length <= OFFLOAD_BYTES) continue;
    struct virtio_net_hdr offload;
    memcpy(&offload, start, sizeof offload);
    size_t bytes = (size_t)length - OFFLOAD_BYTES;
    carry(egress, settings, &offload, packet, bytes);
    at += LINE + ((bytes + LINE - 1) & ~(size_t)(LINE - 1));
    if (++taken == 1 && egress->sparse) outbox_flush(&egress->outbox);
  }
  outbox_flush(&egress->outbox);
  /* As many errors in a row are not about packets, and to go on would take the processor for nothing. */
  if (turn == TURN_MORE && taken == 0) turn = TURN_LOST;
  if (turn != TURN_EMPTY) egress->sparse = turn == TURN_ONE;
  return turn;
}
