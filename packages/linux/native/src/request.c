#include "request.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "job.h"
#include "monitor.h"
#include "route_socket.h"

#define DEFAULT_RECEIVE_BUFFER (4u << 20)
#define SCRATCH_BYTES (256 * 1024)    /* a dump's part is 32 KiB at most, unless one object alone is larger */
#define SEND_MESSAGES 400             /* larger sends gain nothing measurable and hold RTNL longer */
#define SEND_BYTES (64 * 1024)        /* well under the default SO_SNDBUF */
#define QUEUE_BYTES_PER_MESSAGE 2048  /* upper bound of what the kernel charges for an error or a notification */
#define LEAST_SEND_MESSAGES 1
#define MAX_MONITORS 8
#define PACE_NANOSECONDS 500000
#define REPLY_PATIENCE_MS 1000        /* rtnetlink answers before sendmsg returns; this is for what we do not know */

/* Message flags of linux/netlink.h that older headers lack. */
#ifndef NLM_F_DUMP_INTR
#define NLM_F_DUMP_INTR 0x10
#endif
#ifndef NLM_F_CAPPED
#define NLM_F_CAPPED 0x100
#endif
#ifndef NLM_F_ACK_TLVS
#define NLM_F_ACK_TLVS 0x200
#endif

struct request {
  int references; /* JS thread only: the handle's and the thread-safe function's */
  int fd;
  uint32_t port;
  uint32_t sequence;
  uint32_t send_limit; /* messages in one send, so that their errors fit the receive buffer */
  napi_threadsafe_function deliver;
  pthread_t thread;
  pthread_mutex_t lock; /* of everything below */
  pthread_cond_t changed;
  bool stop;
  struct job *head, *tail;
  struct monitor *monitors[MAX_MONITORS];
  uint32_t monitor_count;
  /* JS thread only */
  bool closing, joined;
  struct job *outstanding;
  uint8_t *scratch;
};

static const napi_type_tag request_tag = {0x6f7665726c61796eull, 0x41c7a05be2d3968full};

/* Gives back what is worth much, without waiting for the handle to be collected. The thread must have ended. */
static void request_dispose(struct request *request) {
  while (request->head != NULL) {
    struct job *job = request->head;
    request->head = job->next;
    job_free(job);
  }
  request->tail = request->outstanding = NULL;
  for (uint32_t i = 0; i < request->monitor_count; i++) monitor_release(request->monitors[i]);
  request->monitor_count = 0;
  if (request->fd >= 0) close(request->fd);
  request->fd = -1;
  free(request->scratch);
  request->scratch = NULL;
}

static void request_release(struct request *request) {
  if (--request->references > 0) return;
  request_dispose(request);
  pthread_mutex_destroy(&request->lock);
  pthread_cond_destroy(&request->changed);
  free(request);
}

/* ---- receiving ---- */

/* One datagram from the kernel into the scratch buffer: its length, or -errno. */
static ssize_t receive(struct request *request) {
  for (;;) {
    struct sockaddr_nl sender = {0};
    struct iovec vector = {request->scratch, SCRATCH_BYTES};
    struct msghdr header = {.msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &vector, .msg_iovlen = 1};
    ssize_t length = recvmsg(request->fd, &header, MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return -errno;
    if (sender.nl_pid != 0) continue; /* any process may send here, only the kernel is believed */
    if (header.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    return length;
  }
}

static bool wait_readable(struct request *request) {
  struct pollfd polled = {.fd = request->fd, .events = POLLIN};
  int ready;
  do ready = poll(&polled, 1, REPLY_PATIENCE_MS);
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

/* Fills `failure` from the extended acknowledgement's attributes at `data`. */
static void read_extended(const uint8_t *data, size_t length, struct failure *failure) {
  while (length >= sizeof(struct nlattr)) {
    struct nlattr attribute;
    memcpy(&attribute, data, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > length) return;
    const uint8_t *value = data + NLA_HDRLEN;
    size_t size = attribute.nla_len - NLA_HDRLEN;
    uint16_t type = attribute.nla_type & NLA_TYPE_MASK;
    if (type == NLMSGERR_ATTR_MSG && size > 0 && failure->text == NULL) {
      failure->text = malloc(size + 1);
      if (failure->text != NULL) {
        memcpy(failure->text, value, size);
        failure->text[size] = '\0';
      }
    } else if (type == NLMSGERR_ATTR_OFFS && size >= sizeof(uint32_t)) {
      uint32_t offset;
      memcpy(&offset, value, sizeof offset);
      failure->offset = (int32_t)offset;
    }
    size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= length) return;
    data += step;
    length -= step;
  }
}

/* Reads an NLMSG_ERROR or an NLMSG_DONE: the errno (0 for an acknowledgement), text and offset. */
static struct failure read_outcome(const struct nlmsghdr *header) {
  const uint8_t *payload = (const uint8_t *)header + NLMSG_HDRLEN;
  size_t length = header->nlmsg_len - NLMSG_HDRLEN;
  struct failure failure = {.offset = -1};
  int32_t code = 0;
  if (length < sizeof code) return failure;
  memcpy(&code, payload, sizeof code);
  failure.error = code < 0 ? -code : code;
  size_t skip = sizeof code;
  if (header->nlmsg_type == NLMSG_ERROR) {
    skip = sizeof(struct nlmsgerr);
    if (length >= skip && !(header->nlmsg_flags & NLM_F_CAPPED) && failure.error != 0) {
      uint32_t request_length;
      memcpy(&request_length, payload + sizeof code, sizeof request_length);
      if (request_length > NLMSG_HDRLEN) skip += NLMSG_ALIGN(request_length) - NLMSG_HDRLEN;
    }
  }
  if (failure.error != 0 && (header->nlmsg_flags & NLM_F_ACK_TLVS) && length > skip)
    read_extended(payload + skip, length - skip, &failure);
  return failure;
}

static bool is_cancelled(struct request *request, struct job *job) {
  if (atomic_load(&job->cancelled)) return true;
  pthread_mutex_lock(&request->lock);
  bool stop = request->stop;
  pthread_mutex_unlock(&request->lock);
  return stop;
}

static int send_all(struct request *request, uint8_t *data, size_t length) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct iovec vector = {data, length};
  struct msghdr header = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &vector, .msg_iovlen = 1};
  for (;;) {
    if (sendmsg(request->fd, &header, 0) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

/* ---- batches ---- */

/*
 * How many messages the next send may hold, 0 when the job was cancelled. Waits while a paced monitor is crowded:
 * notifications that our own sends cause must not be what overflows it.
 */
static uint32_t send_room(struct request *request, struct job *job) {
  uint32_t limit = request->send_limit;
  pthread_mutex_lock(&request->lock);
  for (;;) {
    bool crowded = false;
    if (request->stop || atomic_load(&job->cancelled)) {
      limit = 0;
      break;
    }
    for (uint32_t i = 0; i < request->monitor_count && !crowded; i++)
      crowded = monitor_is_crowded(request->monitors[i]);
    if (!crowded) break;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PACE_NANOSECONDS;
    if (until.tv_nsec >= 1000000000) {
      until.tv_sec++;
      until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&request->changed, &request->lock, &until);
  }
  for (uint32_t i = 0; i < request->monitor_count && limit > 0; i++) {
    uint32_t fits = monitor_buffer_bytes(request->monitors[i]) / 2 / QUEUE_BYTES_PER_MESSAGE;
    if (fits < LEAST_SEND_MESSAGES) fits = LEAST_SEND_MESSAGES;
    if (limit > fits) limit = fits;
  }
  pthread_mutex_unlock(&request->lock);
  return limit;
}

/* Takes the messages of one send: their count and bytes. 0 messages when the first one is malformed. */
static uint32_t take_chunk(struct job *job, size_t start, uint32_t limit, size_t *bytes) {
  uint32_t count = 0;
  size_t length = 0;
  while (count < limit && start + length < job->length) {
    size_t left = job->length - start - length;
    struct nlmsghdr *header = (struct nlmsghdr *)(job->data + start + length);
    if (left < sizeof *header || header->nlmsg_len < sizeof *header || header->nlmsg_len > left) break;
    size_t size = NLMSG_ALIGN(header->nlmsg_len);
    if (size > left) size = left;
    if (count > 0 && length + size > SEND_BYTES) break;
    length += size;
    count++;
  }
  *bytes = length;
  return count;
}

/* Numbers the messages and asks for an acknowledgement of the last alone. Errors come without asking. */
static uint32_t stamp_chunk(struct request *request, uint8_t *data, uint32_t count) {
  uint32_t first = request->sequence + 1;
  for (uint32_t i = 0; i < count; i++) {
    struct nlmsghdr *header = (struct nlmsghdr *)data;
    header->nlmsg_seq = ++request->sequence;
    header->nlmsg_pid = 0;
    header->nlmsg_flags |= NLM_F_REQUEST;
    header->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
    if (i + 1 == count) header->nlmsg_flags |= NLM_F_ACK;
    data += NLMSG_ALIGN(header->nlmsg_len);
  }
  return first;
}

/* Collects the answers of one send. `failed` has a byte for each message. */
static void collect_chunk(struct request *request, struct job *job, uint32_t base, uint32_t first, uint32_t count,
                          uint8_t *failed) {
  bool complete = false, lost = false, waited = false;
  while (!complete) {
    ssize_t length = receive(request);
    if (length == -ENOBUFS || length == -EMSGSIZE) {
      lost = true;
      continue;
    }
    if (length == -EAGAIN && !lost && !waited) {
      waited = true;
      if (wait_readable(request)) continue;
    }
    if (length < 0) break;
    size_t left = (size_t)length;
    uint8_t *data = request->scratch;
    while (left >= sizeof(struct nlmsghdr)) {
      struct nlmsghdr *header = (struct nlmsghdr *)data;
      if (header->nlmsg_len < sizeof *header || header->nlmsg_len > left) break;
      uint32_t index = header->nlmsg_seq - first;
      if (header->nlmsg_type == NLMSG_ERROR && index < count) {
        struct failure failure = read_outcome(header);
        if (failure.error != 0) {
          failed[index] = 1;
          job_add_failure(job, base + index, failure.error, failure.offset, failure.text);
        }
        if (index + 1 == count) complete = true;
      }
      size_t step = NLMSG_ALIGN(header->nlmsg_len);
      if (step >= left) break;
      data += step;
      left -= step;
    }
  }
  if (complete && !lost) return;
  /* Errors may be among what was lost, so nothing without one can be called done. */
  job->interrupted = true;
  for (uint32_t i = 0; i < count; i++)
    if (!failed[i]) job_add_failure(job, base + i, ENOBUFS, -1, NULL);
}

static uint32_t count_messages(const struct job *job, size_t start) {
  uint32_t count = 0;
  while (start + sizeof(struct nlmsghdr) <= job->length) {
    const struct nlmsghdr *header = (const struct nlmsghdr *)(job->data + start);
    if (header->nlmsg_len < sizeof *header) break;
    start += NLMSG_ALIGN(header->nlmsg_len);
    count++;
  }
  return count;
}

static void run_batch(struct request *request, struct job *job) {
  uint8_t failed[SEND_MESSAGES];
  uint32_t base = 0;
  size_t start = 0;
  while (start < job->length) {
    uint32_t limit = send_room(request, job);
    if (limit == 0) {
      uint32_t rest = count_messages(job, start);
      for (uint32_t i = 0; i < rest; i++) job_add_failure(job, base + i, ECANCELED, -1, NULL);
      return;
    }
    size_t bytes;
    uint32_t count = take_chunk(job, start, limit, &bytes);
    if (count == 0) { /* malformed: nothing behind it can be found either */
      job->outcome.error = EINVAL;
      return;
    }
    uint32_t first = stamp_chunk(request, job->data + start, count);
    int error = send_all(request, job->data + start, bytes);
    if (error != 0) {
      for (uint32_t i = 0; i < count; i++) job_add_failure(job, base + i, error, -1, NULL);
    } else {
      memset(failed, 0, count);
      collect_chunk(request, job, base, first, count, failed);
    }
    base += count;
    start += bytes;
  }
  if (job->starved) job->outcome.error = ENOMEM;
}

/* ---- dumps and queries ---- */

/* Takes the messages of one datagram. true: the exchange is complete. */
static bool take_reply(struct request *request, struct job *job, size_t left, uint32_t sequence, bool keep) {
  uint8_t *data = request->scratch;
  while (left >= sizeof(struct nlmsghdr)) {
    struct nlmsghdr *header = (struct nlmsghdr *)data;
    if (header->nlmsg_len < sizeof *header || header->nlmsg_len > left) return false;
    if (header->nlmsg_seq == sequence) {
      if (header->nlmsg_flags & NLM_F_DUMP_INTR && job->kind == JOB_DUMP) job->interrupted = true;
      if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
        free(job->outcome.text);
        job->outcome = read_outcome(header);
        if (job->kind == JOB_DUMP && job->outcome.error == EINTR) job->interrupted = true;
        return true;
      }
      if (header->nlmsg_type >= NLMSG_MIN_TYPE && keep) job_add_message(job, data, header->nlmsg_len);
    }
    size_t step = NLMSG_ALIGN(header->nlmsg_len);
    if (step >= left) return false;
    data += step;
    left -= step;
  }
  return false;
}

static void run_exchange(struct request *request, struct job *job) {
  struct nlmsghdr *header = (struct nlmsghdr *)job->data;
  if (job->length < sizeof *header || header->nlmsg_len < sizeof *header || header->nlmsg_len > job->length) {
    job->outcome.error = EINVAL;
    return;
  }
  if (is_cancelled(request, job)) {
    job->outcome.error = ECANCELED;
    return;
  }
  uint32_t sequence = ++request->sequence;
  header->nlmsg_seq = sequence;
  header->nlmsg_pid = 0;
  header->nlmsg_flags |= NLM_F_REQUEST | (job->kind == JOB_DUMP ? NLM_F_DUMP : NLM_F_ACK);
  job->outcome.error = send_all(request, job->data, job->length);
  if (job->outcome.error != 0) return;
  bool complete = false, waited = false, keep = true;
  while (!complete) {
    ssize_t length = receive(request);
    if (length == -ENOBUFS || length == -EMSGSIZE) {
      job->interrupted = true; /* read on, or the unfinished dump would make the next one EBUSY */
      continue;
    }
    if (length == -EAGAIN && !waited && !job->interrupted) {
      waited = true;
      if (wait_readable(request)) continue;
    }
    if (length < 0) {
      job->interrupted = true;
      if (length != -EAGAIN) job->outcome.error = (int)-length;
      break;
    }
    waited = false;
    if (keep && is_cancelled(request, job)) {
      keep = false;
      job_drop_messages(job);
    }
    complete = take_reply(request, job, (size_t)length, sequence, keep);
  }
  if (job->starved) job->outcome.error = ENOMEM;
  if (!keep) job->outcome.error = ECANCELED;
}

/* ---- the thread ---- */

static struct job *next_job(struct request *request) {
  pthread_mutex_lock(&request->lock);
  while (request->head == NULL && !request->stop) pthread_cond_wait(&request->changed, &request->lock);
  struct job *job = request->stop ? NULL : request->head;
  if (job != NULL) {
    request->head = job->next;
    if (request->head == NULL) request->tail = NULL;
    job->next = NULL;
  }
  pthread_mutex_unlock(&request->lock);
  return job;
}

static void *request_main(void *argument) {
  struct request *request = argument;
  struct job *job;
  while ((job = next_job(request)) != NULL) {
    if (job->kind == JOB_BATCH)
      run_batch(request, job);
    else
      run_exchange(request, job);
    /* Delivered or, while the environment ends, freed with the queue of the function. */
    if (napi_call_threadsafe_function(request->deliver, job, napi_tsfn_nonblocking) != napi_ok) break;
  }
  napi_release_threadsafe_function(request->deliver, napi_tsfn_release);
  return NULL;
}

/* ---- the JS thread ---- */

static void forget(struct request *request, struct job *job) {
  struct job **link = &request->outstanding;
  while (*link != NULL && *link != job) link = &(*link)->sibling;
  if (*link != NULL) *link = job->sibling;
}

static void call_on_done(napi_env env, napi_value on_done, struct job *job) {
  napi_value arguments[6], receiver;
  arguments[5] = job_result(env, job);
  if (arguments[5] == NULL) { /* no memory for the result; the caller must still hear of the end */
    napi_value ignored;
    napi_get_and_clear_last_exception(env, &ignored);
    if (job->outcome.error == 0) job->outcome.error = ENOMEM;
    if (napi_create_array(env, &arguments[5]) != napi_ok) return;
  }
  if (napi_get_undefined(env, &receiver) != napi_ok || napi_create_uint32(env, job->id, &arguments[0]) != napi_ok ||
      napi_create_int32(env, job->outcome.error, &arguments[1]) != napi_ok ||
      napi_create_int32(env, job->outcome.offset, &arguments[2]) != napi_ok ||
      napi_get_boolean(env, job->interrupted, &arguments[4]) != napi_ok)
    return;
  arguments[3] = receiver;
  if (job->outcome.text != NULL)
    napi_create_string_utf8(env, job->outcome.text, NAPI_AUTO_LENGTH, &arguments[3]);
  napi_call_function(env, receiver, on_done, 6, arguments, NULL);
}

/* Runs on the JS thread, also while the environment is torn down (then without env). */
static void deliver_job(napi_env env, napi_value on_done, void *context, void *data) {
  struct request *request = context;
  struct job *job = data;
  forget(request, job);
  if (env != NULL) {
    /* An idle socket does not keep the process alive. */
    if (request->outstanding == NULL && !request->closing) napi_unref_threadsafe_function(env, request->deliver);
    if (on_done != NULL && !request->closing) call_on_done(env, on_done, job);
  }
  job_free(job);
}

static void begin_stop(struct request *request) {
  pthread_mutex_lock(&request->lock);
  request->stop = true;
  pthread_cond_broadcast(&request->changed);
  pthread_mutex_unlock(&request->lock);
}

/* Before the environment goes: the thread must not touch the thread-safe function after its end. */
static void on_teardown(void *data) {
  struct request *request = data;
  request->closing = true;
  begin_stop(request);
  pthread_join(request->thread, NULL);
  request->joined = true;
}

static void on_function_gone(napi_env env, void *data, void *hint) {
  (void)hint;
  struct request *request = data;
  if (!request->joined) {
    pthread_join(request->thread, NULL);
    napi_remove_env_cleanup_hook(env, on_teardown, request);
  }
  request->closing = request->joined = true;
  request_dispose(request);
  request_release(request);
}

static void close_once(struct request *request) {
  if (request->closing) return;
  request->closing = true;
  begin_stop(request);
}

static void on_handle_gone(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  struct request *request = data;
  close_once(request);
  request_release(request);
}

static struct request *request_of(napi_env env, napi_value handle) {
  bool ours = false;
  void *data = NULL;
  if (napi_check_object_type_tag(env, handle, &request_tag, &ours) != napi_ok || !ours ||
      napi_unwrap(env, handle, &data) != napi_ok) {
    napi_throw_type_error(env, NULL, "expected a request socket's handle");
    return NULL;
  }
  return data;
}

static struct request *create(const struct route_socket *socket) {
  struct request *request = calloc(1, sizeof *request);
  uint8_t *scratch = malloc(SCRATCH_BYTES);
  if (request == NULL || scratch == NULL) {
    free(request);
    free(scratch);
    return NULL;
  }
  request->references = 1; /* the thread-safe function's */
  request->fd = socket->fd;
  request->port = socket->port;
  request->scratch = scratch;
  uint32_t fits = socket->buffer_bytes / QUEUE_BYTES_PER_MESSAGE;
  request->send_limit = fits < LEAST_SEND_MESSAGES ? LEAST_SEND_MESSAGES : fits > SEND_MESSAGES ? SEND_MESSAGES : fits;
  pthread_mutex_init(&request->lock, NULL);
  pthread_cond_init(&request->changed, NULL);
  return request;
}

static napi_value describe(napi_env env, struct request *request) {
  napi_value result, handle, value;
  NAPI_OR_THROW(env, napi_create_object(env, &result));
  NAPI_OR_THROW(env, napi_create_object(env, &handle));
  NAPI_OR_THROW(env, napi_wrap(env, handle, request, on_handle_gone, NULL, NULL));
  request->references++; /* the handle's */
  NAPI_OR_THROW(env, napi_type_tag_object(env, handle, &request_tag));
  NAPI_OR_THROW(env, napi_set_named_property(env, result, "handle", handle));
  NAPI_OR_THROW(env, napi_create_uint32(env, request->port, &value));
  NAPI_OR_THROW(env, napi_set_named_property(env, result, "port", value));
  return result;
}

napi_value open_request(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], value, name;
  char *netns = NULL;
  struct route_socket socket = {.receive_buffer = DEFAULT_RECEIVE_BUFFER};
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  NAPI_OR_THROW(env, napi_get_named_property(env, arguments[0], "netns", &value));
  if (!take_uint32_property(env, arguments[0], "receiveBuffer", &socket.receive_buffer)) return NULL;
  if (!take_string(env, value, &netns)) return NULL;
  struct outcome outcome = open_route_socket(netns, &socket);
  free(netns);
  if (outcome.error != 0) {
    throw_errno(env, outcome.syscall, outcome.error);
    return NULL;
  }
  struct request *request = create(&socket);
  if (request == NULL) {
    close(socket.fd);
    throw_errno(env, "openRequest", ENOMEM);
    return NULL;
  }
  if (napi_create_string_utf8(env, "overlay:request", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, arguments[1], NULL, name, 0, 1, request, on_function_gone, request,
                                      deliver_job, &request->deliver) != napi_ok) {
    throw_last(env);
    request_release(request);
    return NULL;
  }
  napi_unref_threadsafe_function(env, request->deliver);
  int error = start_thread(&request->thread, "overlay-netlink", request_main, request);
  if (error != 0) {
    request->closing = request->joined = true; /* nothing to join; the function's end releases the rest */
    napi_release_threadsafe_function(request->deliver, napi_tsfn_release);
    throw_errno(env, "pthread_create", error);
    return NULL;
  }
  /* Hooks run last in, first out: ours, added after the function's own, joins the thread before that one. */
  napi_add_env_cleanup_hook(env, on_teardown, request);
  return describe(env, request);
}

napi_value submit(napi_env env, napi_callback_info info) {
  size_t count = 4, length;
  napi_value arguments[4];
  uint32_t id, kind;
  void *data;
  napi_typedarray_type type;
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  struct request *request = request_of(env, arguments[0]);
  if (request == NULL) return NULL;
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[1], &id));
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[2], &kind));
  NAPI_OR_THROW(env, napi_get_typedarray_info(env, arguments[3], &type, &length, &data, NULL, NULL));
  if (type != napi_uint8_array || kind > JOB_QUERY) {
    napi_throw_type_error(env, NULL, "expected a known kind of job and a Uint8Array");
    return NULL;
  }
  if (request->closing) {
    throw_errno(env, "submit", EBADF);
    return NULL;
  }
  struct job *job = job_create(id, (enum job_kind)kind, data, length);
  if (job == NULL) {
    throw_errno(env, "submit", ENOMEM);
    return NULL;
  }
  if (request->outstanding == NULL) napi_ref_threadsafe_function(env, request->deliver);
  job->sibling = request->outstanding;
  request->outstanding = job;
  pthread_mutex_lock(&request->lock);
  if (request->tail == NULL)
    request->head = job;
  else
    request->tail->next = job;
  request->tail = job;
  pthread_cond_broadcast(&request->changed);
  pthread_mutex_unlock(&request->lock);
  return NULL;
}

napi_value cancel(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  uint32_t id;
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  struct request *request = request_of(env, arguments[0]);
  if (request == NULL) return NULL;
  NAPI_OR_THROW(env, napi_get_value_uint32(env, arguments[1], &id));
  for (struct job *job = request->outstanding; job != NULL; job = job->sibling)
    if (job->id == id) atomic_store(&job->cancelled, true);
  return NULL;
}

napi_value pace(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  bool on;
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  struct request *request = request_of(env, arguments[0]);
  if (request == NULL) return NULL;
  struct monitor *monitor = monitor_of(env, arguments[1]);
  if (monitor == NULL) return NULL;
  NAPI_OR_THROW(env, napi_get_value_bool(env, arguments[2], &on));
  bool full = false;
  struct monitor *dropped = NULL;
  pthread_mutex_lock(&request->lock);
  uint32_t position = 0;
  while (position < request->monitor_count && request->monitors[position] != monitor) position++;
  bool known = position < request->monitor_count;
  if (on && !known) {
    full = request->monitor_count == MAX_MONITORS;
    if (!full) {
      monitor_retain(monitor);
      request->monitors[request->monitor_count++] = monitor;
    }
  } else if (!on && known) {
    request->monitors[position] = request->monitors[--request->monitor_count];
    dropped = monitor;
    pthread_cond_broadcast(&request->changed);
  }
  pthread_mutex_unlock(&request->lock);
  if (dropped != NULL) monitor_release(dropped);
  if (full) throw_errno(env, "pace", ENOSPC);
  return NULL;
}

napi_value close_request(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
  struct request *request = request_of(env, argument);
  if (request != NULL) close_once(request);
  return NULL;
}
