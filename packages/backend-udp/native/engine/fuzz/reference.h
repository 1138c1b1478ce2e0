/* The Internet checksum as RFC 1071 words it, byte by byte: what the fast one is compared with. */
#ifndef OVERLAY_FUZZ_REFERENCE_H
#define OVERLAY_FUZZ_REFERENCE_H

#include "../packet/parse.h"

static inline uint32_t slow_sum(uint32_t sum, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

/* Whether the upper-layer checksum of a whole packet is right. */
static inline int slow_upper_right(const struct view *view) {
  uint32_t length = view->length - view->upper;
  uint8_t tail[4] = {0, view->protocol, (uint8_t)(length >> 8), (uint8_t)length};
  uint32_t sum = slow_sum(0, view_source(view), 2 * view_address_bytes(view));
  return slow_sum(slow_sum(sum, tail, 4), view->packet + view->upper, length) == 0xffff;
}

static inline int slow_ip_right(const struct view *view) {
  return view->family == INNER_IPV6 || slow_sum(0, view->packet, view->upper) == 0xffff;
}

#endif
