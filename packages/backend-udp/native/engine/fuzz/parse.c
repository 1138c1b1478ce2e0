/* Any bytes: what is parsed lies within them, and an error about them is a packet with right checksums. */
#include "../packet/checksum.h"
#include "../packet/icmp.h"
#include "input.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {data, size};
  uint8_t error = take8(&input) % 3;
  uint16_t mtu = take16(&input);
  size_t length;
  uint8_t *bytes = take_copy(&input, 65535, &length);
  HOLDS(checksum_fold(checksum_add(0, bytes, length)) ==
        __builtin_bswap16((uint16_t)slow_sum(0, bytes, length)));
  struct view view;
  if (parse_packet(bytes, length, &view)) {
    HOLDS(view.length <= length && view.upper <= view.length);
    HOLDS(view.upper >= (view.family == INNER_IPV4 ? IPV4_HEADER : IPV6_HEADER));
    HOLDS(!view.later || view.fragment);
    int ip_was_right = slow_ip_right(&view);
    if (view_hops(&view) > 1) {
      uint8_t hops = view_hops(&view);
      take_hop(&view);
      HOLDS(view_hops(&view) == hops - 1);
      if (ip_was_right) HOLDS(slow_ip_right(&view));
    }
    static const uint8_t own[16] = {10, 244, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    uint8_t *reply = malloc(LARGEST_ICMP_ERROR);
    size_t answer = icmp_error(reply, &view, (enum icmp_error)error, own, mtu);
    HOLDS(answer <= LARGEST_ICMP_ERROR);
    struct view quoted;
    if (answer > 0) {
      HOLDS(parse_packet(reply, answer, &quoted) && quoted.length == answer && quoted.family == view.family);
      HOLDS(slow_ip_right(&quoted));
      if (view.family == INNER_IPV6) HOLDS(slow_upper_right(&quoted));
      else HOLDS(slow_sum(0, reply + IPV4_HEADER, answer - IPV4_HEADER) == 0xffff);
      HOLDS(memcmp(view_destination(&quoted), view_source(&view), view_address_bytes(&view)) == 0);
      uint8_t *again = malloc(LARGEST_ICMP_ERROR);
      HOLDS(icmp_error(again, &quoted, ICMP_ERROR_EXPIRED, own, 0) == 0); /* errors are not answered */
      free(again);
    }
    free(reply);
  }
  free(bytes);
  return 0;
}
