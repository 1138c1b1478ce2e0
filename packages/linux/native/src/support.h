/* What every part of the addon shares: Node-API shorthands and the entering of network namespaces. */
#ifndef OVERLAY_SUPPORT_H
#define OVERLAY_SUPPORT_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns.h"
#include "thread.h"

/* Leaves the calling function with NULL and a pending JS exception when a Node-API call fails. */
#define NAPI_OR_THROW(env, call)                                                                                      \
  do {                                                                                                                \
    if ((call) != napi_ok) {                                                                                          \
      throw_last(env);                                                                                                \
      return NULL;                                                                                                    \
    }                                                                                                                 \
  } while (0)

void throw_last(napi_env env);

/* An Error with `errno` (positive) and `syscall`, as Node's own system errors have them. */
napi_value make_errno_error(napi_env env, const char *syscall, int error);
void throw_errno(napi_env env, const char *syscall, int error);

/* Copies a JS string into malloc'ed memory; *out is NULL for undefined and null. false: exception pending. */
bool take_string(napi_env env, napi_value value, char **out);

/* Reads a numeric property; an absent one leaves *out as it is. false: exception pending. */
bool take_uint32_property(napi_env env, napi_value object, const char *name, uint32_t *out);

#endif
