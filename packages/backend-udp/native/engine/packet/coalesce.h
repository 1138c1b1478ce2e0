/*
 * Putting received packets of one flow together into super-packets, as a network card with receive offload does, so that
 * the kernel passes its stack once for many packets. What it makes, split.h cuts into the same packets again; what is not
 * certain to be equal then is passed on as it is. Pure: it works on packets in memory and fills lists.
 */
#ifndef OVERLAY_UDP_COALESCE_H
#define OVERLAY_UDP_COALESCE_H

#include <linux/virtio_net.h>

#include "parse.h"

/* Packets between two emptyings; more are not taken. */
#define COALESCER_PACKETS 4096
/* Segments of one UDP super-packet: UDP_MAX_SEGMENTS of older kernels. TCP ends at 64 KiB before. */
#define MOST_SEGMENTS 64
#define FLOW_BUCKETS 64

struct piece {
  const uint8_t *bytes;
  uint32_t length;
  uint16_t next; /* of the same group; 0 ends */
};

/* What becomes one write to the device: a packet as it came, or a super-packet. */
struct group {
  struct view view;   /* of its first packet, the headers of which become those of the whole */
  uint32_t header;    /* bytes of IP and upper-layer header; 0: never to be joined by another */
  uint32_t size;      /* payload bytes of each packet but the last */
  uint32_t payload;   /* payload bytes of all */
  uint32_t next_seq;  /* TCP: what the next one begins with */
  uint16_t count;     /* packets */
  uint16_t last;      /* piece */
  uint16_t first;     /* piece; the first packet's own bytes are not among them */
  uint16_t next_id;   /* IPv4 identification that the next one has, if they count up */
  bool fixed_ids;     /* all the same instead */
  bool verified;      /* the checksums of the first packet are known to be right */
  bool push;          /* TCP: the last one says push */
};

struct coalescer {
  bool join_udp; /* the device takes UDP super-packets */
  uint16_t group_count, piece_count;
  int16_t flows[FLOW_BUCKETS]; /* the group that the latest packet of a flow went to, or -1 */
  struct group groups[COALESCER_PACKETS];
  struct piece pieces[COALESCER_PACKETS + 1]; /* [0] is not used */
};

void coalescer_empty(struct coalescer *coalescer);

/* Room for so many packets more. */
static inline uint32_t coalescer_room(const struct coalescer *coalescer) {
  return COALESCER_PACKETS - (coalescer->group_count > coalescer->piece_count ? coalescer->group_count
                                                                              : coalescer->piece_count);
}

/* Takes one packet. Its bytes stay where they are until the coalescer is emptied; there must be room. */
void coalesce(struct coalescer *coalescer, const struct view *view);

/*
 * Readies a group for the device: changes the headers of its first packet and fills in `offload`. Returns the bytes of
 * the first packet that go first; the group's pieces follow them.
 */
uint32_t group_finish(struct group *group, struct virtio_net_hdr *offload);

#endif
