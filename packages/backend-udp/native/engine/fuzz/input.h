/* Takes a fuzzer's bytes apart. What is not there reads as zero. */
#ifndef OVERLAY_FUZZ_INPUT_H
#define OVERLAY_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
  const uint8_t *at;
  size_t left;
};

static inline uint8_t take8(struct input *input) {
  if (input->left == 0) return 0;
  input->left--;
  return *input->at++;
}

static inline uint16_t take16(struct input *input) { return (uint16_t)(take8(input) << 8 | take8(input)); }

/* Copies up to `length` bytes into memory of exactly that size, so that a byte too far is found. */
static inline uint8_t *take_copy(struct input *input, size_t length, size_t *taken) {
  *taken = length < input->left ? length : input->left;
  uint8_t *copy = malloc(*taken == 0 ? 1 : *taken);
  if (copy == NULL) abort();
  memcpy(copy, input->at, *taken);
  input->at += *taken;
  input->left -= *taken;
  return copy;
}

/* What must hold, whatever the input. */
#define HOLDS(condition)                                                                                              \
  do {                                                                                                                \
    if (!(condition)) {                                                                                               \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                                  \
      abort();                                                                                                        \
    }                                                                                                                 \
  } while (0)

#endif
