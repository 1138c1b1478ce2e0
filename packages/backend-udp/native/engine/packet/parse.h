/* What the engine has to know of an inner IP packet: RFC 791, RFC 8200. Pure: reads the packet, writes nothing else. */
#ifndef OVERLAY_UDP_PARSE_H
#define OVERLAY_UDP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58
/* No upper header can be looked at: a fragment that is not the first, or one that the chain of headers ends with. */
#define PROTOCOL_NONE 59

enum family { INNER_IPV4 = 0, INNER_IPV6 = 1 };

struct view {
  uint8_t *packet;
  uint32_t length;  /* of the packet by its own header, at most what was given */
  uint32_t upper;   /* where the upper-layer header begins */
  uint8_t family;   /* enum family */
  uint8_t protocol; /* of the upper-layer header */
  bool fragment;    /* any part of a fragmented packet */
  bool later;       /* a part that is not the first */
  bool dont_fragment;
  bool plain; /* an IP header without options or extensions */
};

/* Whether `bytes` begin with a whole IP packet. Bytes after its end are let be, and not in `length`. */
bool parse_packet(uint8_t *bytes, size_t length, struct view *view);

static inline const uint8_t *view_source(const struct view *view) {
  return view->packet + (view->family == INNER_IPV4 ? 12 : 8);
}

static inline const uint8_t *view_destination(const struct view *view) {
  return view->packet + (view->family == INNER_IPV4 ? 16 : 24);
}

static inline size_t view_address_bytes(const struct view *view) { return view->family == INNER_IPV4 ? 4 : 16; }

/* TTL or hop limit. */
static inline uint8_t view_hops(const struct view *view) { return view->packet[view->family == INNER_IPV4 ? 8 : 7]; }

/* One hop fewer, with the header checksum kept right (RFC 1624). There must be more than one. */
void take_hop(const struct view *view);

#endif
