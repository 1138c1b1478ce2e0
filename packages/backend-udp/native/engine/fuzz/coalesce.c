/*
 * Any packets, many of them made to fit together: what they are joined to, cut again, is the same packets in the same
 * order for each flow, and nothing with a wrong checksum is ever joined.
 */
#include "../packet/checksum.h"
#include "../packet/coalesce.h"
#include "../packet/split.h"
#include "input.h"
#include "reference.h"

#define MOST_PACKETS 200
#define LARGEST 2048

struct packet {
  uint8_t *bytes;    /* what the coalescer gets, and changes */
  uint8_t *original;
  size_t length;
  bool seen;
};

static struct coalescer coalescer;

/* A TCP or UDP packet that follows the one before in its flow, with what the input wants otherwise. */
static size_t make(struct input *input, uint8_t *out, uint32_t seq[4], uint16_t id[4]) {
  uint8_t choice = take8(input), change = take8(input);
  uint8_t flow = choice & 3;
  bool ipv6 = choice & 4, udp = choice & 8;
  size_t upper = ipv6 ? IPV6_HEADER : IPV4_HEADER, header = upper + (udp ? 8 : choice & 16 ? 32 : 20);
  size_t payload = choice & 32 ? 64 : take8(input), total = header + payload;
  memset(out, 0, total);
  for (size_t i = header; i < total; i++) out[i] = (uint8_t)(i * 7 + choice);
  if (ipv6) {
    out[0] = 0x60;
    write16(out + 4, (uint16_t)(total - IPV6_HEADER));
    out[6] = udp ? PROTOCOL_UDP : PROTOCOL_TCP;
    out[7] = 64;
    out[8] = out[24] = 0xfd;
    out[39] = flow;
  } else {
    out[0] = 0x45;
    write16(out + 2, (uint16_t)total);
    write16(out + 4, choice & 64 ? 0 : id[flow]++);
    out[6] = change & 64 ? 0 : 0x40;
    out[8] = 64;
    out[9] = udp ? PROTOCOL_UDP : PROTOCOL_TCP;
    out[12] = out[16] = 10;
    out[19] = flow;
    put_raw16(out + 10, (uint16_t)~checksum_fold(checksum_add(0, out, upper)));
  }
  uint8_t *at = out + upper;
  write16(at, 1000);
  write16(at + 2, 2000);
  if (udp) {
    write16(at + 4, (uint16_t)(8 + payload));
  } else {
    write32(at + 4, seq[flow]);
    seq[flow] += (uint32_t)payload;
    at[12] = (uint8_t)((header - upper) / 4 << 4);
    at[13] = change & 1 ? 0x18 : 0x10;
    write16(at + 14, 500);
  }
  struct view view;
  HOLDS(parse_packet(out, total, &view));
  uint64_t pseudo = checksum_pseudo(view_source(&view), 2 * view_address_bytes(&view), view.protocol,
                                    (uint32_t)(total - upper));
  uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(pseudo, at, total - upper));
  put_raw16(at + (udp ? 6 : 16), udp && checksum == 0 ? 0xffff : checksum);
  if ((change & 6) == 6) out[take16(input) % total] ^= take8(input); /* damage */
  return total;
}

/* Whether two packets say the same. Of one that must not be fragmented the identification means nothing. */
static bool same(const uint8_t *a, const uint8_t *b, size_t length, bool ids_count) {
  if (a[0] >> 4 != 4 || ids_count) return memcmp(a, b, length) == 0;
  return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 4) == 0 && memcmp(a + 12, b + 12, length - 12) == 0;
}

static struct packet *find(struct packet *packets, size_t count, const uint8_t *bytes, size_t length, bool ids) {
  for (size_t i = 0; i < count; i++)
    if (!packets[i].seen && packets[i].length == length && same(packets[i].original, bytes, length, ids))
      return &packets[i];
  return NULL;
}

static void check_group(struct group *group, struct packet *packets, size_t count, const struct packet **latest) {
  struct virtio_net_hdr offload;
  uint32_t head = group_finish(group, &offload);
  static uint8_t joined[65536 + 64];
  size_t length = head;
  memcpy(joined, group->view.packet, head);
  uint32_t pieces = 1;
  for (uint16_t number = group->first; number != 0; number = coalescer.pieces[number].next, pieces++) {
    HOLDS(length + coalescer.pieces[number].length <= 65535);
    memcpy(joined + length, coalescer.pieces[number].bytes, coalescer.pieces[number].length);
    length += coalescer.pieces[number].length;
  }
  HOLDS(pieces == group->count);
  struct view view;
  HOLDS(parse_packet(joined, length, &view) && view.length == length);
  if (group->count == 1) {
    struct packet *packet = find(packets, count, joined, length, true);
    HOLDS(packet != NULL);
    packet->seen = true;
    *latest = packet;
    return;
  }
  struct split split;
  HOLDS(split_begin(&split, &view, &offload) && split.count == group->count);
  split_sum(&split);
  for (uint32_t i = 0; i < split.count; i++) {
    uint8_t whole[LARGEST];
    const uint8_t *payload;
    uint32_t bytes = split_segment(&split, i, whole, &payload);
    memcpy(whole + split.header, payload, bytes);
    struct view part;
    HOLDS(parse_packet(whole, split.header + bytes, &part) && slow_upper_right(&part) && slow_ip_right(&part));
    /* The group's push is on the last one; a UDP checksum has one form only. */
    struct packet *packet = find(packets, count, whole, split.header + bytes, !group->fixed_ids);
    HOLDS(packet != NULL);
    packet->seen = true;
    *latest = packet;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct packet packets[MOST_PACKETS];
  struct input input = {data, size};
  uint8_t mode = take8(&input);
  size_t count = 0;
  uint32_t seq[4] = {1, 0xfffffff0u, 5000, 7};
  uint16_t id[4] = {0xfffe, 1, 2, 3};
  coalescer.join_udp = mode & 1;
  coalescer_empty(&coalescer);
  while (input.left > 0 && count < MOST_PACKETS) {
    uint8_t made[LARGEST];
    size_t length;
    if (mode & 2 && take8(&input) > 200) {
      uint8_t *raw = take_copy(&input, take8(&input), &length);
      memcpy(made, raw, length);
      free(raw);
    } else {
      length = make(&input, made, seq, id);
    }
    struct view view;
    uint8_t *bytes = malloc(length == 0 ? 1 : length);
    memcpy(bytes, made, length);
    if (!parse_packet(bytes, length, &view) || view.length != length) {
      free(bytes);
      continue;
    }
    packets[count] = (struct packet){bytes, malloc(length), length, false};
    memcpy(packets[count].original, made, length);
    count++;
    HOLDS(coalescer_room(&coalescer) > 0);
    coalesce(&coalescer, &view);
  }
  const struct packet *latest = NULL;
  for (uint16_t i = 0; i < coalescer.group_count; i++)
    check_group(&coalescer.groups[i], packets, count, &latest);
  for (size_t i = 0; i < count; i++) {
    HOLDS(packets[i].seen);
    free(packets[i].bytes);
    free(packets[i].original);
  }
  return 0;
}
