#include "map.h"

#include "bpf_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Entries read with one call. */
#define BATCH 4096

napi_value create_map(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  uint32_t numbers[5];
  char *name;
  if (!take_arguments(env, info, 6, arguments) || !take_string(env, arguments[0], &name)) return NULL;
  union bpf_attr attributes = {0};
  if (name != NULL) strncpy(attributes.map_name, name, sizeof attributes.map_name - 1);
  free(name);
  for (int i = 0; i < 5; i++)
    if (!take_u32(env, arguments[i + 1], &numbers[i])) return NULL;
  attributes.map_type = numbers[0];
  attributes.key_size = numbers[1];
  attributes.value_size = numbers[2];
  attributes.max_entries = numbers[3];
  attributes.map_flags = numbers[4];
  int fd = bpf_call(BPF_MAP_CREATE, &attributes);
  if (fd >= 0) return make_u32(env, (uint32_t)fd);
  throw_errno(env, "BPF_MAP_CREATE", errno);
  return NULL;
}

napi_value map_by_id(napi_env env, napi_callback_info info) {
  napi_value argument;
  union bpf_attr attributes = {0};
  if (!take_arguments(env, info, 1, &argument) || !take_u32(env, argument, &attributes.map_id)) return NULL;
  int fd = bpf_call(BPF_MAP_GET_FD_BY_ID, &attributes);
  if (fd >= 0) return make_u32(env, (uint32_t)fd);
  throw_errno(env, "BPF_MAP_GET_FD_BY_ID", errno);
  return NULL;
}

napi_value map_info(napi_env env, napi_callback_info info) {
  napi_value argument, object, name;
  uint32_t fd;
  if (!take_arguments(env, info, 1, &argument) || !take_u32(env, argument, &fd)) return NULL;
  struct bpf_map_info found = {0};
  union bpf_attr attributes = {.info = {.bpf_fd = fd, .info_len = sizeof found, .info = (uintptr_t)&found}};
  if (bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0) {
    throw_errno(env, "BPF_OBJ_GET_INFO_BY_FD", errno);
    return NULL;
  }
  NAPI_OR_THROW(env, napi_create_object(env, &object));
  NAPI_OR_THROW(env, napi_create_string_utf8(env, found.name, strnlen(found.name, sizeof found.name), &name));
  if (!set_property(env, object, "id", make_u32(env, found.id)) ||
      !set_property(env, object, "type", make_u32(env, found.type)) ||
      !set_property(env, object, "keySize", make_u32(env, found.key_size)) ||
      !set_property(env, object, "valueSize", make_u32(env, found.value_size)) ||
      !set_property(env, object, "maxEntries", make_u32(env, found.max_entries)) ||
      !set_property(env, object, "flags", make_u32(env, found.map_flags)) || !set_property(env, object, "name", name))
    return NULL;
  return object;
}

napi_value freeze_map(napi_env env, napi_callback_info info) {
  napi_value argument;
  union bpf_attr attributes = {0};
  if (!take_arguments(env, info, 1, &argument) || !take_u32(env, argument, &attributes.map_fd)) return NULL;
  if (bpf_call(BPF_MAP_FREEZE, &attributes) != 0) throw_errno(env, "BPF_MAP_FREEZE", errno);
  return NULL;
}

napi_value update_map(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  uint32_t fd, count;
  uint8_t *keys, *values;
  size_t key_bytes, value_bytes;
  if (!take_arguments(env, info, 4, arguments) || !take_u32(env, arguments[0], &fd) ||
      !take_bytes(env, arguments[1], &keys, &key_bytes) || !take_bytes(env, arguments[2], &values, &value_bytes) ||
      !take_u32(env, arguments[3], &count) || count == 0)
    return NULL;
  if (count == 1) { /* not every map has the call for many */
    union bpf_attr one = {.map_fd = fd, .key = (uintptr_t)keys, .value = (uintptr_t)values};
    if (bpf_call(BPF_MAP_UPDATE_ELEM, &one) != 0) throw_errno(env, "BPF_MAP_UPDATE_ELEM", errno);
    return NULL;
  }
  union bpf_attr attributes = {
      .batch = {.map_fd = fd, .keys = (uintptr_t)keys, .values = (uintptr_t)values, .count = count}};
  if (bpf_call(BPF_MAP_UPDATE_BATCH, &attributes) != 0) throw_errno(env, "BPF_MAP_UPDATE_BATCH", errno);
  return NULL;
}

napi_value delete_map(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t fd, count;
  uint8_t *keys;
  size_t bytes;
  if (!take_arguments(env, info, 3, arguments) || !take_u32(env, arguments[0], &fd) ||
      !take_bytes(env, arguments[1], &keys, &bytes) || !take_u32(env, arguments[2], &count) || count == 0)
    return NULL;
  /* The call for many ends at the first that is not there. */
  for (uint32_t i = 0; i < count; i++) {
    union bpf_attr one = {.map_fd = fd, .key = (uintptr_t)(keys + i * (bytes / count))};
    if (bpf_call(BPF_MAP_DELETE_ELEM, &one) != 0 && errno != ENOENT) {
      throw_errno(env, "BPF_MAP_DELETE_ELEM", errno);
      return NULL;
    }
  }
  return NULL;
}

napi_value lookup_map(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t fd, length;
  uint8_t *key;
  size_t key_bytes;
  void *data;
  if (!take_arguments(env, info, 3, arguments) || !take_u32(env, arguments[0], &fd) ||
      !take_bytes(env, arguments[1], &key, &key_bytes) || !take_u32(env, arguments[2], &length))
    return NULL;
  napi_value value = make_bytes(env, length, &data);
  if (value == NULL) return NULL;
  union bpf_attr attributes = {.map_fd = fd, .key = (uintptr_t)key, .value = (uintptr_t)data};
  if (bpf_call(BPF_MAP_LOOKUP_ELEM, &attributes) == 0) return value;
  if (errno != ENOENT) throw_errno(env, "BPF_MAP_LOOKUP_ELEM", errno);
  return NULL;
}

struct entries {
  uint8_t *keys;
  uint8_t *values;
  uint32_t count;
};

/* Reads up to BATCH entries; what the kernel remembers of where it was is in `cursor`. Returns an errno; ENOENT: the end. */
static int read_batch(uint32_t fd, bool first, uint32_t *cursor, struct entries *into, uint32_t room) {
  uint32_t next = 0;
  union bpf_attr attributes = {.batch = {.map_fd = fd,
                                         .in_batch = first ? 0 : (uintptr_t)cursor,
                                         .out_batch = (uintptr_t)&next,
                                         .keys = (uintptr_t)into->keys,
                                         .values = (uintptr_t)into->values,
                                         .count = room}};
  int error = bpf_call(BPF_MAP_LOOKUP_BATCH, &attributes) == 0 ? 0 : errno;
  into->count = error == 0 || error == ENOENT ? attributes.batch.count : 0;
  *cursor = next;
  return error;
}

napi_value dump_map(napi_env env, napi_callback_info info) {
  napi_value arguments[3], object;
  uint32_t fd, key_size, value_size, cursor = 0;
  if (!take_arguments(env, info, 3, arguments) || !take_u32(env, arguments[0], &fd) ||
      !take_u32(env, arguments[1], &key_size) || !take_u32(env, arguments[2], &value_size))
    return NULL;
  size_t capacity = BATCH, count = 0;
  uint8_t *keys = malloc(capacity * key_size), *values = malloc(capacity * value_size);
  int error = keys == NULL || values == NULL ? ENOMEM : 0;
  for (bool first = true; error == 0; first = false) {
    if (capacity - count < BATCH) {
      capacity *= 2;
      uint8_t *more_keys = realloc(keys, capacity * key_size);
      if (more_keys != NULL) keys = more_keys;
      uint8_t *more_values = realloc(values, capacity * value_size);
      if (more_values != NULL) values = more_values;
      if (more_keys == NULL || more_values == NULL) {
        error = ENOMEM;
        break;
      }
    }
    struct entries into = {keys + count * key_size, values + count * value_size, 0};
    error = read_batch(fd, first, &cursor, &into, BATCH);
    count += into.count;
  }
  object = NULL;
  if (error != ENOENT) {
    throw_errno(env, "BPF_MAP_LOOKUP_BATCH", error);
  } else if (napi_create_object(env, &object) != napi_ok) {
    throw_last(env);
  } else {
    void *key_data = NULL, *value_data = NULL;
    napi_value key_bytes = make_bytes(env, count * key_size, &key_data);
    napi_value value_bytes = key_bytes == NULL ? NULL : make_bytes(env, count * value_size, &value_data);
    if (value_bytes != NULL && count > 0) {
      memcpy(key_data, keys, count * key_size);
      memcpy(value_data, values, count * value_size);
    }
    if (!set_property(env, object, "keys", key_bytes) || !set_property(env, object, "values", value_bytes) ||
        !set_property(env, object, "count", make_u32(env, (uint32_t)count)))
      object = NULL;
  }
  free(keys);
  free(values);
  return object;
}

/* FNV-1a over key and value, stirred so that sums of many stay apart. */
static uint64_t hash_entry(const uint8_t *key, uint32_t key_size, const uint8_t *value, uint32_t value_size) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint32_t i = 0; i < key_size; i++) hash = (hash ^ key[i]) * 0x100000001b3u;
  for (uint32_t i = 0; i < value_size; i++) hash = (hash ^ value[i]) * 0x100000001b3u;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 33);
}

napi_value digest_map(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result;
  uint32_t fd, key_size, value_size, cursor = 0;
  if (!take_arguments(env, info, 3, arguments) || !take_u32(env, arguments[0], &fd) ||
      !take_u32(env, arguments[1], &key_size) || !take_u32(env, arguments[2], &value_size))
    return NULL;
  struct entries into = {malloc((size_t)BATCH * key_size), malloc((size_t)BATCH * value_size), 0};
  int error = into.keys == NULL || into.values == NULL ? ENOMEM : 0;
  uint64_t digest = 0;
  for (bool first = true; error == 0; first = false) {
    error = read_batch(fd, first, &cursor, &into, BATCH);
    for (uint32_t i = 0; i < into.count; i++)
      digest += hash_entry(into.keys + i * key_size, key_size, into.values + i * value_size, value_size);
  }
  free(into.keys);
  free(into.values);
  if (error != ENOENT) {
    throw_errno(env, "BPF_MAP_LOOKUP_BATCH", error);
    return NULL;
  }
  NAPI_OR_THROW(env, napi_create_bigint_uint64(env, digest, &result));
  return result;
}
