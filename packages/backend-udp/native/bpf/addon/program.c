#include "program.h"

#include "bpf_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_MAPS 64
#define LOG_BYTES (1 << 20)
#define LAST_WORDS 400

static const unsigned char elf[] = {
#include "bytecode.inc"
};

napi_value bytecode(napi_env env, napi_callback_info info) {
  (void)info;
  void *data;
  napi_value bytes = make_bytes(env, sizeof elf, &data);
  if (bytes != NULL) memcpy(data, elf, sizeof elf);
  return bytes;
}

/* Throws the error with what the verifier said last before it summed up. */
static void throw_refusal(napi_env env, int error, const char *log) {
  napi_value value = make_errno_error(env, "BPF_PROG_LOAD", error), text;
  size_t length = strlen(log);
  const char *end = log + (length > LAST_WORDS ? length - LAST_WORDS : 0);
  if (value != NULL && napi_create_string_utf8(env, end, NAPI_AUTO_LENGTH, &text) == napi_ok &&
      napi_set_named_property(env, value, "verifier", text) == napi_ok)
    napi_throw(env, value);
  else
    throw_last(env);
}

napi_value load_program(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  char *name = NULL, *license = NULL;
  uint8_t *instructions;
  size_t bytes;
  napi_value result = NULL;
  if (!take_arguments(env, info, 3, arguments) || !take_bytes(env, arguments[1], &instructions, &bytes) ||
      !take_string(env, arguments[0], &name))
    return NULL;
  if (take_string(env, arguments[2], &license)) {
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
                                 .insns = (uintptr_t)instructions,
                                 .insn_cnt = (uint32_t)(bytes / sizeof(struct bpf_insn)),
                                 .license = (uintptr_t)(license != NULL ? license : "")};
    if (name != NULL) strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
    int fd = bpf_call(BPF_PROG_LOAD, &attributes);
    if (fd >= 0) {
      result = make_u32(env, (uint32_t)fd);
    } else {
      /* Once more, for the reason: writing the log takes longer than verifying. */
      int error = errno;
      char *log = calloc(1, LOG_BYTES);
      if (log != NULL) {
        attributes.log_buf = (uintptr_t)log;
        attributes.log_size = LOG_BYTES;
        attributes.log_level = 1;
        fd = bpf_call(BPF_PROG_LOAD, &attributes);
      }
      if (fd >= 0)
        result = make_u32(env, (uint32_t)fd);
      else
        throw_refusal(env, error, log != NULL ? log : "");
      free(log);
    }
  }
  free(name);
  free(license);
  return result;
}

napi_value program_by_id(napi_env env, napi_callback_info info) {
  napi_value argument;
  union bpf_attr attributes = {0};
  if (!take_arguments(env, info, 1, &argument) || !take_u32(env, argument, &attributes.prog_id)) return NULL;
  int fd = bpf_call(BPF_PROG_GET_FD_BY_ID, &attributes);
  if (fd >= 0) return make_u32(env, (uint32_t)fd);
  throw_errno(env, "BPF_PROG_GET_FD_BY_ID", errno);
  return NULL;
}

napi_value program_info(napi_env env, napi_callback_info info) {
  napi_value argument, object, name, ids;
  uint32_t fd, maps[MOST_MAPS];
  if (!take_arguments(env, info, 1, &argument) || !take_u32(env, argument, &fd)) return NULL;
  struct bpf_prog_info found = {.nr_map_ids = MOST_MAPS, .map_ids = (uintptr_t)maps};
  union bpf_attr attributes = {.info = {.bpf_fd = fd, .info_len = sizeof found, .info = (uintptr_t)&found}};
  if (bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0) {
    throw_errno(env, "BPF_OBJ_GET_INFO_BY_FD", errno);
    return NULL;
  }
  uint32_t count = found.nr_map_ids < MOST_MAPS ? found.nr_map_ids : MOST_MAPS;
  NAPI_OR_THROW(env, napi_create_object(env, &object));
  NAPI_OR_THROW(env, napi_create_array_with_length(env, count, &ids));
  for (uint32_t i = 0; i < count; i++) {
    napi_value id = make_u32(env, maps[i]);
    if (id == NULL) return NULL;
    NAPI_OR_THROW(env, napi_set_element(env, ids, i, id));
  }
  NAPI_OR_THROW(env, napi_create_string_utf8(env, found.name, strnlen(found.name, sizeof found.name), &name));
  if (!set_property(env, object, "id", make_u32(env, found.id)) || !set_property(env, object, "name", name) ||
      !set_property(env, object, "verified", make_u32(env, found.verified_insns)) ||
      !set_property(env, object, "maps", ids))
    return NULL;
  return object;
}

napi_value close_fd(napi_env env, napi_callback_info info) {
  napi_value argument;
  uint32_t fd;
  if (take_arguments(env, info, 1, &argument) && take_u32(env, argument, &fd)) close((int)fd);
  return NULL;
}
