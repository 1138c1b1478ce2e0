/*
 * Cutting a super-packet that the kernel has handed over (struct virtio_net_hdr of linux/virtio_net.h) into packets of
 * the size that is on the wire, as the kernel itself would (RFC 9293 for TCP, one datagram each for UDP). Pure: the
 * packet is only read; each segment is a header made anew and a stretch of the packet's payload.
 */
#ifndef OVERLAY_UDP_SPLIT_H
#define OVERLAY_UDP_SPLIT_H

#include <linux/virtio_net.h>

#include "parse.h"

/* From linux/virtio_net.h of 6.2; Debian 12's is older. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Headers longer than this (IPv6 extensions without end) are not cut. */
#define LARGEST_HEADER 256

struct split {
  struct view view;
  uint32_t header;  /* bytes of IP and upper-layer header */
  uint32_t size;    /* payload bytes of each segment but the last */
  uint32_t payload; /* payload bytes of all */
  uint32_t count;   /* segments */
  uint16_t ip_sum;    /* over the IPv4 header without length, identification and checksum */
  uint16_t upper_sum; /* over pseudo-header and upper header without what differs between segments */
};

/* Takes the offload header at its word as little as possible. false: nothing that can be cut. */
bool split_begin(struct split *split, const struct view *view, const struct virtio_net_hdr *offload);

/* Prepares the checksums: after the last change of the packet's headers, and before the first segment. */
void split_sum(struct split *split);

/*
 * Writes the header of one segment, with both checksums, to `header` (LARGEST_HEADER bytes).
 * *payload is set to its payload inside the packet. Returns the payload's bytes; the header's are split->header.
 */
uint32_t split_segment(const struct split *split, uint32_t index, uint8_t *header, const uint8_t **payload);

/* Completes the checksum that the kernel left to the device. false: the header points outside of the packet. */
bool complete_checksum(const struct view *view, const struct virtio_net_hdr *offload);

#endif
