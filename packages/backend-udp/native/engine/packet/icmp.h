/* Errors that a router owes to the senders of packets which it cannot pass on (RFC 792, RFC 1812 4.3.2, RFC 4443). Pure. */
#ifndef OVERLAY_UDP_ICMP_H
#define OVERLAY_UDP_ICMP_H

#include "parse.h"

enum icmp_error { ICMP_ERROR_EXPIRED, ICMP_ERROR_NO_ROUTE, ICMP_ERROR_TOO_BIG };

/* The largest error: all of the packet that fits into what every host takes, the minimum MTU of IPv6. */
#define LARGEST_ICMP_ERROR 1280

/*
 * Writes an error about a packet to `reply` (LARGEST_ICMP_ERROR bytes), from `own`, an address of the packet's family.
 * `mtu` is for ICMP_ERROR_TOO_BIG. Returns its bytes; 0 when there must be none: errors are not answered, nor fragments
 * but the first, nor what went to or came from more than one host.
 */
size_t icmp_error(uint8_t *reply, const struct view *view, enum icmp_error error, const uint8_t *own, uint32_t mtu);

#endif
