#include "split.h"

#include "checksum.h"

#define TCP_HEADER 20
#define UDP_HEADER 8
#define TCP_FIN_PSH 0x09
#define TCP_CWR 0x80

static bool is_tcp(const struct split *split) { return split->view.protocol == PROTOCOL_TCP; }

void split_sum(struct split *split) {
  /* What the header has in common with those of all segments; everything else is left out of the sums. */
  const uint8_t *packet = split->view.packet, *upper = packet + split->view.upper;
  uint64_t ip = 0;
  if (split->view.family == INNER_IPV4) {
    ip = checksum_add(0, packet, split->view.upper);
    ip = checksum_without(ip, raw16(packet + 2));
    ip = checksum_without(ip, raw16(packet + 4));
    ip = checksum_without(ip, raw16(packet + 10));
  }
  split->ip_sum = checksum_fold(ip);
  /*
   * The kernel has put the sum of the pseudo-header where the checksum goes. It knows better than we do what the final
   * destination is (a routing header), so that is taken and only its length left out.
   */
  uint8_t length[2];
  write16(length, (uint16_t)(split->view.length - split->view.upper));
  uint32_t upper_header = split->header - split->view.upper;
  uint64_t sum = checksum_add(0, upper, upper_header); /* holds the pseudo-header by way of the checksum field */
  sum = checksum_without(sum, raw16(length));
  if (is_tcp(split)) {
    sum = checksum_without(checksum_without(sum, raw16(upper + 4)), raw16(upper + 6));
    sum = checksum_without(sum, raw16(upper + 12));
  } else {
    sum = checksum_without(sum, raw16(upper + 4));
  }
  split->upper_sum = checksum_fold(sum);
}

bool split_begin(struct split *split, const struct view *view, const struct virtio_net_hdr *offload) {
  uint8_t type = offload->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
  *split = (struct split){.view = *view, .size = offload->gso_size};
  uint32_t upper_header;
  bool fits = false;
  if (view->fragment || offload->gso_size == 0) return false;
  if (type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6) {
    fits = view->protocol == PROTOCOL_TCP && (type == VIRTIO_NET_HDR_GSO_TCPV4) == (view->family == INNER_IPV4);
    if (!fits || view->upper + TCP_HEADER > view->length) return false;
    upper_header = (uint32_t)(view->packet[view->upper + 12] >> 4) * 4;
    if (upper_header < TCP_HEADER) return false;
  } else {
    fits = type == VIRTIO_NET_HDR_GSO_UDP_L4 && view->protocol == PROTOCOL_UDP;
    if (!fits) return false;
    upper_header = UDP_HEADER;
  }
  /* A super-packet always leaves its checksum to us (virtio 1.2, 5.1.6.2). */
  if (!(offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || offload->csum_start != view->upper ||
      offload->csum_offset != (view->protocol == PROTOCOL_TCP ? 16 : 6))
    return false;
  split->header = view->upper + upper_header;
  if (split->header >= view->length || split->header > LARGEST_HEADER) return false;
  split->payload = view->length - split->header;
  split->count = (split->payload + split->size - 1) / split->size;
  return true;
}

uint32_t split_segment(const struct split *split, uint32_t index, uint8_t *header, const uint8_t **payload) {
  const uint8_t *packet = split->view.packet;
  uint32_t start = index * split->size, upper = split->view.upper;
  uint32_t bytes = split->payload - start < split->size ? split->payload - start : split->size;
  uint32_t upper_length = split->header - upper + bytes;
  *payload = packet + split->header + start;
  memcpy(header, packet, split->header);

  if (split->view.family == INNER_IPV4) {
    write16(header + 2, (uint16_t)(split->header + bytes));
    write16(header + 4, (uint16_t)(read16(packet + 4) + index));
    uint64_t sum = (uint64_t)split->ip_sum + raw16(header + 2) + raw16(header + 4);
    put_raw16(header + 10, (uint16_t)~checksum_fold(sum));
  } else {
    write16(header + 4, (uint16_t)(split->header - IPV6_HEADER + bytes));
  }

  uint8_t *at = header + upper, length[2];
  write16(length, (uint16_t)upper_length);
  uint64_t sum = split->upper_sum + raw16(length);
  if (is_tcp(split)) {
    write32(at + 4, read32(at + 4) + start);
    if (index + 1 < split->count) at[13] &= (uint8_t)~TCP_FIN_PSH;
    if (index > 0) at[13] &= (uint8_t)~TCP_CWR; /* only the first says that its window was reduced (RFC 3168) */
    sum += raw16(at + 4);
    sum += raw16(at + 6);
    sum += raw16(at + 12);
    put_raw16(at + 16, (uint16_t)~checksum_fold(checksum_add(sum, *payload, bytes)));
  } else {
    write16(at + 4, (uint16_t)upper_length);
    sum += raw16(at + 4);
    uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(sum, *payload, bytes));
    put_raw16(at + 6, checksum == 0 ? 0xffff : checksum); /* 0 would say that there is none (RFC 768) */
  }
  return bytes;
}

bool complete_checksum(const struct view *view, const struct virtio_net_hdr *offload) {
  if (!(offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) return true;
  uint32_t start = offload->csum_start, field = start + offload->csum_offset;
  /* The IP header is not to be changed by this. */
  if (start < (view->family == INNER_IPV4 ? IPV4_HEADER : IPV6_HEADER) || field + 2 > view->length) return false;
  uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(0, view->packet + start, view->length - start));
  if (checksum == 0 && view->protocol == PROTOCOL_UDP) checksum = 0xffff;
  put_raw16(view->packet + field, checksum);
  return true;
}
