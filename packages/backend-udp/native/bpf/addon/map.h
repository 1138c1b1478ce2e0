/* Maps: made, found, read and written. */
#ifndef OVERLAY_BPF_MAP_H
#define OVERLAY_BPF_MAP_H

#include "support.h"

/* (name, type, keySize, valueSize, maxEntries, flags) -> fd */
napi_value create_map(napi_env env, napi_callback_info info);
/* (id) -> fd */
napi_value map_by_id(napi_env env, napi_callback_info info);
/* (fd) -> { id, type, keySize, valueSize, maxEntries, flags, name } */
napi_value map_info(napi_env env, napi_callback_info info);
/* (fd): nobody can write it any more, and the verifier takes its content for constant. */
napi_value freeze_map(napi_env env, napi_callback_info info);
/* (fd, keys, values, count): all of them; throws at the first that is refused. */
napi_value update_map(napi_env env, napi_callback_info info);
/* (fd, keys, count): those that are there. */
napi_value delete_map(napi_env env, napi_callback_info info);
/* (fd, key, valueBytes) -> the value, of each CPU for a per-CPU map; undefined when there is none. */
napi_value lookup_map(napi_env env, napi_callback_info info);
/* (fd, keySize, valueSize) -> { keys, values, count } of a hash map */
napi_value dump_map(napi_env env, napi_callback_info info);
/* (fd, keySize, valueSize) -> a digest of all entries in any order, as a bigint */
napi_value digest_map(napi_env env, napi_callback_info info);

#endif
