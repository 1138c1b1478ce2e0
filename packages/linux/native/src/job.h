/* One unit of work of a request socket, and what became of it. */
#ifndef OVERLAY_JOB_H
#define OVERLAY_JOB_H

#include "support.h"

#include <stdatomic.h>

enum job_kind { JOB_BATCH = 0, JOB_DUMP = 1, JOB_QUERY = 2 };

struct failure {
  uint32_t index; /* of the message in the batch */
  int error;
  int32_t offset; /* of the attribute the kernel complains about, from the message's start; -1: not told */
  char *text;     /* the kernel's extended acknowledgement, or NULL */
};

/* Received messages, in blocks that grow. */
struct block {
  struct block *next;
  size_t length;
  size_t capacity;
  uint8_t data[];
};

struct job {
  struct job *next;  /* in the thread's queue */
  struct job *sibling; /* in the JS thread's list of jobs not yet delivered */
  uint32_t id;
  enum job_kind kind;
  atomic_bool cancelled;
  /* what became of it */
  struct failure outcome; /* of the job as a whole */
  bool starved;           /* memory ran out, so messages or failures are missing */
  bool interrupted;       /* the dump is inconsistent, or part of it was lost */
  struct failure *failures;
  size_t failure_count, failure_capacity;
  struct block *first, *last;
  size_t length;
  uint8_t data[]; /* the messages */
};

struct job *job_create(uint32_t id, enum job_kind kind, const uint8_t *data, size_t length);
void job_free(struct job *job);

/* Takes over `text`. Without memory the job is marked as starved. */
void job_add_failure(struct job *job, uint32_t index, int error, int32_t offset, char *text);

/* Appends one received message; without memory the job is marked as starved. */
void job_add_message(struct job *job, const uint8_t *message, size_t length);
void job_drop_messages(struct job *job);

/* The `result` of onDone; NULL with a pending exception. Received blocks are freed on the way. */
napi_value job_result(napi_env env, struct job *job);

#endif
