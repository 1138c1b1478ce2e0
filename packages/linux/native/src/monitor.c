#include "monitor.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "route_socket.h"

#define SLOTS 32                       /* messages one recvmmsg takes */
#define SLOT_BYTES (16 * 1024)         /* no rtnetlink notification comes near it */
#define EVENT_BYTES (128 * 1024)       /* a burst is handed to JS in pieces of about this size */
#define MAX_QUEUED_EVENTS 8            /* more unread ones, and reading stops: the kernel counts what is lost */
#define DEFAULT_RECEIVE_BUFFER (8u << 20)

enum event_kind { EVENT_MESSAGES = 0, EVENT_OVERFLOW = 1, EVENT_FAILED = 2 };

struct event {
  enum event_kind kind;
  int error;
  size_t length;
  uint8_t data[];
};

struct monitor {
  atomic_int references;
  atomic_int queued; /* events posted and not yet delivered */
  atomic_bool stop;
  pthread_mutex_t lock; /* of the descriptors, which others may look at while we close them */
  int fd;
  int wake; /* eventfd: stop was set, or there is room for an event again */
  uint32_t buffer_bytes;
  napi_env env;
  napi_threadsafe_function deliver;
  pthread_t thread;
  bool closing; /* JS thread only */
  bool joined;  /* JS thread only */
  uint8_t *slots;
};

static const napi_type_tag monitor_tag = {0x6f7665726c61796dull, 0x9d1c2b7a3e5f4081ull};

void monitor_retain(struct monitor *monitor) { atomic_fetch_add(&monitor->references, 1); }

/* Gives back what is worth much, without waiting for the handle to be collected. The thread must have ended. */
static void monitor_dispose(struct monitor *monitor) {
  pthread_mutex_lock(&monitor->lock);
  if (monitor->fd >= 0) close(monitor->fd);
  if (monitor->wake >= 0) close(monitor->wake);
  monitor->fd = monitor->wake = -1;
  pthread_mutex_unlock(&monitor->lock);
  free(monitor->slots);
  monitor->slots = NULL;
}

void monitor_release(struct monitor *monitor) {
  if (atomic_fetch_sub(&monitor->references, 1) != 1) return;
  monitor_dispose(monitor);
  pthread_mutex_destroy(&monitor->lock);
  free(monitor);
}

uint32_t monitor_buffer_bytes(const struct monitor *monitor) { return monitor->buffer_bytes; }

bool monitor_is_crowded(struct monitor *monitor) {
  uint32_t info[SK_MEMINFO_VARS];
  socklen_t length = sizeof info;
  if (atomic_load(&monitor->stop)) return false;
  pthread_mutex_lock(&monitor->lock);
  bool known = monitor->fd >= 0 && getsockopt(monitor->fd, SOL_SOCKET, SO_MEMINFO, info, &length) == 0;
  pthread_mutex_unlock(&monitor->lock);
  return known && info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
}

static void wake_up(struct monitor *monitor) {
  uint64_t one = 1;
  pthread_mutex_lock(&monitor->lock);
  ssize_t written = monitor->wake >= 0 ? write(monitor->wake, &one, sizeof one) : 0;
  pthread_mutex_unlock(&monitor->lock);
  (void)written; /* fails only when the counter is full, and then it is readable anyway */
}

/* Gives the event away. Runs on the monitor's thread. */
static void post(struct monitor *monitor, struct event *event) {
  atomic_fetch_add(&monitor->queued, 1);
  if (napi_call_threadsafe_function(monitor->deliver, event, napi_tsfn_nonblocking) != napi_ok) {
    atomic_fetch_sub(&monitor->queued, 1);
    free(event);
  }
}

static bool post_plain(struct monitor *monitor, enum event_kind kind, int error) {
  struct event *event = calloc(1, sizeof *event);
  if (event == NULL) return false;
  event->kind = kind;
  event->error = error;
  post(monitor, event);
  return true;
}

/*
 * After an overflow everything has to be read from the kernel again, so what is still queued is older than that
 * and would only mislead. At most one buffer's worth is thrown away, so that a steady stream cannot hold us here.
 */
static void discard_queued(struct monitor *monitor) {
  size_t discarded = 0;
  while (discarded < monitor->buffer_bytes) {
    ssize_t length = recv(monitor->fd, monitor->slots, SLOT_BYTES, MSG_DONTWAIT | MSG_TRUNC);
    if (length >= 0)
      discarded += (size_t)length + 512; /* the kernel charges its own overhead too */
    else if (errno != EINTR && errno != ENOBUFS)
      return;
  }
}

/* Reads what is there, up to one event. Returns false when the socket is of no more use. */
static bool read_event(struct monitor *monitor) {
  struct mmsghdr messages[SLOTS];
  struct iovec vectors[SLOTS];
  struct sockaddr_nl senders[SLOTS];
  size_t length = 0;
  bool lost = false;
  int error = 0;
  struct event *event = malloc(sizeof *event + EVENT_BYTES + SLOTS * SLOT_BYTES);
  if (event == NULL) return post_plain(monitor, EVENT_FAILED, ENOMEM), false;
  while (length < EVENT_BYTES && !lost) {
    memset(messages, 0, sizeof messages);
    for (uint32_t i = 0; i < SLOTS; i++) {
      vectors[i] = (struct iovec){monitor->slots + (size_t)i * SLOT_BYTES, SLOT_BYTES};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(monitor->fd, messages, SLOTS, MSG_DONTWAIT, NULL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        lost = true;
        break;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK) error = errno;
      break;
    }
    for (int i = 0; i < count; i++) {
      if (senders[i].nl_pid != 0) continue; /* only the kernel is believed */
      if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
        lost = true;
        continue;
      }
      size_t size = messages[i].msg_len;
      memcpy(event->data + length, vectors[i].iov_base, size);
      length += NLMSG_ALIGN(size);
    }
    if (count == 0) break;
  }
  if (lost) {
    free(event);
    discard_queued(monitor);
    return post_plain(monitor, EVENT_OVERFLOW, ENOBUFS);
  }
  if (length > 0) {
    struct event *fitted = realloc(event, sizeof *event + length);
    if (fitted != NULL) event = fitted;
    event->kind = EVENT_MESSAGES;
    event->error = 0;
    event->length = length;
    post(monitor, event);
  } else {
    free(event);
  }
  if (error != 0) {
    post_plain(monitor, EVENT_FAILED, error);
    return false;
  }
  return true;
}

static void *monitor_main(void *argument) {
  struct monitor *monitor = argument;
  bool usable = true;
  for (;;) {
    struct pollfd polled[2] = {{.fd = monitor->wake, .events = POLLIN}, {.fd = monitor->fd, .events = POLLIN}};
    bool reading = usable && atomic_load(&monitor->queued) < MAX_QUEUED_EVENTS;
    int ready = poll(polled, reading ? 2 : 1, -1);
    if (atomic_load(&monitor->stop)) break;
    if (ready < 0) continue; /* EINTR, or out of memory for a moment */
    if (polled[0].revents != 0) {
      uint64_t count;
      ssize_t taken = read(monitor->wake, &count, sizeof count);
      (void)taken;
    }
    if (reading && polled[1].revents != 0) usable = read_event(monitor);
  }
  napi_release_threadsafe_function(monitor->deliver, napi_tsfn_release);
  return NULL;
}

/* Runs on the JS thread, also while the environment is torn down (then without env). */
static void deliver_event(napi_env env, napi_value on_event, void *context, void *data) {
  struct monitor *monitor = context;
  struct event *event = data;
  /* The thread waits for room only at the bound, and only it adds events. */
  if (atomic_fetch_sub(&monitor->queued, 1) >= MAX_QUEUED_EVENTS) wake_up(monitor);
  if (env != NULL && on_event != NULL && !monitor->closing) {
    napi_value arguments[3], receiver;
    void *bytes;
    if (napi_get_undefined(env, &receiver) == napi_ok && napi_create_int32(env, event->kind, &arguments[0]) == napi_ok &&
        napi_create_int32(env, event->error, &arguments[1]) == napi_ok &&
        napi_create_arraybuffer(env, event->length, &bytes, &arguments[2]) == napi_ok) {
      if (event->length > 0) memcpy(bytes, event->data, event->length);
      napi_call_function(env, receiver, on_event, 3, arguments, NULL);
    }
  }
  free(event);
}

static void begin_stop(struct monitor *monitor) {
  atomic_store(&monitor->stop, true);
  wake_up(monitor);
}

/* Before the environment goes: the thread must not touch the thread-safe function after its end. */
static void on_teardown(void *data) {
  struct monitor *monitor = data;
  monitor->closing = true;
  begin_stop(monitor);
  pthread_join(monitor->thread, NULL);
  monitor->joined = true;
}

/* The thread has let go of the function, or the environment ends. */
static void on_function_gone(napi_env env, void *data, void *hint) {
  (void)hint;
  struct monitor *monitor = data;
  if (!monitor->joined) {
    pthread_join(monitor->thread, NULL);
    napi_remove_env_cleanup_hook(env, on_teardown, monitor);
  }
  monitor->closing = true;
  monitor_dispose(monitor);
  monitor_release(monitor);
}

static void on_handle_gone(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  struct monitor *monitor = data;
  if (!monitor->closing) {
    monitor->closing = true;
    begin_stop(monitor);
  }
  monitor_release(monitor);
}

static bool take_list(napi_env env, napi_value object, const char *name, uint32_t *list, uint32_t limit, uint32_t *count) {
  napi_value array, element;
  napi_valuetype type;
  bool is_array = false;
  *count = 0;
  if (napi_get_named_property(env, object, name, &array) != napi_ok || napi_typeof(env, array, &type) != napi_ok) {
    throw_last(env);
    return false;
  }
  if (type == napi_undefined) return true;
  if (napi_is_array(env, array, &is_array) != napi_ok || !is_array || napi_get_array_length(env, array, count) != napi_ok ||
      *count > limit) {
    napi_throw_type_error(env, NULL, "expected an array of not too many numbers");
    return false;
  }
  for (uint32_t i = 0; i < *count; i++)
    if (napi_get_element(env, array, i, &element) != napi_ok || napi_get_value_uint32(env, element, &list[i]) != napi_ok) {
      napi_throw_type_error(env, NULL, "expected an array of numbers");
      return false;
    }
  return true;
}

static bool take_options(napi_env env, napi_value options, char **netns, struct route_socket *socket) {
  napi_value value;
  socket->receive_buffer = DEFAULT_RECEIVE_BUFFER;
  if (napi_get_named_property(env, options, "netns", &value) != napi_ok) {
    throw_last(env);
    return false;
  }
  return take_uint32_property(env, options, "receiveBuffer", &socket->receive_buffer) &&
         take_list(env, options, "groups", socket->groups, MAX_GROUPS, &socket->group_count) &&
         take_list(env, options, "ignoredPorts", socket->ignored_ports, MAX_IGNORED_PORTS, &socket->ignored_count) &&
         take_string(env, value, netns);
}

static napi_value describe(napi_env env, struct monitor *monitor, uint32_t port) {
  napi_value result, handle, value;
  NAPI_OR_THROW(env, napi_create_object(env, &result));
  NAPI_OR_THROW(env, napi_create_object(env, &handle));
  NAPI_OR_THROW(env, napi_wrap(env, handle, monitor, on_handle_gone, NULL, NULL));
  monitor_retain(monitor); /* the handle's */
  NAPI_OR_THROW(env, napi_type_tag_object(env, handle, &monitor_tag));
  NAPI_OR_THROW(env, napi_set_named_property(env, result, "handle", handle));
  NAPI_OR_THROW(env, napi_create_uint32(env, port, &value));
  NAPI_OR_THROW(env, napi_set_named_property(env, result, "port", value));
  NAPI_OR_THROW(env, napi_create_uint32(env, monitor->buffer_bytes, &value));
  NAPI_OR_THROW(env, napi_set_named_property(env, result, "receiveBuffer", value));
  return result;
}

napi_value open_monitor(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], name;
  char *netns = NULL;
  struct route_socket socket = {0};
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  if (!take_options(env, arguments[0], &netns, &socket)) return NULL;
  struct outcome outcome = open_route_socket(netns, &socket);
  free(netns);
  if (outcome.error != 0) {
    throw_errno(env, outcome.syscall, outcome.error);
    return NULL;
  }
  struct monitor *monitor = calloc(1, sizeof *monitor);
  uint8_t *slots = malloc((size_t)SLOTS * SLOT_BYTES);
  int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (monitor == NULL || slots == NULL || wake < 0) {
    int error = wake < 0 ? errno : ENOMEM;
    close(socket.fd);
    if (wake >= 0) close(wake);
    free(slots);
    free(monitor);
    throw_errno(env, "openMonitor", error);
    return NULL;
  }
  monitor->env = env;
  monitor->fd = socket.fd;
  monitor->wake = wake;
  monitor->slots = slots;
  monitor->buffer_bytes = socket.buffer_bytes;
  pthread_mutex_init(&monitor->lock, NULL);
  atomic_init(&monitor->references, 1); /* the thread-safe function's */
  if (napi_create_string_utf8(env, "overlay:monitor", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, arguments[1], NULL, name, 0, 1, monitor, on_function_gone, monitor,
                                      deliver_event, &monitor->deliver) != napi_ok) {
    throw_last(env);
    monitor_release(monitor);
    return NULL;
  }
  int error = start_thread(&monitor->thread, "overlay-monitor", monitor_main, monitor);
  if (error != 0) {
    monitor->joined = true; /* there is nothing to join; the function's end releases the rest */
    monitor->closing = true;
    napi_release_threadsafe_function(monitor->deliver, napi_tsfn_release);
    throw_errno(env, "pthread_create", error);
    return NULL;
  }
  /* Hooks run last in, first out: ours, added after the function's own, joins the thread before that one. */
  napi_add_env_cleanup_hook(env, on_teardown, monitor);
  return describe(env, monitor, socket.port);
}

struct monitor *monitor_of(napi_env env, napi_value handle) {
  bool ours = false;
  void *data = NULL;
  if (napi_check_object_type_tag(env, handle, &monitor_tag, &ours) != napi_ok || !ours ||
      napi_unwrap(env, handle, &data) != napi_ok) {
    napi_throw_type_error(env, NULL, "expected a monitor's handle");
    return NULL;
  }
  return data;
}

napi_value close_monitor(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
  struct monitor *monitor = monitor_of(env, argument);
  if (monitor != NULL && !monitor->closing) {
    monitor->closing = true;
    begin_stop(monitor);
  }
  return NULL;
}
