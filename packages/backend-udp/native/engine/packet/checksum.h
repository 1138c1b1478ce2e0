/*
 * The Internet checksum (RFC 1071). Sums are of 16-bit words as they lie in memory, so that a folded sum can be stored
 * without regard to the machine's byte order.
 */
#ifndef OVERLAY_UDP_CHECKSUM_H
#define OVERLAY_UDP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds `length` bytes to an unfolded sum. An odd last byte counts as if a zero byte followed it. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length);

/* The sum in 16 bits, not inverted. */
static inline uint16_t checksum_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

/* The sum without one 16-bit word that it holds (RFC 1624). */
static inline uint64_t checksum_without(uint64_t sum, uint16_t word) { return sum + (uint16_t)~word; }

/* The pseudo-header of TCP and UDP: `addresses` is source and destination, 8 bytes (IPv4) or 32 (IPv6). */
static inline uint64_t checksum_pseudo(const void *addresses, size_t address_bytes, uint8_t protocol, uint32_t length) {
  /* Both numbers take a whole number of 16-bit words of which the high one, if any, is 0 or a carry of the length. */
  const uint8_t tail[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
                           0,                       0,                       0,                      protocol};
  return checksum_add(checksum_add(0, addresses, address_bytes), tail, sizeof tail);
}

#endif
