#include "coalesce.h"

#include "checksum.h"
#include "split.h"

#define TCP_HEADER 20
#define UDP_HEADER 8
#define TCP_ACK 0x10
#define TCP_PSH 0x08
#define LARGEST_PACKET 65535u

void coalescer_empty(struct coalescer *coalescer) {
  coalescer->group_count = coalescer->piece_count = 0;
  memset(coalescer->flows, 0xff, sizeof coalescer->flows);
}

/* Addresses and ports lie side by side in a plain packet. Fragments have no ports; nothing depends on what is read. */
static uint32_t flow_bucket(const struct view *view) {
  uint32_t hash = view->protocol, word;
  const uint8_t *addresses = view_source(view);
  for (size_t i = 0; i < 2 * view_address_bytes(view); i += 4) hash = (hash ^ read32(addresses + i)) * 0x9e3779b1u;
  if (view->upper + 4 <= view->length) {
    memcpy(&word, view->packet + view->upper, sizeof word);
    hash = (hash ^ word) * 0x9e3779b1u;
  }
  return hash >> 16 & (FLOW_BUCKETS - 1);
}

/* The bytes of both headers if the packet is of a sort that can be joined, else 0. */
static uint32_t joinable_header(const struct coalescer *coalescer, const struct view *view) {
  const uint8_t *upper = view->packet + view->upper;
  if (!view->plain || view->fragment) return 0;
  if (view->protocol == PROTOCOL_TCP) {
    if (view->upper + TCP_HEADER > view->length) return 0;
    uint32_t header = view->upper + (uint32_t)(upper[12] >> 4) * 4;
    if (header < view->upper + TCP_HEADER || header >= view->length) return 0; /* no payload: an acknowledgement */
    return (upper[13] & ~TCP_PSH) == TCP_ACK && (upper[12] & 15) == 0 ? header : 0;
  }
  if (view->protocol == PROTOCOL_UDP && coalescer->join_udp) {
    uint32_t header = view->upper + UDP_HEADER;
    if (header >= view->length || read16(upper + 4) != view->length - view->upper) return 0;
    /* One without a checksum would get one. */
    return raw16(upper + 6) != 0 ? header : 0;
  }
  return 0;
}

static bool checksums_right(const struct view *view) {
  if (view->family == INNER_IPV4 && checksum_fold(checksum_add(0, view->packet, view->upper)) != 0xffff) return false;
  uint32_t length = view->length - view->upper;
  uint64_t pseudo = checksum_pseudo(view_source(view), 2 * view_address_bytes(view), view->protocol, length);
  return checksum_fold(checksum_add(pseudo, view->packet + view->upper, length)) == 0xffff;
}

/* Whether the IP headers say the same, apart from length, identification and checksum. */
static bool same_ip(const struct group *group, const struct view *view) {
  const uint8_t *a = group->view.packet, *b = view->packet;
  if (group->view.family != view->family) return false;
  if (view->family == INNER_IPV6) /* class and flow label; next header and hop limit; addresses */
    return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, IPV6_HEADER - 6) == 0;
  if (memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 || memcmp(a + 12, b + 12, 8) != 0) return false;
  uint16_t id = read16(b + 4), first = read16(a + 4);
  /*
   * Cut again, they count up. Of packets that must not be fragmented the identification means nothing (RFC 6864), so
   * that a sender who does not count may be joined too.
   */
  if (group->count > 1) return group->fixed_ids ? id == first : id == group->next_id;
  return id == group->next_id || (view->dont_fragment && id == first);
}

static bool same_upper(const struct group *group, const struct view *view) {
  const uint8_t *a = group->view.packet + group->view.upper, *b = view->packet + view->upper;
  if (group->view.protocol != view->protocol || memcmp(a, b, 4) != 0) return false;
  if (view->protocol == PROTOCOL_UDP) return true;
  /* Acknowledgement, header length, window, urgent pointer, options; the first has no push, or it would be closed. */
  return read32(b + 4) == group->next_seq && memcmp(a + 8, b + 8, 5) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
         memcmp(a + 18, b + 18, group->header - group->view.upper - 18) == 0;
}

static bool joins(struct group *group, const struct view *view, uint32_t header) {
  uint32_t payload = view->length - header;
  if (group->header != header || payload > group->size || group->push) return false;
  if (group->payload != group->count * group->size) return false; /* its last was shorter, so it is complete */
  if (group->count >= MOST_SEGMENTS) return false;
  if (group->header + group->payload + payload > LARGEST_PACKET) return false;
  if (!same_ip(group, view) || !same_upper(group, view)) return false;
  if (!group->verified && !checksums_right(&group->view)) {
    group->header = 0;
    return false;
  }
  group->verified = true;
  return checksums_right(view);
}

static void append(struct coalescer *coalescer, struct group *group, const struct view *view) {
  uint16_t number = ++coalescer->piece_count;
  uint32_t payload = view->length - group->header;
  coalescer->pieces[number] = (struct piece){view->packet + group->header, payload, 0};
  if (group->count == 1) {
    group->first = number;
    group->fixed_ids = view->family == INNER_IPV4 && read16(view->packet + 4) != group->next_id;
  } else {
    coalescer->pieces[group->last].next = number;
  }
  group->last = number;
  group->count++;
  group->next_id++;
  group->payload += payload;
  group->next_seq += payload;
  if (view->protocol == PROTOCOL_TCP) group->push = (view->packet[view->upper + 13] & TCP_PSH) != 0;
}

void coalesce(struct coalescer *coalescer, const struct view *view) {
  uint32_t bucket = flow_bucket(view), header = joinable_header(coalescer, view);
  if (header != 0 && coalescer->flows[bucket] >= 0) {
    struct group *group = &coalescer->groups[coalescer->flows[bucket]];
    if (joins(group, view, header)) {
      append(coalescer, group, view);
      return;
    }
  }
  /* From here on nothing joins the flow's earlier group, so that its packets stay in order. */
  coalescer->flows[bucket] = header == 0 ? -1 : (int16_t)coalescer->group_count;
  struct group *group = &coalescer->groups[coalescer->group_count++];
  *group = (struct group){.view = *view, .header = header, .count = 1};
  if (header == 0) return;
  group->size = group->payload = view->length - header;
  if (view->family == INNER_IPV4) group->next_id = (uint16_t)(read16(view->packet + 4) + 1);
  if (view->protocol == PROTOCOL_TCP) {
    group->next_seq = read32(view->packet + view->upper + 4) + group->payload;
    group->push = (view->packet[view->upper + 13] & TCP_PSH) != 0;
  }
}

uint32_t group_finish(struct group *group, struct virtio_net_hdr *offload) {
  const struct view *view = &group->view;
  memset(offload, 0, sizeof *offload);
  if (group->count == 1) return view->length;
  uint8_t *packet = view->packet, *upper = packet + view->upper;
  uint32_t total = group->header + group->payload;
  bool tcp = view->protocol == PROTOCOL_TCP;
  if (view->family == INNER_IPV4) {
    write16(packet + 2, (uint16_t)total);
    put_raw16(packet + 10, 0);
    put_raw16(packet + 10, (uint16_t)~checksum_fold(checksum_add(0, packet, view->upper)));
  } else {
    write16(packet + 4, (uint16_t)(total - IPV6_HEADER));
  }
  if (!tcp) write16(upper + 4, (uint16_t)(total - view->upper));
  if (tcp && group->push) upper[13] |= TCP_PSH;
  uint64_t pseudo =
      checksum_pseudo(view_source(view), 2 * view_address_bytes(view), view->protocol, total - view->upper);
  put_raw16(upper + (tcp ? 16 : 6), checksum_fold(pseudo));
  offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  offload->csum_start = (uint16_t)view->upper;
  offload->csum_offset = tcp ? 16 : 6;
  offload->hdr_len = (uint16_t)group->header;
  offload->gso_size = (uint16_t)group->size;
  if (!tcp)
    offload->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
  else
    offload->gso_type = view->family == INNER_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
  return view->length;
}
