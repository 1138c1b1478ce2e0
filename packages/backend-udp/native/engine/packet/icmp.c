#include "icmp.h"

#include "checksum.h"

#define ICMP_HEADER 8
#define HOPS 64
#define ICMPV6_REDIRECT 137
/* RFC 1812 4.3.2.3: as much as possible without exceeding this. */
#define LARGEST_IPV4_ERROR 576

/* What must not be answered by an error: one, or a redirect (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
static bool is_error(const struct view *view) {
  uint8_t type;
  bool icmp = view->protocol == (view->family == INNER_IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
  if (!icmp || view->upper >= view->length) return icmp;
  type = view->packet[view->upper];
  if (view->family == INNER_IPV6) return type < 128 || type == ICMPV6_REDIRECT;
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* An address of one host, to which an error can be sent. */
static bool is_one_host(const uint8_t *address, uint8_t family) {
  static const uint8_t nobody[16];
  if (family == INNER_IPV6) return address[0] != 0xff && memcmp(address, nobody, 16) != 0;
  return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static size_t finish_ipv4(uint8_t *reply, const struct view *view, const uint8_t *own, size_t total) {
  reply[0] = 0x45;
  reply[1] = 0xc0; /* internetwork control, RFC 1812 4.3.2.5 */
  write16(reply + 2, (uint16_t)total);
  reply[8] = HOPS;
  reply[9] = PROTOCOL_ICMP;
  memcpy(reply + 12, own, 4);
  memcpy(reply + 16, view_source(view), 4);
  put_raw16(reply + 10, (uint16_t)~checksum_fold(checksum_add(0, reply, IPV4_HEADER)));
  uint8_t *icmp = reply + IPV4_HEADER;
  put_raw16(icmp + 2, (uint16_t)~checksum_fold(checksum_add(0, icmp, total - IPV4_HEADER)));
  return total;
}

static size_t finish_ipv6(uint8_t *reply, const struct view *view, const uint8_t *own, size_t total) {
  reply[0] = 0x60;
  write16(reply + 4, (uint16_t)(total - IPV6_HEADER));
  reply[6] = PROTOCOL_ICMPV6;
  reply[7] = HOPS;
  memcpy(reply + 8, own, 16);
  memcpy(reply + 24, view_source(view), 16);
  uint8_t *icmp = reply + IPV6_HEADER;
  uint32_t length = (uint32_t)total - IPV6_HEADER;
  uint64_t pseudo = checksum_pseudo(reply + 8, 32, PROTOCOL_ICMPV6, length);
  put_raw16(icmp + 2, (uint16_t)~checksum_fold(checksum_add(pseudo, icmp, length)));
  return total;
}

size_t icmp_error(uint8_t *reply, const struct view *view, enum icmp_error error, const uint8_t *own, uint32_t mtu) {
  static const uint8_t codes[2][3][2] = {{{11, 0}, {3, 0}, {3, 4}}, {{3, 0}, {1, 0}, {2, 0}}};
  bool ipv4 = view->family == INNER_IPV4;
  if (is_error(view) || view->later) return 0;
  if (!is_one_host(view_source(view), view->family) || !is_one_host(view_destination(view), view->family)) return 0;
  size_t header = (ipv4 ? IPV4_HEADER : IPV6_HEADER) + ICMP_HEADER;
  size_t room = (ipv4 ? LARGEST_IPV4_ERROR : LARGEST_ICMP_ERROR) - header;
  size_t quoted = view->length < room ? view->length : room;
  memset(reply, 0, header);
  memcpy(reply + header, view->packet, quoted);
  uint8_t *icmp = reply + header - ICMP_HEADER;
  icmp[0] = codes[view->family][error][0];
  icmp[1] = codes[view->family][error][1];
  if (error == ICMP_ERROR_TOO_BIG) write32(icmp + 4, ipv4 && mtu > 0xffff ? 0xffff : mtu);
  return (ipv4 ? finish_ipv4 : finish_ipv6)(reply, view, own, header + quoted);
}
