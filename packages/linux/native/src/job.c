#include "job.h"

#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK_BYTES 4096
#define LARGEST_BLOCK_BYTES (1024 * 1024)

struct job *job_create(uint32_t id, enum job_kind kind, const uint8_t *data, size_t length) {
  struct job *job = calloc(1, sizeof *job + length);
  if (job == NULL) return NULL;
  job->id = id;
  job->kind = kind;
  job->outcome.offset = -1;
  job->length = length;
  if (length > 0) memcpy(job->data, data, length);
  return job;
}

void job_drop_messages(struct job *job) {
  while (job->first != NULL) {
    struct block *block = job->first;
    job->first = block->next;
    free(block);
  }
  job->last = NULL;
}

void job_free(struct job *job) {
  job_drop_messages(job);
  for (size_t i = 0; i < job->failure_count; i++) free(job->failures[i].text);
  free(job->failures);
  free(job->outcome.text);
  free(job);
}

void job_add_failure(struct job *job, uint32_t index, int error, int32_t offset, char *text) {
  if (job->failure_count == job->failure_capacity) {
    size_t capacity = job->failure_capacity == 0 ? 16 : job->failure_capacity * 2;
    struct failure *larger = realloc(job->failures, capacity * sizeof *larger);
    if (larger == NULL) {
      job->starved = true;
      free(text);
      return;
    }
    job->failures = larger;
    job->failure_capacity = capacity;
  }
  job->failures[job->failure_count++] = (struct failure){index, error, offset, text};
}

void job_add_message(struct job *job, const uint8_t *message, size_t length) {
  size_t padded = NLMSG_ALIGN(length);
  struct block *block = job->last;
  if (block == NULL || block->capacity - block->length < padded) {
    size_t capacity = block == NULL ? FIRST_BLOCK_BYTES : block->capacity * 4;
    if (capacity > LARGEST_BLOCK_BYTES) capacity = LARGEST_BLOCK_BYTES;
    if (capacity < padded) capacity = padded;
    block = malloc(sizeof *block + capacity);
    if (block == NULL) {
      job->starved = true;
      return;
    }
    *block = (struct block){.capacity = capacity};
    if (job->last == NULL)
      job->first = block;
    else
      job->last->next = block;
    job->last = block;
  }
  memcpy(block->data + block->length, message, length);
  memset(block->data + block->length + length, 0, padded - length);
  block->length += padded;
}

static napi_value failure_list(napi_env env, const struct job *job) {
  napi_value list, value;
  uint32_t position = 0;
  NAPI_OR_THROW(env, napi_create_array_with_length(env, job->failure_count * 4, &list));
  for (size_t i = 0; i < job->failure_count; i++) {
    const struct failure *failure = &job->failures[i];
    NAPI_OR_THROW(env, napi_create_uint32(env, failure->index, &value));
    NAPI_OR_THROW(env, napi_set_element(env, list, position++, value));
    NAPI_OR_THROW(env, napi_create_int32(env, failure->error, &value));
    NAPI_OR_THROW(env, napi_set_element(env, list, position++, value));
    NAPI_OR_THROW(env, napi_create_int32(env, failure->offset, &value));
    NAPI_OR_THROW(env, napi_set_element(env, list, position++, value));
    if (failure->text != NULL)
      NAPI_OR_THROW(env, napi_create_string_utf8(env, failure->text, NAPI_AUTO_LENGTH, &value));
    else
      NAPI_OR_THROW(env, napi_get_undefined(env, &value));
    NAPI_OR_THROW(env, napi_set_element(env, list, position++, value));
  }
  return list;
}

static napi_value block_list(napi_env env, struct job *job) {
  napi_value list, buffer;
  uint32_t position = 0;
  NAPI_OR_THROW(env, napi_create_array(env, &list));
  while (job->first != NULL) {
    struct block *block = job->first;
    void *bytes;
    NAPI_OR_THROW(env, napi_create_arraybuffer(env, block->length, &bytes, &buffer));
    memcpy(bytes, block->data, block->length);
    NAPI_OR_THROW(env, napi_set_element(env, list, position++, buffer));
    job->first = block->next; /* freed at once: a large dump is in memory once, not twice */
    free(block);
  }
  job->last = NULL;
  return list;
}

napi_value job_result(napi_env env, struct job *job) {
  return job->kind == JOB_BATCH ? failure_list(env, job) : block_list(env, job);
}
