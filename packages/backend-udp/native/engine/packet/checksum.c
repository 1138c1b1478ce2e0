#include "checksum.h"

#include <string.h>

/*
 * Blocks of 64 bytes in vectors whose 32-bit lanes add the low and the high halves of the words apart: no lane can
 * overflow within the 65,535 rounds that a turn takes at most.
 */
typedef uint32_t lanes __attribute__((vector_size(32)));

#define BLOCK 64
#define LARGEST_TURN (BLOCK * 32768u)

#define SUM_BLOCKS(name, attributes)                                                                                  \
  attributes static uint64_t name(const uint8_t *bytes, size_t blocks) {                                              \
    lanes low = {0}, high = {0};                                                                                      \
    uint64_t sum = 0;                                                                                                 \
    for (size_t i = 0; i < blocks; i++, bytes += BLOCK) {                                                             \
      lanes a, b;                                                                                                     \
      memcpy(&a, bytes, sizeof a);                                                                                    \
      memcpy(&b, bytes + sizeof a, sizeof b);                                                                         \
      low += (a & 0xffff) + (b & 0xffff);                                                                             \
      high += (a >> 16) + (b >> 16);                                                                                  \
    }                                                                                                                 \
    for (int i = 0; i < 8; i++) sum += (uint64_t)low[i] + high[i];                                                    \
    return sum;                                                                                                       \
  }

SUM_BLOCKS(sum_blocks, )
#ifdef __x86_64__
SUM_BLOCKS(sum_blocks_avx2, __attribute__((target("avx2"))))
#endif

uint64_t checksum_add(uint64_t sum, const void *data, size_t length) {
  const uint8_t *bytes = data;
  while (length >= BLOCK) {
    size_t turn = length > LARGEST_TURN ? LARGEST_TURN : length & ~(size_t)(BLOCK - 1);
#ifdef __x86_64__
    if (turn >= 2 * BLOCK && __builtin_cpu_supports("avx2"))
      sum += sum_blocks_avx2(bytes, turn / BLOCK);
    else
#endif
      sum += sum_blocks(bytes, turn / BLOCK);
    bytes += turn;
    length -= turn;
  }
  for (; length >= 4; bytes += 4, length -= 4) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    sum += word;
  }
  if (length >= 2) {
    uint16_t word;
    memcpy(&word, bytes, sizeof word);
    sum += word;
    bytes += 2;
    length -= 2;
  }
  if (length == 1) {
    uint16_t word = 0;
    memcpy(&word, bytes, 1);
    sum += word;
  }
  return sum;
}
