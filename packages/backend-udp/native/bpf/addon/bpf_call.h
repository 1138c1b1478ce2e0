/* bpf(2) for Node: what every part of the addon shares. */
#ifndef OVERLAY_BPF_CALL_H
#define OVERLAY_BPF_CALL_H

#include "support.h"

#include <linux/bpf.h>

/* bpf(2); -1 and errno. Where the memory limit of old kernels forbids a map or program it is lifted and tried again. */
int bpf_call(enum bpf_cmd command, union bpf_attr *attributes);

/* Reads arguments by position; false: exception pending. */
bool take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);
bool take_u32(napi_env env, napi_value value, uint32_t *out);
bool take_bytes(napi_env env, napi_value value, uint8_t **data, size_t *length);

/* A Uint8Array of this many bytes, and where they lie; NULL: exception pending. */
napi_value make_bytes(napi_env env, size_t length, void **data);
napi_value make_u32(napi_env env, uint32_t value);
/* Sets a property; false: exception pending. */
bool set_property(napi_env env, napi_value object, const char *name, napi_value value);

#endif
