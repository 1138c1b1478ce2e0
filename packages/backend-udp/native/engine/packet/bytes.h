/* Numbers in network byte order at any address. */
#ifndef OVERLAY_UDP_BYTES_H
#define OVERLAY_UDP_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t read32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

static inline void write16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static inline void write32(uint8_t *at, uint32_t value) {
  value = __builtin_bswap32(value);
  memcpy(at, &value, sizeof value);
}

/* A 16-bit word as it lies in memory, as checksums want it. */
static inline uint16_t raw16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline void put_raw16(uint8_t *at, uint16_t value) { memcpy(at, &value, sizeof value); }

#endif
