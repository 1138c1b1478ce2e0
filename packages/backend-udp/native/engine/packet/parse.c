#include "parse.h"

#include "checksum.h"

/* RFC 8200 knows of seven kinds of extension header, and nothing in use repeats more than one. */
#define MOST_EXTENSIONS 10

static bool parse_ipv4(size_t length, struct view *view) {
  const uint8_t *packet = view->packet;
  if (length < IPV4_HEADER) return false;
  uint32_t header = (packet[0] & 15u) * 4, total = read16(packet + 2);
  if (header < IPV4_HEADER || total < header || total > length) return false;
  uint16_t fragment = read16(packet + 6);
  view->family = INNER_IPV4;
  view->length = total;
  view->upper = header;
  view->plain = header == IPV4_HEADER;
  view->dont_fragment = (fragment & 0x4000) != 0;
  view->fragment = (fragment & 0x3fff) != 0;
  view->later = (fragment & 0x1fff) != 0;
  view->protocol = view->later ? PROTOCOL_NONE : packet[9];
  return true;
}

static bool parse_ipv6(size_t length, struct view *view) {
  const uint8_t *packet = view->packet;
  if (length < IPV6_HEADER) return false;
  uint32_t total = IPV6_HEADER + (uint32_t)read16(packet + 4);
  if (total > length) return false;
  view->family = INNER_IPV6;
  view->length = total;
  view->dont_fragment = true; /* no router fragments IPv6 */
  view->fragment = view->later = false;
  uint32_t at = IPV6_HEADER;
  uint8_t next = packet[6];
  for (int i = 0; i < MOST_EXTENSIONS; i++) {
    uint32_t size;
    switch (next) {
    case 0:  /* hop-by-hop options */
    case 43: /* routing */
    case 60: /* destination options */
      if (at + 8 > total) return false;
      size = (packet[at + 1] + 1u) * 8;
      break;
    case 51: /* authentication header, RFC 4302 */
      if (at + 8 > total) return false;
      size = (packet[at + 1] + 2u) * 4;
      break;
    case 44: /* fragment */
      if (at + 8 > total) return false;
      size = 8;
      view->fragment = true;
      view->later = (read16(packet + at + 2) & 0xfff8) != 0;
      break;
    default:
      view->upper = at;
      view->protocol = next;
      view->plain = at == IPV6_HEADER;
      return true;
    }
    if (at + size > total) return false;
    next = packet[at];
    at += size;
    if (view->later) next = PROTOCOL_NONE;
  }
  return false;
}

bool parse_packet(uint8_t *bytes, size_t length, struct view *view) {
  view->packet = bytes;
  if (length == 0) return false;
  if (bytes[0] >> 4 == 4) return parse_ipv4(length, view);
  if (bytes[0] >> 4 == 6) return parse_ipv6(length, view);
  return false;
}

void take_hop(const struct view *view) {
  uint8_t *packet = view->packet;
  if (view->family == INNER_IPV6) {
    packet[7]--;
    return;
  }
  uint16_t before = raw16(packet + 8);
  packet[8]--;
  uint64_t sum = checksum_without((uint16_t)~raw16(packet + 10), before) + raw16(packet + 8);
  put_raw16(packet + 10, (uint16_t)~checksum_fold(sum));
}
