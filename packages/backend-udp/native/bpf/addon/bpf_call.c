#include "bpf_call.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int call_once(enum bpf_cmd command, union bpf_attr *attributes) {
  for (;;) {
    int result = (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
    /* The verifier gives up with EAGAIN when a signal comes. */
    if (result >= 0 || (errno != EINTR && !(errno == EAGAIN && command == BPF_PROG_LOAD))) return result;
  }
}

int bpf_call(enum bpf_cmd command, union bpf_attr *attributes) {
  int result = call_once(command, attributes);
  if (result >= 0 || errno != EPERM || (command != BPF_MAP_CREATE && command != BPF_PROG_LOAD)) return result;
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return call_once(command, attributes);
  errno = EPERM;
  return -1;
}

bool take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok) {
    throw_last(env);
    return false;
  }
  return true;
}

bool take_u32(napi_env env, napi_value value, uint32_t *out) {
  if (napi_get_value_uint32(env, value, out) == napi_ok) return true;
  napi_throw_type_error(env, NULL, "expected a number");
  return false;
}

bool take_bytes(napi_env env, napi_value value, uint8_t **data, size_t *length) {
  napi_typedarray_type type;
  napi_value buffer;
  size_t offset;
  void *start = NULL;
  if (napi_get_typedarray_info(env, value, &type, length, &start, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "expected a Uint8Array");
    return false;
  }
  *data = start;
  return true;
}

napi_value make_bytes(napi_env env, size_t length, void **data) {
  napi_value buffer, bytes;
  NAPI_OR_THROW(env, napi_create_arraybuffer(env, length, data, &buffer));
  NAPI_OR_THROW(env, napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &bytes));
  return bytes;
}

napi_value make_u32(napi_env env, uint32_t value) {
  napi_value number;
  NAPI_OR_THROW(env, napi_create_uint32(env, value, &number));
  return number;
}

bool set_property(napi_env env, napi_value object, const char *name, napi_value value) {
  if (value == NULL) return false;
  if (napi_set_named_property(env, object, name, value) == napi_ok) return true;
  throw_last(env);
  return false;
}
