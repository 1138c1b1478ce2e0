#include "netns_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_READ_BYTES (1024 * 1024)

struct file_work {
  char *netns;
  char *path;
  char *text; /* to be written; or what was read */
  size_t length;
  bool writing;
  struct outcome outcome;
  napi_async_work work;
  napi_deferred deferred;
};

static void free_work(struct file_work *work) {
  free(work->netns);
  free(work->path);
  free(work->text);
  free(work);
}

static struct outcome read_all(struct file_work *work, int fd) {
  size_t capacity = 4096;
  work->text = malloc(capacity);
  if (work->text == NULL) return (struct outcome){ENOMEM, "malloc"};
  for (;;) {
    ssize_t count = read(fd, work->text + work->length, capacity - work->length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return (struct outcome){errno, "read"};
    if (count == 0) return (struct outcome){0, NULL};
    work->length += (size_t)count;
    if (work->length < capacity) continue;
    if (capacity >= MAX_READ_BYTES) return (struct outcome){EFBIG, "read"};
    char *larger = realloc(work->text, capacity * 2);
    if (larger == NULL) return (struct outcome){ENOMEM, "realloc"};
    work->text = larger;
    capacity *= 2;
  }
}

static struct outcome write_once(struct file_work *work, int fd) {
  /* sysctl files take their value from one write(2) only */
  ssize_t count;
  do count = write(fd, work->text, work->length);
  while (count < 0 && errno == EINTR);
  if (count < 0) return (struct outcome){errno, "write"};
  if ((size_t)count != work->length) return (struct outcome){EIO, "write"};
  return (struct outcome){0, NULL};
}

static struct outcome access_file(void *argument) {
  struct file_work *work = argument;
  int fd = open(work->path, (work->writing ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  if (fd < 0) return (struct outcome){errno, "open"};
  struct outcome outcome = work->writing ? write_once(work, fd) : read_all(work, fd);
  close(fd);
  return outcome;
}

static void execute(napi_env env, void *data) {
  (void)env;
  struct file_work *work = data;
  work->outcome = in_netns(work->netns, access_file, work);
}

static void complete(napi_env env, napi_status status, void *data) {
  struct file_work *work = data;
  napi_value value = NULL;
  if (status != napi_ok) work->outcome = (struct outcome){ECANCELED, "open"};
  if (work->outcome.error != 0) {
    value = make_errno_error(env, work->outcome.syscall, work->outcome.error);
    if (value != NULL) napi_reject_deferred(env, work->deferred, value);
  } else {
    if (work->writing)
      napi_get_undefined(env, &value);
    else
      napi_create_string_utf8(env, work->text, work->length, &value);
    if (value != NULL) napi_resolve_deferred(env, work->deferred, value);
  }
  napi_delete_async_work(env, work->work);
  free_work(work);
}

static napi_value start(napi_env env, napi_callback_info info, bool writing) {
  size_t count = 3;
  napi_value arguments[3], promise, name;
  NAPI_OR_THROW(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  struct file_work *work = calloc(1, sizeof *work);
  if (work == NULL) {
    throw_errno(env, "calloc", ENOMEM);
    return NULL;
  }
  work->writing = writing;
  if (!take_string(env, arguments[0], &work->netns) || !take_string(env, arguments[1], &work->path) ||
      (writing && !take_string(env, arguments[2], &work->text))) {
    free_work(work);
    return NULL;
  }
  if (work->path == NULL || (writing && work->text == NULL)) {
    napi_throw_type_error(env, NULL, "expected a path, and a text when writing");
    free_work(work);
    return NULL;
  }
  if (writing) work->length = strlen(work->text);
  if (napi_create_string_utf8(env, "overlay:netnsFile", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, work, &work->work) != napi_ok) {
    throw_last(env);
    free_work(work);
    return NULL;
  }
  if (napi_create_promise(env, &work->deferred, &promise) != napi_ok || napi_queue_async_work(env, work->work) != napi_ok) {
    throw_last(env);
    napi_delete_async_work(env, work->work);
    free_work(work);
    return NULL;
  }
  return promise;
}

napi_value read_netns_file(napi_env env, napi_callback_info info) { return start(env, info, false); }

napi_value write_netns_file(napi_env env, napi_callback_info info) { return start(env, info, true); }
