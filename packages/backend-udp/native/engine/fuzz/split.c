/* Any packet with any offload header: what it is cut into is whole, and holds the payload again. */
#include "../packet/checksum.h"
#include "../packet/split.h"
#include "input.h"
#include "reference.h"

/* As the kernel hands a super-packet over: the pseudo-header's sum is in the place of the checksum. */
static void put_pseudo(struct view *view) {
  uint32_t field = view->upper + (view->protocol == PROTOCOL_TCP ? 16 : 6);
  uint32_t length = view->length - view->upper;
  if (field + 2 > view->length) return;
  uint64_t sum = checksum_pseudo(view_source(view), 2 * view_address_bytes(view), view->protocol, length);
  put_raw16(view->packet + field, checksum_fold(sum));
}

static void check_segment(const struct split *split, uint32_t index, const uint8_t *header, const uint8_t *payload,
                          uint32_t bytes, bool sound) {
  uint8_t *whole = malloc(split->header + bytes);
  memcpy(whole, header, split->header);
  memcpy(whole + split->header, payload, bytes);
  struct view view;
  HOLDS(parse_packet(whole, split->header + bytes, &view));
  HOLDS(view.length == split->header + bytes && view.upper == split->view.upper);
  HOLDS(view.protocol == split->view.protocol && slow_ip_right(&view));
  if (sound) HOLDS(slow_upper_right(&view));
  if (view.protocol == PROTOCOL_TCP) {
    uint32_t first = read32(split->view.packet + view.upper + 4);
    HOLDS(read32(whole + view.upper + 4) == first + index * split->size);
    if (index + 1 < split->count) HOLDS((whole[view.upper + 13] & 9) == 0);
    if (index > 0) HOLDS((whole[view.upper + 13] & 0x80) == 0);
  } else {
    HOLDS(read16(whole + view.upper + 4) == view.length - view.upper);
  }
  free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {data, size};
  uint8_t mode = take8(&input);
  struct virtio_net_hdr offload = {.flags = take8(&input), .gso_type = take8(&input), .hdr_len = take16(&input),
                                   .gso_size = take16(&input), .csum_start = take16(&input),
                                   .csum_offset = take16(&input)};
  size_t length;
  uint8_t *bytes = take_copy(&input, 65535, &length);
  struct view view;
  struct split split;
  if (parse_packet(bytes, length, &view)) {
    bool transport = view.protocol == PROTOCOL_TCP || view.protocol == PROTOCOL_UDP;
    /* Most inputs are to get past the first checks. */
    bool helped = (mode & 1) && transport;
    if (helped) {
      offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
      offload.csum_start = (uint16_t)view.upper;
      offload.csum_offset = view.protocol == PROTOCOL_TCP ? 16 : 6;
      offload.gso_type = view.protocol == PROTOCOL_UDP        ? VIRTIO_NET_HDR_GSO_UDP_L4
                         : view.family == INNER_IPV4          ? VIRTIO_NET_HDR_GSO_TCPV4
                                                              : VIRTIO_NET_HDR_GSO_TCPV6;
      put_pseudo(&view);
    }
    if (split_begin(&split, &view, &offload)) {
      uint32_t seen = 0;
      split_sum(&split);
      HOLDS(split.header <= LARGEST_HEADER && split.count > 0);
      for (uint32_t i = 0; i < split.count; i++) {
        uint8_t *header = malloc(split.header);
        const uint8_t *payload;
        uint32_t part = split_segment(&split, i, header, &payload);
        HOLDS(payload == view.packet + split.header + seen && part > 0 && part <= split.size);
        /* A routing header makes the last destination another one, which only the kernel knows. */
        if (i < 4 || i + 1 == split.count) check_segment(&split, i, header, payload, part, helped && view.plain);
        seen += part;
        free(header);
      }
      HOLDS(seen == split.payload);
    } else if (complete_checksum(&view, &offload) && helped && view.plain && !view.fragment) {
      HOLDS(slow_upper_right(&view));
    }
  }
  free(bytes);
  return 0;
}
